"""Invoices: what they come to, their numbers, and that they never change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.business.billing.errors import BillingNotSetUp
from igny8_core.business.billing.models import (
    CreditNote,
    Invoice,
    InvoiceLine,
    InvoiceSeries,
    InvoiceTax,
    TaxRule,
)
from igny8_core.business.billing.services.billing_profiles import change_billing_profile
from igny8_core.business.billing.services.credit_notes import issue_credit_note, void_invoice
from igny8_core.business.billing.services.invoices import (
    draft_invoice,
    drop_draft,
    finalise,
    number_gaps,
)
from igny8_core.business.billing.services.taxes import Line, taxed
from igny8_core.business.billing.states import DocumentType, InvoiceStatus
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    TransitionNotAllowed,
)
from igny8_core.common.money import share, written
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def draft(account: Account, *lines: Line, **fields: Any) -> Invoice:
    wanted = lines or (Line("1,000 credits", 10_000, credits=1_000),)
    values: dict[str, Any] = {"currency": "EUR", "now": NOW}
    return draft_invoice(account=account, lines=wanted, **values | fields)


def numbered(account: Account, *lines: Line, now: datetime = NOW, **fields: Any) -> Invoice:
    invoice = draft(account, *lines, now=now, **fields)
    with tenant(account.pk):
        finalise(invoice, InvoiceStatus.PENDING, now=now)
    return invoice


def test_a_draft_holds_lines_tax_and_who_sells_to_whom() -> None:
    make_billing.seller()
    account = make_billing.buyer()

    made = draft(account, Line("Credits", 10_000, 2, credits=2_000), Line("Discount", -1_005))

    assert (made.status, made.number, made.no) == ("draft", None, None)
    assert (made.subtotal_minor, made.tax_minor, made.total_minor) == (18_995, 3_609, 22_604)
    assert made.seller["legal_name"] == "Igny Eight GmbH"
    assert made.buyer["legal_name"] == "Käufer & Söhne"
    assert made.tax_evidence["groups"] == [
        {
            "category": "S",
            "rate_bp": 1900,
            "base_minor": 18_995,
            "tax_minor": 3_609,
            "legal_note": "",
        }
    ]
    lines = InvoiceLine.unscoped.filter(invoice=made).order_by("pos")
    assert [(line.pos, line.net_minor, line.credits) for line in lines] == [
        (1, 20_000, 2_000),
        (2, -1_005, 0),
    ]
    assert InvoiceTax.unscoped.get(invoice=made).tax_minor == 3_609


@pytest.mark.parametrize(
    ("country", "fields", "expected"),
    [
        ("DE", {}, ("S", 1900)),
        ("FR", {"is_business": False}, ("S", 2000)),
        ("FR", {"tax_id": "FR12345678901"}, ("AE", 0)),
        ("FR", {"tax_id": ""}, ("S", 2000)),  # a business that does not say so pays as consumers do
        ("US", {}, ("O", 0)),
    ],
)
def test_the_tax_is_the_buyers(country: str, fields: Any, expected: tuple[str, int]) -> None:
    make_billing.seller()
    account = make_billing.buyer(country, **fields)

    made = draft(account)

    group = InvoiceTax.unscoped.get(invoice=made)
    assert (group.category, group.rate_bp) == expected
    assert made.tax_minor == 10_000 * expected[1] // 10_000


def test_a_rate_changes_on_its_day_and_nothing_is_untaxed_by_accident() -> None:
    seller = make_billing.seller()
    account = make_billing.buyer()
    change = date(2026, 12, 1)
    TaxRule.objects.create(
        entity=seller,
        buyer_country="DE",
        buyer_kind="business",
        category="S",
        rate_bp=1600,
        active_from=change,
    )
    before, after = (datetime(2026, 11, 30, 23, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))

    assert [draft(account, now=now).tax_minor for now in (before, after)] == [1_900, 1_600]

    TaxRule.objects.filter(entity=seller).update(active_to=change + timedelta(days=1))
    with pytest.raises(BillingNotSetUp):
        draft(account, now=after + timedelta(days=1))


def test_without_a_seller_or_an_address_nothing_is_billed() -> None:
    account = make.account(country_code="DE")

    with pytest.raises(BillingNotSetUp):
        draft(account)
    make_billing.seller()
    with pytest.raises(InvalidInput) as refused:
        draft(account)

    assert sorted(refused.value.data) == ["city", "line1"]
    assert not Invoice.unscoped.exists()


def test_an_invoice_below_nothing_is_refused() -> None:
    make_billing.seller()
    account = make_billing.buyer()

    with pytest.raises(InvalidInput):
        draft(account, Line("Credit", -1))


@given(
    prices=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=12),
    quantities=st.lists(st.integers(1, 50), min_size=12, max_size=12),
    rate=st.integers(1, 10_000),
)
@settings(max_examples=300, deadline=None)
def test_lines_and_tax_add_up_for_any_rounding(
    prices: list[int], quantities: list[int], rate: int
) -> None:
    lines = [Line("x", price, n) for price, n in zip(prices, quantities, strict=False)]
    rule = TaxRule(category="S", rate_bp=rate)
    net = sum(line.net_minor for line in lines)
    if net < 0:
        with pytest.raises(InvalidInput):
            taxed(lines, rule)
        return

    marked, groups = taxed(lines, rule)

    assert sum(line.net_minor for line in marked) == sum(g.base_minor for g in groups) == net
    tax = sum(group.tax_minor for group in groups)
    assert abs(2 * (tax * 10_000 - net * rate)) <= 10_000  # off by half a unit at most


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((5, 1, 2), 3), ((-5, 1, 2), -3), ((4, 1, 2), 2), ((1, 1, 3), 0), ((-2, 2, 3), -1)],
)
def test_a_share_is_rounded_half_away_from_zero(arguments: Any, expected: int) -> None:
    assert share(*arguments) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123_450, "EUR", "1,234.50 EUR"),
        (1_200, "JPY", "1,200 JPY"),
        (1_500, "KWD", "1.500 KWD"),
        (-5, "EUR", "-0.05 EUR"),
    ],
)
def test_amounts_are_written_with_the_currencys_decimals(
    amount: int, currency: str, text: str
) -> None:
    assert written(amount, currency) == text


def test_numbers_run_through_all_accounts_and_dates_follow_them() -> None:
    make_billing.seller()
    one, two = make_billing.buyer(), make_billing.buyer()

    made = [
        numbered(one),
        numbered(two, now=NOW + timedelta(days=1)),
        numbered(one, now=NOW),  # a clock that is behind
    ]

    assert [invoice.number for invoice in made] == [f"INV-2026-0000{n}" for n in (1, 2, 3)]
    days = [invoice.invoice_date for invoice in made]
    assert days == [NOW.date(), NOW.date() + timedelta(days=1), NOW.date() + timedelta(days=1)]
    assert made[0].due_date == NOW.date() + timedelta(days=14)
    assert number_gaps() == []
    next_year = numbered(one, now=NOW + timedelta(days=365))
    assert next_year.number == "INV-2027-00001"


def test_a_number_that_is_rolled_back_was_never_given() -> None:
    make_billing.seller()
    account = make_billing.buyer()
    lost = draft(account)

    with tenant(account.pk):
        finalise(lost, InvoiceStatus.PENDING, now=NOW)
        transaction.set_rollback(True)

    assert numbered(account).number == "INV-2026-00001"
    assert InvoiceSeries.objects.get().last == 1


def forge(statement: str) -> None:
    """As the superuser, to the end of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE billing_invoiceseries SET last = last + 2",
        "UPDATE billing_invoiceseries SET last = last - 1",
        "UPDATE billing_invoiceseries SET last = last + 1",  # without a document: at COMMIT
        "UPDATE billing_invoiceseries SET prefix = 'X-'",
        "DELETE FROM billing_invoiceseries",
        "UPDATE billing_invoice SET total_minor = total_minor + 1, tax_minor = tax_minor + 1",
        "UPDATE billing_invoice SET buyer = '{}'",
        "UPDATE billing_invoice SET no = no + 1, number = 'INV-2026-00002'",
        "DELETE FROM billing_invoice",
        "UPDATE billing_invoiceline SET description = 'x'",
        "DELETE FROM billing_invoiceline",
        "DELETE FROM billing_invoicetax",
        "UPDATE billing_creditnote SET reason = 'x'",
        "DELETE FROM billing_creditnote",
    ],
)
def test_what_has_a_number_cannot_be_changed_by_anybody(forged: str) -> None:
    make_billing.seller()
    account = make_billing.buyer()
    invoice = numbered(account)
    issue_credit_note(
        account=account,
        invoice_id=invoice.pk,
        amount_minor=100,
        reason="goodwill",
        idempotency_key="n",
        now=NOW,
    )

    with pytest.raises(IntegrityError), transaction.atomic():
        forge(forged)


