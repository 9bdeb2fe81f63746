"""An index of items by their end, for figures and for pruning, built while work goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("automation", "0006_limits")]
    operations = [
        AddIndexConcurrently(
            "workitem",
            models.Index(
                condition=models.Q(ended_at__isnull=False),
                fields=["ended_at"],
                name="workitem_ended_at",
            ),
        ),
    ]
