"""Credentials are sealed, or there are none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0003_pages")]
    operations = [
        migrations.AlterField(
            "siteintegration",
            "credentials",
            models.JSONField(
                blank=True,
                default=dict,
                editable=False,
                help_text="Sealed; never shown, logged or exported. Empty: disconnected.",
            ),
        ),
        migrations.AddConstraint(
            "siteintegration",
            models.CheckConstraint(
                condition=models.Q(credentials={}) | models.Q(credentials__has_key="sealed"),
                name="siteintegration_credentials_sealed",
            ),
        ),
    ]