def test_a_number_cannot_be_left_out_or_given_to_what_does_not_add_up() -> None:
    seller = make_billing.seller()
    account = make_billing.buyer()
    first, broken = numbered(account), draft(account)
    values = {"series_id": first.series_id, "status": "pending", "invoice_date": NOW.date()}

    with pytest.raises(IntegrityError, match="invoice_number_chain"), transaction.atomic():
        Invoice.unscoped.filter(pk=broken.pk).update(no=3, number="INV-2026-00003", **values)
    InvoiceLine.unscoped.filter(invoice=broken).update(quantity=2, net_minor=20_000)
    with pytest.raises(IntegrityError, match="lines are 20000"), transaction.atomic():
        Invoice.unscoped.filter(pk=broken.pk).update(no=2, number="INV-2026-00002", **values)

    assert InvoiceSeries.objects.get(entity=seller).last == 1


def test_a_draft_without_payments_can_be_dropped_and_a_number_cannot() -> None:
    make_billing.seller()
    account, other = make_billing.buyer(), make_billing.buyer()
    kept, dropped, tried = numbered(account), draft(account), draft(account)
    make_billing.payment(tried)

    drop_draft(account=account, invoice_id=dropped.pk)
    for invoice in (kept, tried):
        with pytest.raises(Conflict):
            drop_draft(account=account, invoice_id=invoice.pk)
    with pytest.raises(NotFound):
        drop_draft(account=other, invoice_id=tried.pk)

    assert set(Invoice.unscoped.values_list("pk", flat=True)) == {kept.pk, tried.pk}
    assert InvoiceLine.unscoped.filter(account=account).count() == 2


