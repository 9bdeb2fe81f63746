"""Indexes of the lists of items and events, built while work goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("automation", "0003_asked_for")]
    operations = [
        AddIndexConcurrently(
            "runevent", models.Index(fields=["account", "id"], name="runevent_list")
        ),
        AddIndexConcurrently(
            "workitem", models.Index(fields=["account", "id"], name="workitem_list")
        ),
        AddIndexConcurrently(
            "workitem",
            models.Index(
                fields=["account", "run", "id"],
                condition=models.Q(run__isnull=False),
                name="workitem_run_list",
            ),
        ),
    ]
