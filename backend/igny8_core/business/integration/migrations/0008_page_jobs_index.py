"""Imports of pages that wait for a worker, built while work goes on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("integration", "0007_page_jobs")]
    operations = [
        AddIndexConcurrently(
            "contentimport",
            models.Index(
                condition=models.Q(
                    requested_at__isnull=False,
                    status__in=["uploaded", "analysed", "importing"],
                ),
                fields=["requested_at"],
                name="contentimport_waiting",
            ),
        ),
    ]
