"""Money that did not fit: what operators did about it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0018_period_prices'),
        ('igny8_auth', '0016_notices_seen'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='payment',
            name='review_closed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='payment',
            name='review_closed_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='payment',
            name='review_note',
            field=models.CharField(blank=True, help_text='What an operator did about money that did not fit.', max_length=300),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('review_closed_at__isnull', True), models.Q(('status', 'succeeded'), models.Q(('review_note', ''), _negated=True)), _connector='OR'), name='payment_review_closed'),
        ),
    ]
