import igny8_core.common.tenancy.constraints
from django.db import migrations, models

IN_RANGE = """
UPDATE igny8_auth_account SET retention_days = least(greatest(retention_days, 1), 365)
 WHERE retention_days NOT BETWEEN 1 AND 365;
UPDATE igny8_auth_account SET max_credits_per_day = 0 WHERE max_credits_per_day < 0;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('igny8_auth', '0010_trail_of_any_field'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='industry',
            options={'verbose_name_plural': 'industries'},
        ),
        migrations.RemoveConstraint(
            model_name='account',
            name='igny8_auth_account_tenant',
        ),
        migrations.AddField(
            model_name='apikey',
            name='made_by',
            field=models.CharField(blank=True, help_text='Who acted, as in the trails: user:7, key:3.', max_length=100),
        ),
        migrations.AddField(
            model_name='seedkeyword',
            name='source',
            field=models.CharField(choices=[('account', 'Account'), ('packaged', 'Packaged'), ('retired', 'Retired')], db_default='account', default='account', help_text='Only packaged ones are shown to everybody.', max_length=8),
        ),
        migrations.AlterField(
            model_name='account',
            name='max_credits_per_day',
            field=models.BigIntegerField(blank=True, help_text='0 stops spending; empty: no cap.', null=True),
        ),
        migrations.AddIndex(
            model_name='statuschange',
            index=models.Index(fields=['account', 'id'], name='trail_of_account'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=igny8_core.common.tenancy.constraints.TenantPolicy(field='id', name='igny8_auth_account_tenant', privileges='SELECT, INSERT, UPDATE', staff='SELECT, INSERT, UPDATE'),
        ),
        migrations.RunSQL(IN_RANGE, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('retention_days__range', (1, 365))), name='account_retention'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('max_credits_per_day__isnull', True), ('max_credits_per_day__gte', 0), _connector='OR'), name='account_daily_cap'),
        ),
        migrations.AddConstraint(
            model_name='seedkeyword',
            constraint=models.CheckConstraint(condition=models.Q(('source__in', ['account', 'packaged', 'retired'])), name='seedkeyword_source'),
        ),
        migrations.AddIndex(
            model_name='seedkeyword',
            index=models.Index(condition=models.Q(('source', 'packaged')), fields=['keyword_norm', 'id'], name='seedkeyword_packaged'),
        ),
    ]
