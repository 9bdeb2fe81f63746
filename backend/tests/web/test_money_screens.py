"""Buying credits, invoices, payments and billing details as customers see them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from lxml import html

from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Account
from igny8_core.auth.states import AccountStatus, Role
from igny8_core.business.billing.models import AccountPaymentMethod, BillingProfile, Payment
from igny8_core.business.billing.services.payments import Received, fail_payment, settle_payment
from tests import make
from tests.business.billing.conftest import server
from tests.make import billing as make_billing
from tests.make.billing import NOW
from tests.web.screens import HTMX, text_of

if TYPE_CHECKING:
    from igny8_core.business.billing.models import CreditPackage
    from igny8_core.business.billing.services.checkout import Checkout
    from tests.fakes.stripe_server import StripeServer

__all__ = ["server"]  # a fixture

pytestmark = pytest.mark.django_db(databases=["default", "admin"], transaction=True)

KEY = "0123456789abcdef"
QUERIES_MAX = 15 + 3
"""Fifteen of a screen, its frame included, and BEGIN, the tenant's setting and COMMIT."""


@pytest.fixture
def account() -> Account:
    cache.clear()
    make_billing.prices()
    make_billing.seller()
    return make_billing.buyer()


@pytest.fixture
def package() -> CreditPackage:
    return make_billing.package(1_000, 10_000, slug="studio", name="Studio", discount_bp=1_000)


def browser(account: Account, role: Role = Role.ADMIN) -> Client:
    client = Client()
    client.force_login(make.member(account, role))
    return client


def at(account: Account, path: str) -> str:
    return f"/billing/{path}{'&' if '?' in path else '?'}account={account.pk}"


def order(client: Client, account: Account, **fields: Any) -> Any:
    body = {
        "idempotency_key": KEY,
        "quantity": "1",
        "total": "10710",
        "payment_method": "bank_transfer",
    }
    return client.post(at(account, "buy/studio/order/"), body | fields)


def bought(account: Account) -> Checkout:
    return make_billing.bought(account, make_billing.package())


# --- buying


def test_packages_are_shown_with_the_price_of_a_credit(
    account: Account, package: CreditPackage
) -> None:
    make_billing.package(100, 2_000, name="Small")

    text = text_of(browser(account, Role.VIEWER).get(at(account, "buy/")))

    assert "€90.00 €100.00 10 % off €0.09 a credit · 55 % less than the dearest" in text
    assert "About 83 articles of 1,200 words" in text
    assert "Owners and admins" in text
    assert "Choose" not in text


def test_nothing_for_sale_is_said(account: Account) -> None:
    assert "Nothing is for sale yet" in text_of(browser(account).get(at(account, "buy/")))


def test_the_sum_with_its_tax_is_shown_before_anything_is_ordered(
    account: Account, package: CreditPackage
) -> None:
    client = browser(account)

    page = client.get(at(account, "buy/studio/"))
    more = client.get(at(account, "buy/studio/?quantity=3"), headers=HTMX)

    assert "Order and pay €107.10" in text_of(page)
    assert "Studio €300.00" in text_of(more)
    assert "Order and pay €321.30" in text_of(more)
    assert "<html" not in more.content.decode()
    assert not Payment.unscoped.exists()


def test_without_billing_details_the_page_asks_for_them(package: CreditPackage) -> None:
    make_billing.prices()
    make_billing.seller()
    nobody = make.account(country_code="DE")

    text = text_of(browser(nobody).get(at(nobody, "buy/studio/")))

    assert "Fill in the billing details" in text
    assert "Order and pay" not in text


def test_without_a_seller_the_page_says_so(package: CreditPackage) -> None:
    account = make_billing.buyer()

    assert "no seller is set up" in text_of(browser(account).get(at(account, "buy/studio/")))


def test_an_order_leads_to_its_payment_and_is_placed_once(
    account: Account, package: CreditPackage
) -> None:
    client = browser(account)

    answers = [order(client, account) for _ in range(2)]

    payment = Payment.unscoped.get()
    assert {answer.status_code for answer in answers} == {303}
    assert answers[0]["Location"] == f"/billing/payments/{payment.pk}/?account={account.pk}"
    assert "Send €107.10" in text_of(client.get(answers[0]["Location"]))


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"total": "9999"}, 409, "The price has changed"),
        ({"quantity": "0"}, 422, "From 1 to 100"),
        ({"payment_method": "paypal"}, 422, "Not offered in DE"),
        ({"idempotency_key": ""}, 422, "Open the page again"),
    ],
)
def test_an_order_that_cannot_be_is_explained_and_not_placed(
    account: Account, package: CreditPackage, fields: dict[str, str], status: int, words: str
) -> None:
    answer = order(browser(account), account, **fields)

    assert answer.status_code == status
    assert words in text_of(answer)
    assert not Payment.unscoped.exists()


