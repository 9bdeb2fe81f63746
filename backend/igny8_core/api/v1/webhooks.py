"""Addresses that events are sent to, and what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import BulkIds, Changed, Filters, RowId, id_of
from igny8_core.api.v1.base import BulkActions, TenantViewSet
from igny8_core.auth.states import Role
from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from igny8_core.business.automation.services import webhook_endpoints, webhooks
from igny8_core.business.automation.services.telling import EVENT_TYPES
from igny8_core.business.automation.states import DeliveryStatus
from igny8_core.clients.addresses import LENGTH_MAX

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class EndpointSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """An address that is told what happens to runs. Its secret is shown once."""

    class Meta:
        model = WebhookEndpoint
        fields: tuple[str, ...] = (
            "id",
            "url",
            "description",
            "event_types",
            "is_enabled",
            "disabled_reason",
            "failing_since",
            "last_delivered_at",
            "created_at",
        )
        read_only_fields = fields


class SecretSerializer(serializers.Serializer[Any]):
    """A signing secret, as libraries for Standard Webhooks take it. Shown once."""

    secret = serializers.CharField()


class NewEndpointSerializer(EndpointSerializer):
    """An address with its secret, which is shown this once."""

    secret = serializers.CharField(read_only=True, default="")

    class Meta(EndpointSerializer.Meta):
        fields = (*EndpointSerializer.Meta.fields, "secret")
        read_only_fields = fields


class EndpointChanges(Body):
    """What can be set of an address; what is left out stays."""

    url = serializers.CharField(max_length=LENGTH_MAX, required=False)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.ChoiceField(choices=EVENT_TYPES),
        required=False,
        max_length=len(EVENT_TYPES),
        help_text="Empty: all of them.",
    )
    is_enabled = serializers.BooleanField(required=False)


class NewEndpoint(EndpointChanges):
    """An address."""

    url = serializers.CharField(max_length=LENGTH_MAX)


class AttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    """One try at a delivery."""

    class Meta:
        model = WebhookAttempt
        fields = ("number", "status_code", "error", "milliseconds", "created_at")
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One event for one address."""

    class Meta:
        model = WebhookDelivery
        fields: tuple[str, ...] = (
            "id",
            "endpoint",
            "event_id",
            "message_id",
            "event_type",
            "status",
            "attempts",
            "next_attempt_at",
            "status_code",
            "error",
            "delivered_at",
            "created_at",
        )
        read_only_fields = fields


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with what was sent and every try at it."""

    tries = serializers.SerializerMethodField()

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "payload", "tries")
        read_only_fields = fields

    @extend_schema_field(AttemptSerializer(many=True))
    def get_tries(self, row: WebhookDelivery) -> Any:
        rows = selectors.webhook_attempts(account=self.context["view"].account, delivery_id=row.pk)
        return AttemptSerializer(rows, many=True).data


class DeliveryFilters(Filters):
    """Narrows deliveries down."""

    endpoint = RowId(selectors.webhook_endpoint, "endpoint_id", required=False)
    status = serializers.ChoiceField(choices=DeliveryStatus.choices, required=False)
    event_type = serializers.CharField(max_length=64, required=False)


class WebhookEndpointViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[WebhookEndpoint]
):
    """Addresses that the account's events are sent to, signed as Standard Webhooks says."""

    serializer_class = EndpointSerializer
    read_role = Role.ADMIN
    write_role = Role.ADMIN
    secret_actions = frozenset({"create", "rotate_secret"})

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        return selectors.webhook_endpoints(account=self.account)

    @extend_schema(request=NewEndpoint, responses={201: NewEndpointSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Add an address. Its secret is in the answer, and nowhere else."""
        row, secret = webhook_endpoints.create_endpoint(
            account=self.account, **self.body(NewEndpoint)
        )
        body = EndpointSerializer(row).data | {"secret": secret}
        return Response(body, status=status.HTTP_201_CREATED)

    @extend_schema(request=EndpointChanges, responses=EndpointSerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change an address, or switch it on or off."""
        row = webhook_endpoints.change_endpoint(
            account=self.account, endpoint_id=int(pk), **self.body(EndpointChanges)
        )
        return Response(EndpointSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Take an address away, with the log of its deliveries."""
        webhook_endpoints.delete_endpoint(account=self.account, endpoint_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Another secret. For a day messages are signed with the old one too."""
        secret = webhook_endpoints.rotate_secret(
            account=self.account, endpoint_id=int(pk), now=timezone.now()
        )
        return Response(SecretSerializer({"secret": secret}).data)

    @extend_schema(request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Send a message that says nothing, to see whether it arrives."""
        row = webhook_endpoints.send_test(
            account=self.account, endpoint_id=int(pk), now=timezone.now()
        )
        return Response(DeliverySerializer(row).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=Changed)
    @action(detail=True, methods=["post"], url_path="replay-failed")
    def replay_failed(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Send again what was given up for the address, at most a thousand messages."""
        changed = webhooks.replay_failed(
            account=self.account, endpoint_id=int(pk), now=timezone.now()
        )
        return Response(Changed({"changed": changed}).data)


class WebhookDeliveryViewSet(
    BulkActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[WebhookDelivery]
):
    """What was sent, or waits to be, the newest first; kept for 30 days."""

    serializer_class = DeliverySerializer
    filters_class = DeliveryFilters
    default_order: ClassVar[str] = "-id"
    read_role = Role.ADMIN
    write_role = Role.ADMIN

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        filters = dict(self.filters)
        endpoint = filters.pop("endpoint", None)
        return selectors.webhook_deliveries(
            account=self.account, endpoint_id=id_of(endpoint), **filters
        )

    def get_serializer_class(self) -> type[DeliverySerializer]:
        return DeliverySerializer if self.action == "list" else DeliveryDetailSerializer

    @extend_schema(request=BulkIds, responses=Changed)
    @action(detail=False, methods=["post"])
    def replay(self, request: Request, **_path: Any) -> Response:
        """Send messages again, under the ids that they had; those that wait stay as they are."""
        return self._bulk(request, webhooks.replay_deliveries)
