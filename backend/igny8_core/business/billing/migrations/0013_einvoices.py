"""E-invoices: sellers issue Factur-X unless they say that they do not."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0012_disputes")]
    operations = [
        migrations.AlterField(
            model_name="sellerentity",
            name="einvoice_format",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "None: plain PDF"),
                    ("facturx", "Factur-X (EN 16931), in the PDF"),
                ],
                default="facturx",
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="sellerentity",
            constraint=models.CheckConstraint(
                condition=models.Q(("einvoice_format__in", ["", "facturx"])),
                name="sellerentity_einvoice_format",
            ),
        ),
    ]
