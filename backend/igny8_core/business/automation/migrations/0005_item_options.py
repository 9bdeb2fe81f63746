"""What was asked for beside the row."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("automation", "0004_lists")]
    operations = [
        migrations.AddField(
            "workitem",
            "options",
            models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text="What was asked for beside the row.",
            ),
        ),
    ]