def test_the_same_form_with_another_way_to_pay_is_no_second_order(
    account: Account, package: CreditPackage
) -> None:
    client = browser(account)
    order(client, account)

    answer = order(client, account, payment_method="manual")

    assert answer.status_code == 409
    assert "placed already" in text_of(answer)
    assert KEY not in answer.content.decode()
    assert Payment.unscoped.count() == 1


def test_a_card_leads_to_the_provider_and_back(
    account: Account, package: CreditPackage, server: StripeServer
) -> None:
    client = browser(account)

    away = order(client, account, payment_method="stripe")
    payment = Payment.unscoped.get()
    page = at(account, f"payments/{payment.pk}/")
    waiting = text_of(client.get(page))
    left = text_of(client.get(f"{page}&left=1"))
    again = client.post(at(account, f"payments/{payment.pk}/continue/"))
    server.pay(str(payment.provider_ref))
    checked = client.post(at(account, f"payments/{payment.pk}/check/"), headers=HTMX)

    assert (away.status_code, again.status_code) == (303, 303)
    assert away["Location"] == again["Location"]
    assert away["Location"].startswith("http")
    assert "Waiting for your bank's answer" in waiting
    assert "You left before paying" in left
    assert "Paid. Thank you. 1,000 credits are in your account." in text_of(checked)
    assert accounts.account(account.pk).credits == 1_000


def test_a_provider_that_is_away_loses_nothing(account: Account, package: CreditPackage) -> None:
    client = browser(account)

    answer = order(client, account, payment_method="stripe")
    payment = Payment.unscoped.get()
    page = client.get(answer["Location"])
    checked = client.post(at(account, f"payments/{payment.pk}/check/"), headers=HTMX)

    assert answer["Location"] == f"/billing/payments/{payment.pk}/?account={account.pk}"
    assert "no answer yet" in text_of(page)
    assert "Nothing was lost" in text_of(checked)


# --- payments


def test_bank_details_are_shown_and_evidence_is_taken(account: Account) -> None:
    client, payment = browser(account), bought(account).payment
    page = at(account, f"payments/{payment.pk}/")
    shown = text_of(client.get(page))

    nothing = client.post(at(account, f"payments/{payment.pk}/evidence/"), {})
    wrong = client.post(
        at(account, f"payments/{payment.pk}/evidence/"), {"file": io.BytesIO(b"MZ")}
    )
    receipt = io.BytesIO(b"%PDF-1.7 x")
    receipt.name = "receipt.pdf"
    done = client.post(
        at(account, f"payments/{payment.pk}/evidence/"),
        {"reference": "COBA 7", "file": receipt},
        follow=True,
    )

    assert "IBAN DE89370400440532013000" in shown
    assert "Purpose INV-2026-00001" in shown
    assert (nothing.status_code, wrong.status_code) == (422, 422)
    assert "Give a reference, a note or a receipt." in text_of(nothing)
    assert "A PDF, PNG or JPEG of at most 5 MiB." in text_of(wrong)
    assert "Waiting for approval" in text_of(done)
    assert Payment.unscoped.get().manual_reference == "COBA 7"


def test_an_attempt_is_given_up_and_the_invoice_paid_another_way(account: Account) -> None:
    client, made = browser(account), bought(account)
    client.post(at(account, f"payments/{made.payment.pk}/cancel/"))
    page = at(account, f"invoices/{made.invoice.pk}/")
    assert "Pay €119.00" in text_of(client.get(page))

    pay = {"payment_method": "manual", "idempotency_key": KEY}
    answers = [client.post(at(account, f"invoices/{made.invoice.pk}/pay/"), pay) for _ in range(2)]

    states = [(one.status, one.payment_method) for one in Payment.unscoped.order_by("pk")]
    assert states == [("cancelled", "bank_transfer"), ("pending", "manual")]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert "It is being paid." in text_of(client.get(page))


def test_each_state_of_a_payment_has_its_words(account: Account) -> None:
    client, made = browser(account), bought(account)
    page = at(account, f"payments/{made.payment.pk}/")
    fail_payment(account=account, payment_id=made.payment.pk, reason="No money came.", now=NOW)
    failed = text_of(client.get(page))
    settle_payment(
        account=account, payment_id=made.payment.pk, received=Received(1, "EUR"), now=NOW
    )
    review = text_of(client.get(page))
    settle_payment(
        account=account, payment_id=made.payment.pk, received=Received(11_900, "EUR"), now=NOW
    )
    paid = text_of(client.get(page))

    assert "This attempt failed No money came." in failed
    assert "does not fit the invoice" in review
    assert "Paid. Thank you." in paid


def test_the_list_says_why_a_payment_failed_and_can_be_narrowed(account: Account) -> None:
    client = browser(account)
    first, _second = bought(account), bought(account)
    fail_payment(account=account, payment_id=first.payment.pk, reason="No money came.", now=NOW)

    everything = text_of(client.get(at(account, "payments/")))
    failed = client.get(at(account, "payments/?status=failed"), headers=HTMX)

    assert "No money came." in everything
    assert "waits for your money" in everything
    assert len(html.fromstring(failed.content).xpath("//tbody/tr")) == 1


