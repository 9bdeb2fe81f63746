"""What the next period at a provider costs, fixed before it begins."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.manager
import igny8_core.common.tenancy.constraints
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0017_failed_refunds'),
        ('igny8_auth', '0016_notices_seen'),
    ]

    operations = [
        migrations.CreateModel(
            name='PeriodPrice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('starts_at', models.DateTimeField(blank=True, null=True)),
                ('net_minor', models.BigIntegerField()),
                ('tax_minor', models.BigIntegerField(default=0)),
                ('total_minor', models.BigIntegerField()),
                ('before_minor', models.BigIntegerField(blank=True, help_text='With tax, what the period before it cost.', null=True)),
                ('currency', models.CharField(max_length=3)),
                ('changes', models.PositiveIntegerField(default=0, help_text='How often it became another one.')),
                ('pushed_at', models.DateTimeField(blank=True, help_text='The provider knows it, or hears of it with the plan.', null=True)),
                ('is_news', models.BooleanField(default=False)),
                ('mailed_at', models.DateTimeField(blank=True, null=True)),
                ('mail_tries', models.PositiveSmallIntegerField(default=0)),
                ('mail_not_before', models.DateTimeField(blank=True, help_text='Somebody is sending it until then, or it did not work.', null=True)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='igny8_auth.account')),
                ('plan', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='igny8_auth.plan')),
                ('subscription', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='igny8_auth.subscription')),
            ],
            options={
                'base_manager_name': 'unscoped',
                'default_manager_name': 'unscoped',
                'indexes': [models.Index(condition=models.Q(('is_news', True), ('mailed_at__isnull', True)), fields=['account', 'id'], name='periodprice_untold'), models.Index(condition=models.Q(('pushed_at__isnull', True)), fields=['account', 'subscription'], name='periodprice_unpushed')],
                'constraints': [models.UniqueConstraint(fields=('account', 'subscription', 'starts_at'), name='periodprice_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('net_minor__gte', 0), ('tax_minor__gte', 0), ('total_minor', django.db.models.expressions.CombinedExpression(models.F('net_minor'), '+', models.F('tax_minor')))), name='periodprice_total'), igny8_core.common.tenancy.constraints.TenantPolicy(name='billing_periodprice_tenant', privileges='SELECT, INSERT, UPDATE', staff='SELECT')],
            },
            managers=[
                ('unscoped', django.db.models.manager.Manager()),
            ],
        ),
        migrations.AddConstraint(
            model_name='periodprice',
            constraint=igny8_core.common.tenancy.constraints.CompositeForeignKey(error_field='subscription', fields=('account', 'subscription'), name='periodprice_subscription', rel='subscription', to_fields=('account', 'id'), violation_error_message='The subscription is of another account.'),
        ),
        migrations.AddConstraint(
            model_name='periodprice',
            constraint=igny8_core.common.tenancy.constraints.CompositeForeignKey(error_field='account', fields=('account',), name='billing_periodprice_account', rel='account', to_fields=('id',), violation_error_message='Unknown account.'),
        ),
    ]
