"""Invoices, and attempts to pay them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.files import (
    CSV_ANSWER,
    PDF_ANSWER,
    XML,
    XML_ANSWER,
    ZIP,
    ZIP_ANSWER,
    CsvRenderer,
    PdfRenderer,
    XmlRenderer,
    ZipRenderer,
    as_download,
    as_file,
)
from igny8_core.api.filters import FileForm, Filters, RowId
from igny8_core.api.v1.base import TenantViewSet, idempotency_key
from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import Invoice, Payment
from igny8_core.business.billing.services import approvals, invoices, payments, provider_payments
from igny8_core.business.billing.services.document_archive import write_archive
from igny8_core.business.billing.services.documents import document_pdf
from igny8_core.business.billing.services.einvoices import document_xml
from igny8_core.business.billing.services.invoice_export import documents_csv
from igny8_core.business.billing.states import InvoiceStatus, PaymentMethod, PaymentStatus
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import FileResponse, HttpResponse
    from rest_framework.request import Request

    from igny8_core.auth.models import Account


class InvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """An invoice in a list. ``…_amount`` and the like are earlier names of the same values."""

    subtotal_amount = serializers.IntegerField(read_only=True)
    tax_amount = serializers.IntegerField(read_only=True)
    total_amount = serializers.IntegerField(read_only=True)
    billing_period_start = serializers.DateTimeField(read_only=True, allow_null=True)
    billing_period_end = serializers.DateTimeField(read_only=True, allow_null=True)
    paid_date = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = (
            "id",
            "number",
            "status",
            "subscription",
            "currency",
            "subtotal_minor",
            "tax_minor",
            "total_minor",
            "invoice_date",
            "due_date",
            "period_start",
            "period_end",
            "paid_at",
            "voided_at",
            "subtotal_amount",
            "tax_amount",
            "total_amount",
            "billing_period_start",
            "billing_period_end",
            "paid_date",
            "created_at",
        )
        read_only_fields = fields


class InvoiceDetailSerializer(InvoiceSerializer):
    """The whole invoice, as it was frozen when it got its number."""

    class Meta(InvoiceSerializer.Meta):
        fields = (*InvoiceSerializer.Meta.fields, "seller", "buyer", "line_items", "notes")
        read_only_fields = fields


class InvoiceFilters(Filters):
    """Which invoices."""

    status = serializers.ChoiceField(InvoiceStatus.choices, required=False)


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """One attempt to pay an invoice."""

    has_proof = serializers.SerializerMethodField(help_text="A file with evidence is kept.")
    is_in_review = serializers.SerializerMethodField(
        help_text="The money is there and does not fit the invoice: we look into it."
    )

    class Meta:
        model = Payment
        fields = (
            "id",
            "invoice",
            "payment_method",
            "status",
            "amount_minor",
            "currency",
            "refunded_minor",
            "failure_reason",
            "manual_reference",
            "manual_notes",
            "has_proof",
            "is_in_review",
            "processed_at",
            "created_at",
        )
        read_only_fields = fields

    def get_has_proof(self, row: Payment) -> bool:
        return bool(row.proof_file)

    def get_is_in_review(self, row: Payment) -> bool:
        return row.status == PaymentStatus.SUCCEEDED and bool(row.review_reason)


class StartedPaymentSerializer(serializers.Serializer[Any]):
    """An attempt to pay, and where to do so."""

    payment = PaymentSerializer(read_only=True)
    pay_url = serializers.CharField(
        read_only=True, help_text="Where to pay; empty for what is paid by hand."
    )


def read_payment(account: Account, payment_id: int) -> Payment:
    """A payment of the account, in a block of its own."""
    with tenant(account.pk, read_only=True):
        return selectors.payment(account=account, payment_id=payment_id)


class DocumentSpan(Filters):
    """Days, both included."""

    first_day = serializers.DateField(required=False)
    last_day = serializers.DateField(required=False)


class PayInvoiceSerializer(Body):
    """How to pay."""

    payment_method = serializers.ChoiceField(PaymentMethod.choices)


class InvoiceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[Invoice]):
    """Invoices of the account, newest first."""

    serializer_class = InvoiceSerializer
    filters_class = InvoiceFilters
    read_role = write_role = Role.ADMIN
    default_order = "-id"
    spending_actions = frozenset({"pay"})
    suspended_actions = frozenset({"pay", "destroy"})
    open_actions = frozenset({"pdf", "xml", "export", "archive", "pay"})

    def get_queryset(self) -> QuerySet[Invoice]:
        chosen = self.filters.get("status")
        return selectors.invoices(account=self.account, statuses=[chosen] if chosen else [])

    def get_serializer_class(self) -> type[InvoiceSerializer]:
        return InvoiceDetailSerializer if self.action == "retrieve" else InvoiceSerializer

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Forget a draft. 409 for an invoice with a number, and for one with payments."""
        invoices.drop_draft(account=self.account, invoice_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=PayInvoiceSerializer, responses={201: StartedPaymentSerializer})
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, pk: str, **_path: Any) -> Response:
        """Try to pay an open invoice, once more or another way.

        409 `payment_under_way` while another attempt is open or its money is there.
        """
        with tenant(self.account.pk, read_only=True):
            selectors.invoice(account=self.account, invoice_id=int(pk))
        row = payments.start_payment(
            account=self.account,
            invoice_id=int(pk),
            method=self.body_apart(PayInvoiceSerializer)["payment_method"],
            idempotency_key=f"pay:{idempotency_key(request)}",
            now=timezone.now(),
        )
        pay_url = ""
        if row.provider:
            pay_url = provider_payments.open_checkout(
                account=self.account, payment_id=row.pk, clock=timezone.now
            )
        answer = {"payment": read_payment(self.account, row.pk), "pay_url": pay_url}
        return Response(StartedPaymentSerializer(answer).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=PDF_ANSWER)
    @action(detail=True, methods=["get"], renderer_classes=[PdfRenderer, JSONRenderer])
    def pdf(self, _request: Request, pk: str, **_path: Any) -> HttpResponse:
        """The invoice as PDF: the same bytes every time. Of a draft a pro-forma.

        409 `einvoice_refused` when the e-invoice in it does not hold; `errors` say why.
        """
        return as_download(*document_pdf(account=self.account, kind=Invoice, document_id=int(pk)))

    @extend_schema(responses=XML_ANSWER)
    @action(detail=True, methods=["get"], renderer_classes=[XmlRenderer, JSONRenderer])
    def xml(self, _request: Request, pk: str, **_path: Any) -> HttpResponse:
        """The invoice for machines: EN 16931 as Cross Industry Invoice. It is in the PDF, too.

        422 for a draft, and where the seller issues none; 409 `einvoice_refused` when it does
        not hold.
        """
        found = document_xml(account=self.account, kind=Invoice, document_id=int(pk))
        return as_download(*found, XML)

    @extend_schema(parameters=[DocumentSpan], responses=ZIP_ANSWER)
    @action(
        detail=False,
        methods=["get"],
        pagination_class=None,
        renderer_classes=[ZipRenderer, JSONRenderer],
    )
    def archive(self, _request: Request, **_path: Any) -> FileResponse:
        """For an accountant: the table, and each document as PDF and as e-invoice, in a ZIP.

        At most 500 documents. What does not hold as an e-invoice is named in `problems.txt`.
        """
        asked = self.asked(DocumentSpan)

        def write(file: BinaryIO) -> tuple[str, str]:
            write_archive(
                account=self.account,
                first=asked.get("first_day"),
                last=asked.get("last_day"),
                file=file,
            )
            return f"invoices-{self.account.slug}-{timezone.now():%Y-%m-%d}.zip", ZIP

        return as_file(write)

    @extend_schema(parameters=[DocumentSpan], responses=CSV_ANSWER)
    @action(
        detail=False,
        methods=["get"],
        pagination_class=None,
        renderer_classes=[CsvRenderer, JSONRenderer],
    )
    def export(self, _request: Request, **_path: Any) -> StreamingHttpResponse:
        """Numbered invoices and credit notes for an accountant: a line for each rate of tax."""
        asked = self.asked(DocumentSpan)
        lines = documents_csv(
            account=self.account, first=asked.get("first_day"), last=asked.get("last_day")
        )
        name = f"invoices-{self.account.slug}-{timezone.now():%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            lines,
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            },
        )


