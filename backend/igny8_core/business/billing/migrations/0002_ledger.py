"""The ledger in the database: guards, functions, audit view, owner and privileges."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_name("sql")
PARTS = ("guards", "wallets", "reservations", "audit", "access")


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("igny8_auth", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "\n".join((SQL / f"{part}.sql").read_text() for part in PARTS),
            (SQL / "reverse.sql").read_text(),
        )
    ]
