"""Who renews a connection's credentials, and until when that is believed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0008_page_jobs_index")]
    operations = [
        migrations.AddField(
            "siteintegration",
            "renewal_expires_at",
            models.DateTimeField(
                blank=True,
                help_text="Until when somebody is renewing the credentials.",
                null=True,
            ),
        ),
    ]
