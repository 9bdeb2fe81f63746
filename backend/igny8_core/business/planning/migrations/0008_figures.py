"""Figures and status of clusters, kept by triggers."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_name("sql")


class Migration(migrations.Migration):
    dependencies = [("planning", "0007_clusters_and_guard")]
    operations = [
        migrations.RunSQL(
            (SQL / "figures.sql").read_text(), (SQL / "figures_reverse.sql").read_text()
        )
    ]
