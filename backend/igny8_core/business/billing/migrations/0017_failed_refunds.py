"""Refunds that did not arrive: undone, each with a reversal of its credit note."""

from pathlib import Path

import django.db.models.deletion
import igny8_core.common.tenancy.constraints
from django.conf import settings
from django.db import migrations, models


SQL = Path(__file__).with_name("sql")


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0016_withdrawn_money'),
        ('igny8_auth', '0016_notices_seen'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='refund',
            name='refund_has_credit_note',
        ),
        migrations.AddField(
            model_name='creditnote',
            name='reverses',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.creditnote'),
        ),
        migrations.AddField(
            model_name='refund',
            name='confirmed_at',
            field=models.DateTimeField(blank=True, help_text='The provider says that it was done; until then: pending.', null=True),
        ),
        migrations.AddField(
            model_name='refund',
            name='is_by_hand',
            field=models.BooleanField(default=False, help_text='Sent by a person, whichever way the payment came.'),
        ),
        migrations.AddField(
            model_name='refund',
            name='retry_of',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.refund'),
        ),
        migrations.AddField(
            model_name='refund',
            name='reversal',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.creditnote'),
        ),
        migrations.AddField(
            model_name='refund',
            name='reviewed_at',
            field=models.DateTimeField(blank=True, help_text='It failed, and somebody leaves it at that.', null=True),
        ),
        migrations.AddField(
            model_name='refund',
            name='reviewed_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.UniqueConstraint(condition=models.Q(('reverses__isnull', False)), fields=('account', 'reverses'), name='creditnote_reversed_once'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('account', 'id'), name='refund_key'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(condition=models.Q(('retry_of__isnull', False)), fields=('account', 'retry_of'), name='refund_retried_once'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('credit_note__isnull', False), ('reversal__isnull', True), ('status', 'succeeded')), models.Q(('credit_note__isnull', False), ('reversal__isnull', False), ('status', 'failed')), models.Q(models.Q(('status', 'succeeded'), _negated=True), ('credit_note__isnull', True), ('reversal__isnull', True)), _connector='OR'), name='refund_has_credit_note'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('reviewed_at__isnull', True), ('status', 'failed'), _connector='OR'), name='refund_reviewed_when_failed'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=igny8_core.common.tenancy.constraints.CompositeForeignKey(error_field='reverses', fields=('account', 'reverses'), name='creditnote_reverses', rel='reverses', to_fields=('account', 'id'), violation_error_message='The reverses is of another account.'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=igny8_core.common.tenancy.constraints.CompositeForeignKey(error_field='reversal', fields=('account', 'reversal'), name='refund_reversal', rel='reversal', to_fields=('account', 'id'), violation_error_message='The reversal is of another account.'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=igny8_core.common.tenancy.constraints.CompositeForeignKey(error_field='retry_of', fields=('account', 'retry_of'), name='refund_retry_of', rel='retry_of', to_fields=('account', 'id'), violation_error_message='The retry_of is of another account.'),
        ),
        migrations.RunSQL(
            (SQL / "reversals.sql").read_text(), (SQL / "reversals_back.sql").read_text()
        ),
    ]
