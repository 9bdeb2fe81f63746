"""The index of the list of events, built while work goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("integration", "0004_sealed")]
    operations = [
        AddIndexConcurrently(
            "syncevent", models.Index(fields=["account", "id"], name="syncevent_list")
        ),
    ]
