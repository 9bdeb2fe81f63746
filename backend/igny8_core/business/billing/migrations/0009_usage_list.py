"""An index of an account's usage logs by their key, built while work goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("billing", "0008_open_lots")]
    operations = [
        AddIndexConcurrently(
            "creditusagelog", models.Index(fields=["account", "id"], name="creditusagelog_list")
        ),
    ]
