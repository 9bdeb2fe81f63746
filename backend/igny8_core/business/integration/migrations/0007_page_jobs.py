"""Imports of pages that workers do."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0006_external_items")]
    operations = [
        migrations.AddField(
            "contentimport",
            "requested_at",
            models.DateTimeField(
                blank=True,
                help_text="When somebody asked for it to run in the background.",
                null=True,
            ),
        ),
        migrations.AddField(
            "contentimport",
            "attempts",
            models.PositiveIntegerField(
                db_default=0, default=0, help_text="How often a worker has taken it."
            ),
        ),
    ]
