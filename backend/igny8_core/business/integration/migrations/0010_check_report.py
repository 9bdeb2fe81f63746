"""What the last check of a site found, and whether one is under way."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0009_renewal")]
    operations = [
        migrations.AddField(
            "siteintegration",
            "check_requested_at",
            models.DateTimeField(
                blank=True,
                help_text="A worker looks at the site, or is to; empty: none is.",
                null=True,
            ),
        ),
        migrations.AddField(
            "siteintegration",
            "check_report",
            models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="Findings of the last check, as people are told them.",
            ),
        ),
    ]
