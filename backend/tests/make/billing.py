"""Credits and prices. `make.account()` has an empty wallet: the database opens it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Plan, Subscription
from igny8_core.auth.states import SubscriptionStatus
from igny8_core.business.billing.models import (
    BillingProfile,
    CreditAdjustment,
    CreditPackage,
    Invoice,
    InvoiceLine,
    InvoiceSeries,
    InvoiceTax,
    Payment,
    PaymentMethodConfig,
    SellerEntity,
    TaxRule,
)
from igny8_core.business.billing.services import checkout, lots, plan_periods, reservations
from tests.make.tenancy import account as make_account
from tests.make.tenancy import unique

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.checkout import Checkout
    from igny8_core.business.billing.services.lots import Grant
    from igny8_core.business.billing.services.reservations import Reserved

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def prices() -> None:
    """The prices of a new installation; a flushed database has none."""
    sql = resources.files("igny8_core.business.billing.migrations").joinpath("sql/prices.sql")
    with connection.cursor() as cursor:
        cursor.execute(sql.read_text())


def credits(  # noqa: A001 - reads well with its module: make_billing.credits(account, 100)
    account: Account, amount: int, *, now: datetime = NOW, **fields: Any
) -> Grant:
    """A purchased lot; prices too, if there are none. Reload the account to see the balance."""
    prices()
    fields.setdefault("type", "purchase")
    fields.setdefault("idempotency_key", unique("grant"))
    return lots.grant_credits(account=account, amount=amount, now=now, **fields)


def account_with(amount: int, **fields: Any) -> Account:
    """A new account with that many purchased credits."""
    account = make_account(**fields)
    credits(account, amount)
    return accounts.account(account.pk)


def plan(credits_per_period: int = 100, **fields: Any) -> Plan:
    """A monthly plan without roll-over."""
    code = fields.pop("code", None) or unique("plan")
    values = {"name": code, "credits_per_period": credits_per_period}
    return Plan.objects.create(code=code, **values | fields)


def account_on(plan: Plan, *, now: datetime = NOW, **fields: Any) -> Account:
    """An account in the first period of a plan; there are prices."""
    prices()
    account = make_account(plan=plan, **fields)
    plan_periods.open_current_period(account=account, now=now)
    return accounts.account(account.pk)


def provider_subscription(account: Account, plan: Plan, **fields: Any) -> Subscription:
    """A paid subscription at a provider, of which nothing is opened yet."""
    values: dict[str, Any] = {"provider": "stripe", "status": SubscriptionStatus.ACTIVE}
    return Subscription.unscoped.create(
        account=account, plan=plan, provider_ref=unique("sub"), **values | fields
    )


def reservation(account: Account, amount: int, *, now: datetime = NOW, **fields: Any) -> Reserved:
    """Credits held for writing an article, for an hour."""
    fields.setdefault("operation", "content")
    fields.setdefault("idempotency_key", unique("run"))
    fields.setdefault("ttl", HOUR)
    return reservations.reserve(account=account, amount=amount, now=now, **fields)


def offered(country_code: str, payment_method: str, **fields: Any) -> PaymentMethodConfig:
    """A way to pay that is offered in a country."""
    values = {"is_enabled": True, "display_name": payment_method} | fields
    return PaymentMethodConfig.objects.create(
        country_code=country_code, payment_method=payment_method, **values
    )


def seller(**fields: Any) -> SellerEntity:
    """The one who sells, in Germany, with tax rules for Germany, France and the rest."""
    values = {
        "legal_name": "Igny Eight GmbH",
        "country_code": "DE",
        "address": {"line1": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin"},
        "tax_ids": {"VAT": "DE123456789"},
        "bank": {
            "holder": "Igny Eight GmbH",
            "iban": "DE89370400440532013000",
            "swift": "COBADEFF",
        },
        "email": "billing@example.com",
        "is_default": True,
    }
    made = SellerEntity.objects.create(code=unique("seller")[:20], **values | fields)
    for country, kind, category, rate in (
        ("DE", "business", "S", 1900),
        ("DE", "consumer", "S", 1900),
        ("FR", "business", "AE", 0),
        ("FR", "consumer", "S", 2000),
        ("", "business", "O", 0),
        ("", "consumer", "O", 0),
    ):
        TaxRule.objects.create(
            entity=made,
            buyer_country=country,
            buyer_kind=kind,
            category=category,
            rate_bp=rate,
            active_from=date(2020, 1, 1),
        )
    return made


def buyer(country_code: str = "DE", **fields: Any) -> Account:
    """An account with complete billing details; a way to pay by hand is offered in its country."""
    account = make_account(country_code=country_code)
    profile(account, country_code, **fields)
    return accounts.account(account.pk)


def plan_buyer() -> Account:
    """A :func:`buyer` where plans are sold; without one, an account falls back on the free plan."""
    prices()
    seller()
    plan(10, code="free")
    return buyer()


def profile(account: Account, country_code: str = "DE", **fields: Any) -> BillingProfile:
    """Complete billing details; a way to pay by hand is offered in the country."""
    values = {
        "legal_name": "Käufer & Söhne",
        "email": "books@example.com",
        "line1": "Rue 2",
        "postal_code": "20095",
        "city": "Hamburg",
        "country_code": country_code,
    }
    made = BillingProfile.unscoped.create(account=account, **values | fields)
    if not PaymentMethodConfig.objects.filter(country_code=country_code).exists():
        for method in ("bank_transfer", "local_wallet", "manual", "stripe"):
            offered(country_code, method)
    return made


def package(credits_of_it: int = 1_000, price_minor: int = 10_000, **fields: Any) -> CreditPackage:
    """A package of credits, by default 1,000 for 100.00 EUR net."""
    name = unique("package")
    values = {"name": name, "slug": name, "credits": credits_of_it, "price_minor": price_minor}
    return CreditPackage.objects.create(**values | fields)


def bought(account: Account, of: CreditPackage, *, now: datetime = NOW, **fields: Any) -> Checkout:
    """A package ordered by bank transfer; nobody has seen the money yet."""
    fields.setdefault("method", "bank_transfer")
    fields.setdefault("idempotency_key", unique("buy"))
    return checkout.buy_package(account=account, slug=of.slug, now=now, **fields)


def invoice(account: Account, **fields: Any) -> Invoice:
    """A draft of an invoice."""
    return Invoice.unscoped.create(account=account, **{"currency": "EUR"} | fields)


def number() -> dict[str, Any]:
    """Columns of an invoice that has a number, the first one of a series of its own."""
    entity = SellerEntity.objects.create(
        code=unique("s")[-20:], legal_name="Seller", country_code="DE"
    )
    series = InvoiceSeries.objects.create(
        entity=entity, doc_type="invoice", year=2026, prefix="INV-"
    )
    return {"series": series, "no": 1, "number": "INV-2026-00001", "status": "pending"}


def numbered(account: Account, subtotal_minor: int, tax_minor: int, **fields: Any) -> Invoice:
    """An invoice that has a number, with one line and one tax."""
    totals = {"subtotal_minor": subtotal_minor, "tax_minor": tax_minor}
    made = invoice(account, total_minor=subtotal_minor + tax_minor, **totals)
    InvoiceLine.unscoped.create(
        account=account,
        invoice=made,
        pos=1,
        description="Credits",
        unit_price_minor=subtotal_minor,
        net_minor=subtotal_minor,
        tax_category="S",
        tax_rate_bp=1900,
    )
    InvoiceTax.unscoped.create(
        account=account,
        invoice=made,
        category="S",
        rate_bp=1900,
        base_minor=subtotal_minor,
        tax_minor=tax_minor,
    )
    Invoice.unscoped.filter(pk=made.pk).update(**number() | fields)
    made.refresh_from_db()
    return made


def payment(invoice: Invoice, **fields: Any) -> Payment:
    """An attempt to pay an invoice, under way."""
    values = {
        "payment_method": "bank_transfer",
        "amount_minor": 1_000,
        "currency": "EUR",
        "idempotency_key": unique("pay"),
    }
    return Payment.unscoped.create(
        account_id=invoice.account_id, invoice=invoice, **values | fields
    )


def forge(statement: str, *parameters: Any) -> None:
    """Change the books past every guard, as only a superuser can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing pending before
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, parameters)
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def one_of_everything(account: Any) -> None:
    """A row in every table that the runtime role cannot write; works inside any transaction."""
    with connection.cursor() as cursor:
        key = unique("one")
        cursor.execute("SELECT set_config('igny8.account_id', %s, true)", [str(account.pk)])
        grant = "SELECT * FROM ledger.grant_credits(%s, %s, 'purchase', 10, 50, NULL, %s)"
        cursor.execute(grant, [account.pk, key, NOW])
        cursor.execute(
            "SELECT reservation_id FROM ledger.reserve("
            "%s, %s, 'f', 5, '1 hour', 'content', '', NULL, '{}', %s)",
            [account.pk, key, NOW],
        )
        capture = "SELECT * FROM ledger.capture(%s, %s, 5, 1, %s)"
        cursor.execute(capture, [account.pk, cursor.fetchone()[0], NOW])
        cursor.execute("SELECT set_config('igny8.account_id', '', true)")
    CreditAdjustment.unscoped.create(
        account=account, amount=1, reason="a reason", idempotency_key=key
    )