class PaymentFilters(Filters):
    """Which payments."""

    status = serializers.ChoiceField(PaymentStatus.choices, required=False)
    invoice = RowId(selectors.invoice, "invoice_id", required=False)


class ProofForm(FileForm):
    """How the money was sent."""

    file = serializers.FileField(
        required=False, help_text="PDF, PNG or JPEG of at most 5 MiB; a later one replaces it."
    )
    reference = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    notes = serializers.CharField(max_length=2_000, required=False, default="", allow_blank=True)


class ProofWords(Body):
    """How the money was sent, without a receipt."""

    reference = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    notes = serializers.CharField(max_length=2_000, required=False, default="", allow_blank=True)


class PaymentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[Payment]):
    """Payments of the account, newest first."""

    serializer_class = PaymentSerializer
    filters_class = PaymentFilters
    read_role = write_role = Role.ADMIN
    default_order = "-id"
    open_actions = frozenset({"proof", "refresh"})
    suspended_actions = frozenset({"proof", "cancel", "refresh"})

    def get_parsers(self) -> list[Any]:
        """Evidence comes as a form with a file; what is only said may be JSON."""
        is_upload = "proof" in getattr(self, "action_map", {}).values()
        return [MultiPartParser(), *super().get_parsers()] if is_upload else super().get_parsers()

    def get_queryset(self) -> QuerySet[Payment]:
        given = dict(self.filters)
        chosen = given.pop("status", None)
        return selectors.payments(
            account=self.account, statuses=[chosen] if chosen else [], **given
        )

    @extend_schema(request={"multipart/form-data": ProofForm}, responses={200: PaymentSerializer})
    @action(detail=True, methods=["post"])
    def proof(self, request: Request, pk: str, **_path: Any) -> Response:
        """Say how the money was sent, with a receipt if there is one, while nobody approved it."""
        with tenant(self.account.pk, read_only=True):
            selectors.payment(account=self.account, payment_id=int(pk))
        is_form = request.content_type.startswith("multipart/")
        data = self.body_apart(ProofForm if is_form else ProofWords)
        row = approvals.submit_proof(
            account=self.account,
            payment_id=int(pk),
            file=data.get("file"),
            reference=data["reference"],
            notes=data["notes"],
            now=timezone.now(),
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=PaymentSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Give an attempt by hand up. 409 once somebody has approved it."""
        row = payments.cancel_payment(account=self.account, payment_id=int(pk), now=timezone.now())
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=PaymentSerializer)
    @action(detail=True, methods=["post"])
    def refresh(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Ask the provider now what became of the payment: for the page that one returns to.

        409 for a payment that is made by hand.
        """
        row = provider_payments.refresh_payment(
            account=self.account, payment_id=int(pk), clock=timezone.now
        )
        return Response(self.get_serializer(row).data)
