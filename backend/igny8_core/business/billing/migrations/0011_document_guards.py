"""Numbers without a gap, documents that never change: keys and triggers."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_name("sql")


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_documents")]
    operations = [
        migrations.RunSQL(
            (SQL / "documents.sql").read_text(), (SQL / "documents_back.sql").read_text()
        )
    ]
