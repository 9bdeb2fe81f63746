"""How many contents a cluster has, kept by triggers."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_name("sql")


class Migration(migrations.Migration):
    dependencies = [("content", "0005_pages"), ("planning", "0008_figures")]
    operations = [
        migrations.RunSQL(
            (SQL / "mapped_pages.sql").read_text(), (SQL / "mapped_pages_reverse.sql").read_text()
        )
    ]
