"""Money of the browser tests' account: payments in every state, and what operators look at."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from igny8_core.ai.ports import Usage
from igny8_core.auth.models import Account, Membership, Plan
from igny8_core.auth.states import Role
from igny8_core.business.billing.models import (
    AccountPaymentMethod,
    BillingProfile,
    CreditAdjustment,
    CreditPackage,
    CreditUsageLog,
    Dispute,
    Payment,
)
from igny8_core.business.billing.services import approvals, payment_methods, payments
from igny8_core.business.billing.services.refunds import refund_payment
from igny8_core.business.billing.services.usage import log_usage
from tests import make
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from igny8_core.auth.models import User
    from igny8_core.business.billing.services.checkout import Checkout

KEPT, MAIL = "Never expires", "Mail support"
PACKAGES = (
    ("Starter", "starter", 1_000, 1_900, 0, "To try it with a few articles.", [KEPT]),
    ("Studio", "studio", 5_000, 8_900, 1_000, "For one busy site.", [KEPT, MAIL]),
    ("Agency", "agency", 20_000, 29_900, 0, "For several sites at once.",
     [KEPT, MAIL, "An invoice a month on request"]),
)  # fmt: skip
WORK = (("content", 1_400, 310_000), ("idea", 40, 21_000), ("image", 320, 960_000),
        ("optimization", 190, 92_000))  # fmt: skip


def seed_money(account: Account, owner: User) -> dict[str, int]:
    """Ids of what the screens show."""
    _for_sale(account)
    ids = {name: order.payment.pk for name, order in _orders(account).items()}
    paid = Payment.unscoped.get(pk=ids["paid"])
    failed = Payment.unscoped.get(pk=ids["failed"])
    ids |= {"paid_invoice": paid.invoice_id, "failed_invoice": failed.invoice_id}
    _ways(account)
    _cards(account)
    _work(account)
    _what_operators_see(account, paid)
    fresh = make.account(slug="fresh", name="Fresh Ltd", country_code="FR")
    Membership.unscoped.create(account=fresh, user=owner, role=Role.OWNER)
    return ids | {"fresh": fresh.pk, "behind": _behind(owner)}


def _for_sale(account: Account) -> None:
    make_billing.seller()
    for name, slug, credits_of_it, price, discount, words, features in PACKAGES:
        CreditPackage.objects.create(
            name=name, slug=slug, credits=credits_of_it, price_minor=price, discount_bp=discount,
            is_featured=bool(discount), description=words, features=features,
        )  # fmt: skip
    for code, name, gives, price in (
        ("solo", "Solo", 1_000, 1_900), ("team", "Team", 6_000, 8_900),
    ):  # fmt: skip
        make_billing.plan(
            gives, code=code, name=name, price_minor=price, max_sites=gives // 500, max_users=5,
            max_keywords=gives * 20, trial_days=14 if code == "team" else 0, trial_credits=200,
        )  # fmt: skip
    for country in ("DE", "FR"):
        make_billing.offered(
            country, "bank_transfer", display_name="Bank transfer", sort_order=2,
            instructions="Transfers within the euro area take a working day.",
        )  # fmt: skip
    make_billing.offered(
        "DE", "local_wallet", display_name="TaschePay", wallet_type="TaschePay",
        wallet_id="igny8@taschepay", sort_order=3,
    )  # fmt: skip
    make_billing.offered("DE", "stripe", display_name="Card", sort_order=1)
    make_billing.offered("FR", "stripe", display_name="Carte", is_enabled=False)
    BillingProfile.unscoped.create(
        account=account, legal_name="Northwind Coffee GmbH", email="books@northwind.coffee",
        line1="Speicherstadt 4", postal_code="20457", city="Hamburg", country_code="DE",
        tax_id="DE811907980",
    )  # fmt: skip


def _orders(account: Account) -> dict[str, Checkout]:
    now = timezone.now()

    def buy(slug: str, days_ago: int, **fields: Any) -> Checkout:
        package = CreditPackage.objects.get(slug=slug)
        return make_billing.bought(account, package, now=now - timedelta(days=days_ago), **fields)

    common: dict[str, Any] = {"account": account, "now": now}
    paid = buy("studio", 0)
    approvals.submit_proof(
        payment_id=paid.payment.pk, file=None, reference="COBA-1198", notes="", **common
    )
    amount = paid.payment.amount_minor
    payments.settle_payment(
        payment_id=paid.payment.pk, received=payments.Received(amount, "EUR"), **common
    )
    refund_payment(
        account=account, payment_id=paid.payment.pk, reason="Bought one too many",
        idempotency_key="seed", amount_minor=1_190, clock=timezone.now,
    )  # fmt: skip
    failed = buy("agency", 0)
    approvals.reject_payment(
        payment_id=failed.payment.pk, actor_id=make.user(is_staff=True).pk,
        reason="No transfer with this number has arrived in two weeks.", **common,
    )  # fmt: skip
    evidence = buy("starter", 0, method="local_wallet")
    approvals.submit_proof(
        payment_id=evidence.payment.pk, file=io.BytesIO(b"%PDF-1.7 receipt"),
        reference="TP-55102", notes="Sent from the shop's wallet this morning.", **common,
    )  # fmt: skip
    provider = buy("starter", 0, method="stripe")
    Payment.unscoped.filter(pk=provider.payment.pk).update(
        status="processing", created_at=now - timedelta(hours=2), provider_ref="cs_test_seed"
    )
    return {
        "paid": paid,
        "failed": failed,
        "with_evidence": evidence,
        "at_provider": provider,
        "to_send": buy("agency", 0, quantity=4),
    }


def _ways(account: Account) -> None:
    for kind, name in (("bank_transfer", "House bank"), ("local_wallet", "The shop's wallet")):
        payment_methods.add_payment_method(
            account=account, type=kind, display_name=name, country_code="DE"
        )


def _cards(account: Account) -> None:
    year = timezone.now().year
    for name, ref, expires in (
        ("Visa ending in 4242", "pm_seed_1", f"04/{year + 3}"),
        ("American Express ending in 0005", "pm_seed_2", f"01/{year - 1}"),
    ):
        AccountPaymentMethod.unscoped.create(
            account=account, type="stripe", display_name=name, provider_ref=ref, country_code="DE",
            is_verified=True, metadata={"expires": expires},
        )  # fmt: skip


def _behind(owner: User) -> int:
    """An account whose renewal is not paid."""
    plan = Plan.objects.get(code="solo")
    account = make.account(slug="behind", name="Late Ltd", country_code="DE")
    Membership.unscoped.create(account=account, user=owner, role=Role.OWNER)
    since = timezone.now() - timedelta(days=8)
    make_billing.provider_subscription(
        account, plan, status="past_due", dunning_stage="restricted", past_due_since=since,
        current_period_start=since - timedelta(days=30), current_period_end=since,
    )  # fmt: skip
    return int(account.pk)


def _work(account: Account) -> None:
    now = timezone.now()
    for operation, credits_used, cost in WORK:
        for day in range(0, 24, 3):
            usage = Usage("openai", "gpt-5", 4_000, 2_000, cost // 8)
            log = log_usage(
                account=account, operation=operation, credits_used=credits_used // 8, usage=usage
            )
            CreditUsageLog.unscoped.filter(pk=log.pk).update(created_at=now - timedelta(days=day))


def _what_operators_see(account: Account, paid: Payment) -> None:
    now = timezone.now()
    Dispute.unscoped.create(
        account=account, payment=paid, provider_ref="dp_1Q2w3E", status="won", amount_minor=2_000,
        currency="EUR", reason="product_not_received", opened_at=now - timedelta(days=9),
        closed_at=now - timedelta(days=2),
    )  # fmt: skip
    staff = make.user(email="lea@igny8.example", is_staff=True)
    for amount, reason, status in (
        (25_000, "Launch partner, as agreed by mail", "requested"),
        (500, "An article came out in the wrong language", "rejected"),
    ):
        CreditAdjustment.unscoped.create(
            account=account, amount=amount, reason=reason, status=status, requested_by=staff,
            idempotency_key=f"seed:{amount}",
        )  # fmt: skip
