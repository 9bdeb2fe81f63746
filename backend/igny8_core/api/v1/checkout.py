"""Buying credits: billing details, checkout, evidence of payments, credit notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from igny8_core.api.bodies import Body, StrictTypes
from igny8_core.api.files import (
    PDF_ANSWER,
    XML,
    XML_ANSWER,
    PdfRenderer,
    XmlRenderer,
    as_download,
)
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet, idempotency_key
from igny8_core.api.v1.invoices import InvoiceDetailSerializer, PaymentSerializer, read_payment
from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import BillingProfile, CreditNote, Invoice, Refund
from igny8_core.business.billing.services import billing_profiles, checkout, provider_payments
from igny8_core.business.billing.services.documents import document_pdf
from igny8_core.business.billing.services.einvoices import document_xml
from igny8_core.business.billing.states import PaymentMethod

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse
    from rest_framework.request import Request


class BillingProfileSerializer(StrictTypes, serializers.ModelSerializer[BillingProfile]):
    """Whom invoices are made out to; numbered ones keep what they say."""

    country_code = serializers.RegexField("^[A-Z]{2}$", required=False)

    class Meta:
        model = BillingProfile
        fields = billing_profiles.FIELDS


class BillingProfileViewSet(TenantViewSet[BillingProfile]):
    """The account's billing details."""

    serializer_class = BillingProfileSerializer
    read_role = write_role = Role.ADMIN
    suspended_actions = frozenset({"partial_update"})

    @extend_schema(responses=BillingProfileSerializer)
    def retrieve(self, _request: Request, **_path: Any) -> Response:
        """Whom invoices are made out to. Until somebody says so, the account itself."""
        row = billing_profiles.billing_profile(account=self.account)
        return Response(BillingProfileSerializer(row).data)

    @extend_schema(request=BillingProfileSerializer, responses=BillingProfileSerializer)
    def partial_update(self, _request: Request, **_path: Any) -> Response:
        """Say whom to bill. An invoice needs a name, a street, a city and a country."""
        row = billing_profiles.change_billing_profile(
            account=self.account, changes=self.body(BillingProfileSerializer, partial=True)
        )
        return Response(BillingProfileSerializer(row).data)


class NewCheckoutSerializer(Body):
    """What to buy, and how to pay it."""

    package = serializers.SlugField(max_length=100, help_text="`slug` of a package.")
    payment_method = serializers.ChoiceField(PaymentMethod.choices)
    quantity = serializers.IntegerField(
        min_value=1, max_value=checkout.QUANTITY_MAX, required=False, default=1
    )


class CheckoutSerializer(serializers.Serializer[Any]):
    """What was bought, and the attempt to pay it."""

    invoice = InvoiceDetailSerializer(read_only=True)
    payment = PaymentSerializer(read_only=True)
    pay_url = serializers.CharField(
        read_only=True, help_text="Where to pay; empty for what is paid by hand."
    )


class CheckoutViewSet(TenantViewSet[Invoice]):
    """Buying a package of credits."""

    serializer_class = CheckoutSerializer
    write_role = Role.ADMIN
    spending_actions: ClassVar[frozenset[str]] = frozenset({"create"})
    suspended_actions = frozenset({"create"})
    open_actions = frozenset({"create"})

    @extend_schema(request=NewCheckoutSerializer, responses={201: CheckoutSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Buy a package. Paid by hand, it brings its credits once somebody has seen the money.

        At a provider it is paid at `pay_url`; its credits are there as soon as the money is. 503
        when the provider does not answer: send the same request with the same key again.

        409 `billing_not_set_up` while there is no seller, or no tax for the buyer's country; 422
        while the billing details are not complete, or for a way to pay that is not offered there.
        """
        data = self.body_apart(NewCheckoutSerializer)
        found = checkout.buy_package(
            account=self.account,
            slug=data["package"],
            method=data["payment_method"],
            quantity=data["quantity"],
            idempotency_key=f"buy:{idempotency_key(request)}",
            now=timezone.now(),
        )
        answer: dict[str, Any] = {"invoice": found.invoice, "payment": found.payment, "pay_url": ""}
        if found.payment.provider:
            answer["pay_url"] = provider_payments.open_checkout(
                account=self.account, payment_id=found.payment.pk, clock=timezone.now
            )
            answer["payment"] = read_payment(self.account, found.payment.pk)
        return Response(CheckoutSerializer(answer).data, status=status.HTTP_201_CREATED)


class CreditNoteSerializer(serializers.ModelSerializer[CreditNote]):
    """What was taken back of an invoice. Amounts are positive.

    One with `reverses` puts back what that credit note took: its money could not be sent.
    """

    line_items = serializers.ListField(child=serializers.DictField(), read_only=True)

    class Meta:
        model = CreditNote
        fields = (
            "id",
            "number",
            "invoice",
            "reverses",
            "issue_date",
            "reason",
            "currency",
            "subtotal_minor",
            "tax_minor",
            "total_minor",
            "line_items",
            "created_at",
        )
        read_only_fields = fields


class CreditNoteFilters(Filters):
    """Which credit notes."""

    invoice = RowId(selectors.invoice, "invoice_id", required=False)


class CreditNoteViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[CreditNote]
):
    """What was taken back of invoices, newest first."""

    serializer_class = CreditNoteSerializer
    filters_class = CreditNoteFilters
    read_role = Role.ADMIN
    default_order = "-id"
    open_actions = frozenset({"pdf", "xml"})

    def get_queryset(self) -> QuerySet[CreditNote]:
        return selectors.credit_notes(account=self.account, **self.filters)

    @extend_schema(responses=PDF_ANSWER)
    @action(detail=True, methods=["get"], renderer_classes=[PdfRenderer, JSONRenderer])
    def pdf(self, _request: Request, pk: str, **_path: Any) -> HttpResponse:
        """The credit note as PDF: the same bytes every time."""
        return as_download(
            *document_pdf(account=self.account, kind=CreditNote, document_id=int(pk))
        )

    @extend_schema(responses=XML_ANSWER)
    @action(detail=True, methods=["get"], renderer_classes=[XmlRenderer, JSONRenderer])
    def xml(self, _request: Request, pk: str, **_path: Any) -> HttpResponse:
        """The credit note for machines: EN 16931 as Cross Industry Invoice, as in its PDF.

        422 where the seller issues none; 409 `einvoice_refused` when it does not hold.
        """
        found = document_xml(account=self.account, kind=CreditNote, document_id=int(pk))
        return as_download(*found, XML)


class RefundSerializer(serializers.ModelSerializer[Refund]):
    """Money that went or goes back.

    One that failed after its credit note was written has that note's `reversal`.
    """

    class Meta:
        model = Refund
        fields = (
            "id",
            "payment",
            "credit_note",
            "reversal",
            "retry_of",
            "amount_minor",
            "currency",
            "credits",
            "status",
            "reason",
            "failure_reason",
            "processed_at",
            "created_at",
        )
        read_only_fields = fields


class RefundViewSet(mixins.ListModelMixin, TenantViewSet[Refund]):
    """Money that went or goes back, newest first."""

    serializer_class = RefundSerializer
    read_role = Role.ADMIN
    default_order = "-id"

    def get_queryset(self) -> QuerySet[Refund]:
        return selectors.refunds(account=self.account)
