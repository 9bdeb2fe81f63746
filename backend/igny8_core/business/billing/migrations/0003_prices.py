"""The prices of a new installation."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_name("sql")


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_ledger")]
    operations = [
        migrations.RunSQL((SQL / "prices.sql").read_text(), migrations.RunSQL.noop)
    ]
