"""A customer's invoices and payments: what is open, what was paid, why something failed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.services import (
    approvals,
    document_archive,
    document_downloads,
    orders,
    payments,
    provider_payments,
)
from igny8_core.business.billing.services.invoice_export import documents_csv
from igny8_core.business.billing.states import (
    MANUAL_METHODS,
    InvoiceStatus,
    PaymentStatus,
)
from igny8_core.common.errors import InvalidInput, ProviderRejected, Transient
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.downloads import download
from igny8_core.web.forms.billing import EvidenceForm, form_key
from igny8_core.web.lists import one_of, page_number, page_of, whole
from igny8_core.web.screens import ScreenRequest, account_address, render_screen, screen
from igny8_core.web.views.buying import on_to_pay

if TYPE_CHECKING:
    from django.http import HttpResponseBase

private = cache_control(private=True, no_store=True)
SEE_OTHER: Final = 303
PDF, XML = "application/pdf", "application/xml"
ASKED_FOR: Final = timedelta(minutes=20)
"""So long after it began the page asks the provider by itself; then there is a button."""


@require_safe
@private
@screen(role=Role.ADMIN)
def invoices(request: ScreenRequest) -> HttpResponse:
    """Invoices, drafts included, the newest first; credit notes beside them."""
    chosen = one_of(request.GET, "status", InvoiceStatus.values)
    rows = selectors.invoices(account=request.account, statuses=[chosen] if chosen else [])
    context = {
        "page": page_of(rows, page_number(request.GET)),
        "status": chosen,
        "statuses": [(one.value, one.label) for one in InvoiceStatus],
        "notes": list(selectors.credit_notes(account=request.account)[:20]),
        "today": timezone.now().date(),
        "years": [timezone.now().year - back for back in range(3)],
    }
    return render_screen(request, "billing/invoices.html", part="table", context=context)


@require_safe
@private
@screen(role=Role.ADMIN)
def invoice(request: ScreenRequest, invoice_id: int) -> HttpResponse:
    """One invoice: its lines, its tax, the attempts to pay it, and how to pay what is open."""
    row = selectors.invoice(account=request.account, invoice_id=invoice_id)
    attempts = list(selectors.payments(account=request.account, invoice=row))
    under_way = next((one for one in attempts if payments.is_under_way(one)), None)
    open_minor = row.total_minor - row.credited_minor
    is_payable = row.status in payments.PAYABLE and open_minor > 0 and under_way is None
    country = row.buyer.get("country_code", "")
    context = {
        "invoice": row,
        "groups": row.tax_evidence.get("groups", []),
        "attempts": attempts,
        "under_way": under_way if row.status in payments.PAYABLE else None,
        "open_minor": open_minor,
        "notes": list(selectors.credit_notes(account=request.account, invoice=row)),
        "is_payable": is_payable,
        "has_xml": row.number is not None and document_downloads.is_einvoice(row),
        "ways": orders.ways_to_pay(country_code=country) if is_payable else [],
        "key": uuid4().hex,
        "today": timezone.now().date(),
    }
    return render_screen(request, "billing/invoice.html", context=context)


@require_safe
@private
@screen(role=Role.ADMIN, opens_block=False)
def invoice_pdf(request: ScreenRequest, invoice_id: int) -> HttpResponse:
    """The invoice as PDF; of a draft a pro-forma."""
    return _file(
        PDF, *document_downloads.invoice_pdf(account=request.account, invoice_id=invoice_id)
    )


@require_safe
@private
@screen(role=Role.ADMIN, opens_block=False)
def invoice_xml(request: ScreenRequest, invoice_id: int) -> HttpResponse:
    """The invoice for machines (EN 16931)."""
    found = document_downloads.invoice_xml(account=request.account, invoice_id=invoice_id)
    return _file(XML, *found)


@require_safe
@private
@screen(role=Role.ADMIN, opens_block=False)
def credit_note_pdf(request: ScreenRequest, note_id: int) -> HttpResponse:
    """The credit note as PDF."""
    return _file(PDF, *document_downloads.credit_note_pdf(account=request.account, note_id=note_id))


@require_safe
@private
@screen(role=Role.ADMIN, opens_block=False)
def invoices_file(request: ScreenRequest) -> HttpResponseBase:
    """A year for the accountant: a line for each rate, or each document itself, in a ZIP."""
    year, span = _year(request)
    if request.GET.get("form") == "zip":

        def write(file: BinaryIO) -> tuple[str, str]:
            document_archive.write_archive(
                account=request.account, first=span[0], last=span[1], file=file
            )
            return f"invoices-{year}.zip", document_archive.ZIP

        return download(write)
    lines = documents_csv(account=request.account, first=span[0], last=span[1])
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="invoices-{year}.csv"'
    return response


def _year(request: ScreenRequest) -> tuple[int, tuple[date, date]]:
    """The year that is asked for, and its first and last day."""
    year = min(max(whole(request.GET, "year") or timezone.now().year, 2000), 9999)
    return year, (date(year, 1, 1), date(year, 12, 31))


@require_POST
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def pay_invoice(request: ScreenRequest, invoice_id: int) -> HttpResponse:
    """Try to pay an open invoice, once more or another way."""
    with tenant(request.account.pk, read_only=True):
        selectors.invoice(account=request.account, invoice_id=invoice_id)
    started = payments.start_payment(
        account=request.account,
        invoice_id=invoice_id,
        method=request.POST.get("payment_method", ""),
        idempotency_key=f"pay:{form_key(request)}",
        now=timezone.now(),
    )
    return on_to_pay(request, started)


@require_safe
@private
@screen(role=Role.ADMIN)
def payment_list(request: ScreenRequest) -> HttpResponse:
    """Attempts to pay, the newest first, with the reason of each that failed."""
    chosen = one_of(request.GET, "status", PaymentStatus.values)
    rows = selectors.payments(account=request.account, statuses=[chosen] if chosen else [])
    context = {
        "page": page_of(rows.select_related("invoice"), page_number(request.GET)),
        "status": chosen,
        "statuses": [(one.value, one.label) for one in PaymentStatus],
        "manual": MANUAL_METHODS,
    }
    return render_screen(request, "billing/payments.html", part="table", context=context)


@require_safe
@private
@screen(role=Role.ADMIN)
def payment(request: ScreenRequest, payment_id: int) -> HttpResponse:
    """Where a payment stands, and what is to be done. The page that one returns to."""
    return _payment_page(request, payment_id, EvidenceForm())


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def give_evidence(request: ScreenRequest, payment_id: int) -> HttpResponse:
    """Say how the money was sent, with a receipt if there is one."""
    with tenant(request.account.pk, read_only=True):
        selectors.payment(account=request.account, payment_id=payment_id)
    form = EvidenceForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            approvals.submit_proof(
                account=request.account,
                payment_id=payment_id,
                now=timezone.now(),
                **form.cleaned_data,
            )
        except InvalidInput as exc:
            form.refuse(exc)
        else:
            messages.success(request, "Thank you. Somebody looks at it and the credits follow.")
            return _to(request, payment_id)
    with tenant(request.account.pk, read_only=True):
        return _payment_page(request, payment_id, form, status=InvalidInput.http_status)


@require_POST
@screen(role=Role.ADMIN, suspended_too=True)
def cancel_payment(request: ScreenRequest, payment_id: int) -> HttpResponse:
    """Give an attempt by hand up; the invoice stays open."""
    payments.cancel_payment(account=request.account, payment_id=payment_id, now=timezone.now())
    messages.success(request, "This attempt is given up. The invoice can be paid another way.")
    return _to(request, payment_id)


@require_POST
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def continue_payment(request: ScreenRequest, payment_id: int) -> HttpResponse:
    """Back to the provider's page of a payment that nobody finished."""
    with tenant(request.account.pk, read_only=True):
        row = selectors.payment(account=request.account, payment_id=payment_id)
    return on_to_pay(request, row)


