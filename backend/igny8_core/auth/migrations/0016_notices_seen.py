"""When a member looked at the account's notices last."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("igny8_auth", "0015_paid_subscriptions")]
    operations = [
        migrations.AddField(
            "membership",
            "notices_seen_at",
            models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When they looked at the notices last.",
                null=True,
            ),
        ),
    ]
