"""Django does not take records away with a connection; the database never did."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0001_initial"),
        ("publishing", "0002_status_trails"),
    ]
    operations = [
        migrations.AlterField(
            "publishingrecord",
            "integration",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="integration.siteintegration",
            ),
        ),
    ]