@require_POST
@private
@screen(role=Role.ADMIN, suspended_too=True, opens_block=False)
def check_payment(request: ScreenRequest, payment_id: int) -> HttpResponse:
    """Ask the provider what became of the payment; the page does so by itself for a while."""
    trouble = ""
    try:
        provider_payments.refresh_payment(
            account=request.account, payment_id=payment_id, clock=timezone.now
        )
    except (InvalidInput, ProviderRejected, Transient) as exc:  # or its keys were taken away
        trouble = exc.message
    with tenant(request.account.pk, read_only=True):
        return _payment_page(request, payment_id, EvidenceForm(), trouble=trouble)


def _payment_page(
    request: ScreenRequest,
    payment_id: int,
    form: EvidenceForm,
    *,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    account, now = request.account, timezone.now()
    row = selectors.payment(account=account, payment_id=payment_id)
    bill = row.invoice
    is_manual = row.payment_method in MANUAL_METHODS
    stage = _stage(row, is_manual=is_manual)
    is_open = stage in {"provider", "unknown"}
    how = None
    if stage in {"send", "approval"}:
        how = _pay_to(bill, row.payment_method)
    context = {
        "payment": row,
        "invoice": bill,
        "stage": stage,
        "how": how,
        "bank": bill.seller.get("bank", {}),
        "credits": sum(int(item.get("credits") or 0) for item in bill.line_items),
        "refunds": list(selectors.refunds(account=account).filter(payment=row)),
        "form": form,
        "trouble": trouble,
        "has_left": "left" in request.GET,
        "asks": is_open and now - row.created_at < ASKED_FOR,
        "is_payable": bill.status in payments.PAYABLE,
        "takes_two": is_manual and approvals.needs_second_person(row),
    }
    return render_screen(
        request, "billing/payment.html", part="payment", context=context, status=status
    )


def _pay_to(bill: Any, method: str) -> Any:
    """Where to send the money: as the invoice says it, else as it is offered today."""
    told = bill.seller.get("pay_to", {})
    if told.get("payment_method") == method:
        return told
    offered = selectors.offered_methods(country_code=bill.buyer.get("country_code", ""))
    return offered.filter(payment_method=method).first()


def _stage(row: Any, *, is_manual: bool) -> str:
    """Where a payment stands, in one word of the page."""
    if row.status == PaymentStatus.SUCCEEDED:
        return "review" if row.review_reason else "settling"
    if row.status not in {PaymentStatus.PENDING, PaymentStatus.PROCESSING}:
        return str(row.status)
    if not is_manual:
        return "unknown" if row.outcome_unknown_since else "provider"
    has_evidence = row.proof_file or row.manual_reference or row.manual_notes
    return "approval" if has_evidence or row.approved_by_id else "send"


def _to(request: ScreenRequest, payment_id: int) -> HttpResponse:
    return HttpResponseRedirect(account_address(request, "payment", payment_id), status=SEE_OTHER)


def _file(media_type: str, name: str, data: bytes) -> HttpResponse:
    return HttpResponse(
        data,
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
