"""Buying credits through the API. Who may ask what: `tests/routes`."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from igny8_core.auth import selectors as accounts
from igny8_core.auth.services import suspend_account
from igny8_core.auth.states import Role
from igny8_core.business.billing.models import Invoice, Payment, SellerEntity
from igny8_core.business.billing.services.approvals import approve_payment, reject_payment
from igny8_core.business.billing.services.credit_notes import issue_credit_note
from igny8_core.business.billing.services.refunds import refund_payment
from tests import make
from tests.api.callers import Api, client_of
from tests.fakes.stripe_server import running
from tests.make import billing as make_billing
from tests.make.billing import NOW
from tests.routes.world import whole

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    make_billing.seller()
    return make_billing.buyer()


@pytest.fixture
def api(account: Account) -> Api:
    return Api(account, client_of(account, Role.ADMIN))


def buy(api: Api, *, key: str = "", **fields: Any) -> Any:
    package = fields.pop("package", None) or make_billing.package().slug
    body = {"package": package, "payment_method": "bank_transfer"} | fields
    return api.post("checkouts/", body, key=key)


def approve(account: Account, payment_id: int) -> None:
    approve_payment(
        account=account,
        payment_id=payment_id,
        actor_id=make.user().pk,
        received_minor=Payment.unscoped.get(pk=payment_id).amount_minor,
        now=NOW,
    )


def test_from_a_package_to_credits_and_a_pdf(api: Api, account: Account) -> None:
    make_billing.package(discount_bp=2_500, slug="small")
    (offer,) = api.client.get("/api/v1/credit-packages/").json()
    assert (offer["discounted_price_minor"], offer["price_per_1000_minor"]) == (7_500, 7_500)

    bought = buy(api, package="small").json()

    invoice, payment = bought["invoice"], bought["payment"]
    assert (invoice["status"], invoice["total_minor"]) == ("pending", 8_925)
    assert (payment["status"], payment["has_proof"]) == ("pending", False)
    proof = SimpleUploadedFile("receipt.pdf", b"%PDF-1.7", "application/pdf")
    sent = api.upload(f"payments/{payment['id']}/proof/", file=proof, reference="R 7")
    assert (sent.status_code, sent.json()["has_proof"]) == (200, True)
    approve(account, payment["id"])
    assert api.get(f"payments/{payment['id']}/").json()["status"] == "completed"
    assert api.get(f"invoices/{invoice['id']}/").json()["status"] == "paid"
    assert accounts.account(account.pk).credits == 1_000
    pdf = api.get(f"invoices/{invoice['id']}/pdf/")
    assert (pdf.status_code, pdf["Content-Type"]) == (200, "application/pdf")
    assert pdf.content.startswith(b"%PDF-1.7")
    assert f"{invoice['number']}.pdf" in pdf["Content-Disposition"]
    assert api.get(f"invoices/{invoice['id']}/pdf/").content == pdf.content


def test_documents_for_machines_and_for_an_accountant(api: Api, account: Account) -> None:
    invoice = buy(api).json()["invoice"]
    note = issue_credit_note(
        account=account,
        invoice_id=invoice["id"],
        amount_minor=1_190,
        reason="goodwill",
        idempotency_key="n",
        now=NOW,
    )

    answers = [api.get(f"invoices/{invoice['id']}/xml/"), api.get(f"credit-notes/{note.pk}/xml/")]
    archive = api.get("invoices/archive/")

    for answer, number in zip(answers, (invoice["number"], note.number), strict=True):
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/xml")
        assert f"{number}.xml" in answer["Content-Disposition"]
        assert f"<ram:ID>{number}</ram:ID>".encode() in answer.content
    assert (archive.status_code, archive["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(whole(archive).content)) as files:
        assert sorted(files.namelist()) == sorted(
            ["documents.csv"]
            + [f"{n}.{kind}" for n in (invoice["number"], note.number) for kind in ("pdf", "xml")]
        )


def test_a_document_that_does_not_hold_says_why(api: Api) -> None:
    SellerEntity.objects.update(tax_ids={})
    invoice = buy(api).json()["invoice"]

    for kind in ("pdf", "xml"):
        refused = api.get(f"invoices/{invoice['id']}/{kind}/")
        assert (refused.status_code, refused.json()["code"]) == (409, "einvoice_refused")
        assert "[BR-S-02]" in refused.json()["errors"]["problems"][0]
    assert api.get(f"invoices/{invoice['id']}/").json()["status"] == "pending"


def test_a_repeat_with_the_same_key_is_one_order(api: Api) -> None:
    slug = make_billing.package().slug

    answers = [buy(api, key="k", package=slug) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert Invoice.unscoped.count() == 1
    assert buy(api, key="k", package=slug, quantity=2).status_code == 409


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"package": "none"}, 404),
        ({"payment_method": "paypal"}, 422),
        ({"payment_method": "cash"}, 422),
        ({"quantity": 0}, 422),
        ({"quantity": 101}, 422),
    ],
)
def test_an_order_that_cannot_be(api: Api, fields: dict[str, Any], status: int) -> None:
    assert buy(api, **fields).status_code == status
    assert not Invoice.unscoped.exists()


def test_an_order_without_billing_details_says_what_is_missing() -> None:
    make_billing.seller()
    account = make.account(country_code="DE")
    api = Api(account, client_of(account, Role.ADMIN))

    refused = buy(api)
    details = {"legal_name": "Me", "line1": "Rue 1", "city": "Paris", "country_code": "FR"}
    assert api.patch("billing-profile/", details).json()["legal_name"] == "Me"

    assert (refused.status_code, sorted(refused.json()["errors"])) == (422, ["city", "line1"])
    assert api.get("billing-profile/").json()["country_code"] == "FR"
    assert api.patch("billing-profile/", {"country_code": "france"}).status_code == 422


def test_without_a_seller_nothing_can_be_bought() -> None:
    account = make_billing.buyer()

    refused = buy(Api(account, client_of(account, Role.ADMIN)))

    assert (refused.status_code, refused.json()["code"]) == (409, "billing_not_set_up")


def test_an_invoice_is_paid_another_way_after_a_rejection(api: Api, account: Account) -> None:
    bought = buy(api).json()
    again = f"invoices/{bought['invoice']['id']}/pay/"
    assert api.post(again, {"payment_method": "manual"}).json()["code"] == "payment_under_way"
    reject_payment(
        account=account,
        payment_id=bought["payment"]["id"],
        actor_id=make.user().pk,
        reason="No money came.",
        now=NOW,
    )

    new = api.post(again, {"payment_method": "manual"})

    second = new.json()["payment"]
    assert (new.status_code, second["payment_method"], new.json()["pay_url"]) == (201, "manual", "")
    failed = api.get(f"payments/{bought['payment']['id']}/").json()
    assert (failed["status"], failed["failure_reason"]) == ("failed", "No money came.")
    assert api.post(f"payments/{second['id']}/cancel/").json()["status"] == "cancelled"
    assert api.delete(f"invoices/{bought['invoice']['id']}/").status_code == 409


@pytest.mark.parametrize("data", [b"<svg>", b"%PDF-" + b"x" * (5 * 1024 * 1024)])
def test_a_file_that_is_no_evidence_is_refused(api: Api, data: bytes) -> None:
    payment = buy(api).json()["payment"]

    sent = api.upload(f"payments/{payment['id']}/proof/", file=SimpleUploadedFile("x.pdf", data))

    assert (sent.status_code, sent.json()["code"]) == (422, "proof_refused")


def test_credit_notes_are_listed_by_invoice_and_printed(api: Api, account: Account) -> None:
    one, two = buy(api).json()["invoice"], buy(api).json()["invoice"]
    for invoice in (one, two):
        issue_credit_note(
            account=account,
            invoice_id=invoice["id"],
            amount_minor=1_190,
            reason="goodwill",
            idempotency_key=f"n{invoice['id']}",
            now=NOW,
        )

    (row,) = api.get("credit-notes/", invoice=two["id"]).json()["results"]

    assert (row["number"], row["total_minor"], row["tax_minor"]) == ("CN-2026-00002", 1_190, 190)
    pdf = api.get(f"credit-notes/{row['id']}/pdf/")
    assert pdf.content.startswith(b"%PDF-")


def test_the_accountants_file_has_a_line_for_each_rate_of_each_document(
    api: Api, account: Account
) -> None:
    invoice = buy(api).json()["invoice"]
    issue_credit_note(
        account=account,
        invoice_id=invoice["id"],
        amount_minor=1_190,
        reason="goodwill",
        idempotency_key="n",
        now=NOW,
    )

    lines = whole(api.get("invoices/export/")).content.decode("utf-8-sig").splitlines()

    assert [line.split(",")[:3] for line in lines[1:]] == [
        [invoice["number"], "invoice", str(Invoice.unscoped.get().invoice_date)],
        ["CN-2026-00001", "credit_note", str(NOW.date())],
    ]
    assert ",S,19,100.00,19.00,119.00,EUR," in lines[1]
    assert ",S,19,-10.00,-1.90,-11.90,EUR," in lines[2]
    later = whole(api.get("invoices/export/", first_day="2100-01-01")).content.decode("utf-8-sig")
    assert len(later.splitlines()) == 1


def test_a_package_by_stripe_through_the_api(account: Account, settings: Any) -> None:
    api = Api(account, client_of(account, Role.ADMIN))
    slug = make_billing.package().slug
    with running() as server:
        settings.PAYMENT_KEYS = {"stripe": {"secret_key": "sk_1", "address": server.address}}
        server.faults["/v1/checkout/sessions"] = ["lost", "lost", "lost"]
        assert buy(api, key="k", package=slug, payment_method="stripe").status_code == 503

        bought = buy(api, key="k", package=slug, payment_method="stripe").json()

        assert bought["pay_url"].startswith(f"{server.address}/pay/cs_test_")
        assert (bought["payment"]["status"], bought["invoice"]["status"]) == ("processing", "draft")
        (ref,) = [name for name in server.objects if name.startswith("cs_")]
        server.pay(ref)
        payment = f"payments/{bought['payment']['id']}/"
        assert api.post(f"{payment}refresh/").json()["status"] == "completed"
        assert accounts.account(account.pk).credits == 1_000
        assert api.post(f"{payment}cancel/").status_code == 409
        again = api.post(f"invoices/{bought['invoice']['id']}/pay/", {"payment_method": "stripe"})
        assert again.status_code == 409


def test_refunds_are_listed(api: Api, account: Account) -> None:
    payment = buy(api).json()["payment"]
    approve(account, payment["id"])
    refund_payment(
        account=account,
        payment_id=payment["id"],
        reason="withdrawal",
        idempotency_key="r",
        clock=lambda: NOW,
    )

    (row,) = api.get("refunds/").json()["results"]

    assert (row["amount_minor"], row["credits"], row["status"]) == (11_900, 1_000, "succeeded")


def test_a_suspended_account_may_pay(api: Api, account: Account) -> None:
    suspend_account(account=account, reason="overdue", now=NOW)

    assert buy(api).status_code == 201