# --- credit notes


def note(account: Account, invoice: Invoice, amount: int, key: str) -> CreditNote:
    return issue_credit_note(
        account=account,
        invoice_id=invoice.pk,
        amount_minor=amount,
        reason="goodwill",
        idempotency_key=key,
        now=NOW,
    )


def test_credit_notes_over_an_invoice_add_up_to_it() -> None:
    make_billing.seller()
    account = make_billing.buyer()
    invoice = numbered(account)  # 100.00 + 19.00

    notes = [note(account, invoice, amount, str(n)) for n, amount in enumerate((3_333, 1, 8_566))]

    assert [row.number for row in notes] == [f"CN-2026-0000{n}" for n in (1, 2, 3)]
    assert sum(row.subtotal_minor for row in notes) == 10_000
    assert sum(row.tax_minor for row in notes) == 1_900
    assert [row.total_minor for row in notes] == [3_333, 1, 8_566]
    with pytest.raises(InvalidInput):
        note(account, invoice, 1, "more")
    assert Invoice.unscoped.get(pk=invoice.pk).credited_minor == 11_900
    assert number_gaps() == []


def test_a_credit_note_is_made_once_per_key() -> None:
    make_billing.seller()
    account = make_billing.buyer()
    invoice = numbered(account)

    first, again = note(account, invoice, 100, "k"), note(account, invoice, 100, "k")

    assert first.pk == again.pk
    assert Invoice.unscoped.get(pk=invoice.pk).credited_minor == 100
    with pytest.raises(IdempotencyConflict):
        note(account, invoice, 101, "k")
    assert InvoiceSeries.objects.get(doc_type=DocumentType.CREDIT_NOTE).last == 1


