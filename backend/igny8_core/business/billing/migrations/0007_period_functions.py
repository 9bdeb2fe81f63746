"""A lot that ends with its period, and an audit that also reads debts, grants and periods."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_name("sql")
BACK = """
DROP VIEW ledger.audit;
{audit}
ALTER VIEW ledger.audit OWNER TO ledger_owner;
GRANT SELECT ON ledger.audit TO igny8_admin;
DROP FUNCTION ledger.close_lot;
ALTER TABLE billing_subscriptionperiod DROP CONSTRAINT subscriptionperiod_lot;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_plan_periods")]
    operations = [
        migrations.RunSQL(
            "\n".join((SQL / f"{part}.sql").read_text() for part in ("periods", "audit_again")),
            BACK.format(audit=(SQL / "audit.sql").read_text()),
        )
    ]