# --- invoices


def test_an_invoice_is_shown_with_its_tax_and_its_files(account: Account) -> None:
    client, made = browser(account), bought(account)

    shown = text_of(client.get(at(account, f"invoices/{made.invoice.pk}/")))
    listed = text_of(client.get(at(account, "invoices/")))
    pdf: Any = client.get(at(account, f"invoices/{made.invoice.pk}/pdf/"))
    file: Any = client.get(at(account, "invoices/file/?year=2026"))

    assert "Tax, 19" in shown
    assert "Total €119.00" in shown
    assert "INV-2026-00001" in listed
    assert (pdf["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert "INV-2026-00001" in file.getvalue().decode()
    assert "no-store" in pdf["Cache-Control"]


def test_empty_lists_say_what_will_be_there(account: Account) -> None:
    client = browser(account)

    assert "No invoices yet" in text_of(client.get(at(account, "invoices/")))
    assert "Nothing was paid yet" in text_of(client.get(at(account, "payments/")))
    assert "Nothing is remembered yet" in text_of(client.get(at(account, "methods/")))
    assert "No plan" in text_of(client.get(at(account, "plan/")))


# --- details, ways to pay, plan


def test_billing_details_are_saved_and_lead_back(account: Account) -> None:
    client = browser(account)
    body = {
        "legal_name": "Käufer GmbH", "line1": "Weg 1", "city": "Bremen", "country_code": "DE",
        "is_business": "1", "tax_id": "de 123 456 789", "next": "/billing/buy/?account=1",
    }  # fmt: skip

    wrong = client.post(at(account, "details/"), body | {"country_code": ""})
    done = client.post(at(account, "details/"), body)
    away = client.post(at(account, "details/"), body | {"next": "https://evil.example/"})

    row = BillingProfile.unscoped.get(account=account)
    assert wrong.status_code == 422
    assert (row.legal_name, row.tax_id, row.is_business) == ("Käufer GmbH", "DE123456789", True)
    assert done["Location"] == "/billing/buy/?account=1"
    assert away["Location"].startswith("/billing/details/")


def test_a_private_person_is_kept_as_one(account: Account) -> None:
    body = {"legal_name": "Eva", "line1": "Weg 1", "city": "Bremen", "country_code": "DE"}

    browser(account).post(at(account, "details/"), body | {"is_business": ""})

    assert BillingProfile.unscoped.get(account=account).is_business is False


def test_ways_to_pay_are_remembered_changed_and_forgotten(account: Account) -> None:
    client = browser(account)
    for name in ("House bank", "Wallet", "4111 1111 1111 1111"):
        client.post(at(account, "methods/add/"), {"type": "bank_transfer", "display_name": name})
    first, second = AccountPaymentMethod.unscoped.order_by("pk")
    for act in ("off", "on", "default", "nonsense"):
        client.post(at(account, f"methods/{second.pk}/"), {"act": act})

    asked = client.post(at(account, f"methods/{first.pk}/"), {"act": "forget"})
    assert "Forget House bank?" in text_of(asked)
    assert AccountPaymentMethod.unscoped.count() == 2
    client.post(at(account, f"methods/{first.pk}/"), {"act": "forget", "confirmed": "1"})

    kept = AccountPaymentMethod.unscoped.get()
    assert (kept.display_name, kept.is_default, kept.is_enabled) == ("Wallet", True, True)


# --- who may, and how much it takes


@pytest.mark.parametrize("path", ["invoices/", "payments/", "methods/", "details/", "buy/studio/"])
def test_whoever_may_not_is_told_which_role_may(
    account: Account, package: CreditPackage, path: str
) -> None:
    answer = browser(account, Role.EDITOR).get(at(account, path))

    assert answer.status_code == 403
    assert "This needs the role Admin." in text_of(answer)


def test_a_suspended_account_can_still_pay(account: Account) -> None:
    client, made = browser(account), bought(account)
    Account.objects.filter(pk=account.pk).update(status=AccountStatus.SUSPENDED)

    answer = client.post(at(account, f"payments/{made.payment.pk}/evidence/"), {"reference": "7"})

    assert answer.status_code == 303


def test_screens_take_the_same_few_queries_whatever_the_rows(
    account: Account, package: CreditPackage
) -> None:
    client = browser(account)
    made = bought(account)
    paths = [
        "buy/", "buy/studio/", "invoices/", f"invoices/{made.invoice.pk}/", "payments/",
        f"payments/{made.payment.pk}/", "methods/", "details/", "plan/",
    ]  # fmt: skip

    def counts() -> dict[str, int]:
        found = {}
        for path in paths:
            with CaptureQueriesContext(connection) as seen:
                assert client.get(at(account, path)).status_code == 200
            found[path] = len(seen)
        return found

    counts()  # what the frame keeps for a while is kept from here on
    few = counts()
    for _ in range(3):
        bought(account)
    many = counts()

    assert many == few
    assert {path: count for path, count in many.items() if count > QUERIES_MAX} == {}