@given(
    nets=st.lists(st.integers(0, 50_000), min_size=1, max_size=3),
    rates=st.lists(st.integers(0, 3_000), min_size=3, max_size=3, unique=True),
    cuts=st.lists(st.integers(1, 10**6), max_size=6),
)
@settings(max_examples=200, deadline=None)
def test_any_cut_of_an_invoice_adds_up_group_by_group(
    nets: list[int], rates: list[int], cuts: list[int]
) -> None:
    from igny8_core.business.billing.services.credit_notes import _parts

    groups = [
        InvoiceTax(category="S", rate_bp=rate, base_minor=net, tax_minor=share(net, rate, 10_000))
        for net, rate in zip(nets, rates, strict=False)
    ]
    total = sum(group.base_minor + group.tax_minor for group in groups)
    invoice = Invoice(total_minor=total, number="R")
    sums, earlier = [[0, 0] for _ in groups], list[CreditNote]()
    while invoice.credited_minor < total:
        left = total - invoice.credited_minor
        amount = min(left, cuts.pop()) if cuts else left
        parts = _parts(groups, invoice, earlier, amount)
        earlier.append(CreditNote(line_items=parts))
        assert sum(part["net_minor"] + part["tax_minor"] for part in parts) == amount
        assert all(part["net_minor"] >= 0 and part["tax_minor"] >= 0 for part in parts)
        for pair, part in zip(sums, parts, strict=True):
            pair[0] += part["net_minor"]
            pair[1] += part["tax_minor"]
        invoice.credited_minor += amount

    assert sums == [[g.base_minor, g.tax_minor] for g in groups] or total == 0


def test_an_unpaid_invoice_is_given_up_with_a_credit_note_over_all_of_it() -> None:
    make_billing.seller()
    account = make_billing.buyer()
    invoice, unnumbered = numbered(account), draft(account)
    give_up: dict[str, Any] = {"reason": "wrong buyer", "idempotency_key": "v", "now": NOW}

    made = void_invoice(account=account, invoice_id=invoice.pk, **give_up)
    again = void_invoice(account=account, invoice_id=invoice.pk, **give_up)

    assert made is not None
    assert again == made
    assert (made.total_minor, made.subtotal_minor) == (11_900, 10_000)
    invoice.refresh_from_db()
    assert (invoice.status, invoice.voided_at) == ("void", NOW)
    with pytest.raises(TransitionNotAllowed):
        void_invoice(account=account, invoice_id=unnumbered.pk, **give_up)


def test_void_without_a_credit_note_is_refused_by_the_database() -> None:
    make_billing.seller()
    invoice = numbered(make_billing.buyer())

    with pytest.raises(IntegrityError, match="invoice_void_is_credited"), transaction.atomic():
        Invoice.unscoped.filter(pk=invoice.pk).update(status="void", voided_at=NOW)


def test_new_billing_details_leave_numbered_invoices_alone() -> None:
    make_billing.seller()
    account = make_billing.buyer()
    before = numbered(account)

    change_billing_profile(account=account, changes={"legal_name": " New ", "tax_id": "de 1 2"})

    before.refresh_from_db()
    assert before.buyer["legal_name"] == "Käufer & Söhne"
    after = draft(account)
    assert (after.buyer["legal_name"], after.buyer["tax_id"]) == ("New", "DE12")
