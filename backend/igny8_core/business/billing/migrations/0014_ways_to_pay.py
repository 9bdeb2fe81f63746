"""A way to pay may be offered in every country that has none of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0013_einvoices")]
    operations = [
        migrations.AlterField(
            model_name="paymentmethodconfig",
            name="country_code",
            field=models.CharField(
                blank=True,
                help_text="Empty: every country without a row of its own.",
                max_length=2,
            ),
        ),
    ]
