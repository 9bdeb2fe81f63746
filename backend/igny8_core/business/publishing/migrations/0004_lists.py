"""Indexes of the lists of records, built while work goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("publishing", "0003_restrict")]
    operations = [
        AddIndexConcurrently(
            "publishingrecord",
            models.Index(fields=["account", "id"], name="publishingrecord_newest"),
        ),
        AddIndexConcurrently(
            "deploymentrecord",
            models.Index(fields=["account", "id"], name="deploymentrecord_newest"),
        ),
    ]
