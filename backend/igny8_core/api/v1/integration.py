"""Connections to customers' own sites, and the log of what was exchanged with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import Filters, RowId, id_of
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors as accounts
from igny8_core.auth.states import Role
from igny8_core.business.content import selectors as contents
from igny8_core.business.integration import selectors
from igny8_core.business.integration.models import SiteIntegration, SyncEvent
from igny8_core.business.integration.services import integrations
from igny8_core.business.integration.services.credentials import LENGTH_MAX, shown_credentials
from igny8_core.business.integration.states import (
    ConflictPolicy,
    EventAction,
    EventType,
    Platform,
    SyncStatus,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class ShownCredentials(serializers.Serializer[Any]):
    """What may be shown of credentials: who signs in, and that there is a secret."""

    secret_set = serializers.BooleanField()
    username = serializers.CharField(required=False)
    client_id = serializers.CharField(required=False)
    last4 = serializers.CharField(required=False)


class IntegrationConfig(serializers.Serializer[Any]):
    """Where the site is, and what happens to articles that were changed there, too."""

    base_url = serializers.CharField(required=False)
    conflict_policy = serializers.ChoiceField(choices=ConflictPolicy.choices, required=False)


class IntegrationSerializer(serializers.ModelSerializer[SiteIntegration]):
    """How a site is connected to a platform outside. Secrets are never shown."""

    config = IntegrationConfig(read_only=True)
    credentials = serializers.SerializerMethodField()

    class Meta:
        model = SiteIntegration
        fields = (
            "id",
            "site",
            "platform",
            "platform_type",
            "config",
            "credentials",
            "is_active",
            "is_sync_enabled",
            "sync_status",
            "sync_error",
            "last_sync_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field(ShownCredentials)
    def get_credentials(self, row: SiteIntegration) -> dict[str, Any]:
        return shown_credentials(row)


class GivenConfig(Body):
    """What can be set; https only, and a public host, unless the operator allows others."""

    base_url = serializers.CharField(max_length=500, required=False)
    conflict_policy = serializers.ChoiceField(choices=ConflictPolicy.choices, required=False)


class GivenCredentials(Body):
    """What the platform asks for. Only written: nothing shows it again.

    WordPress: `username` and `application_password`; Shopify: `client_id` and `client_secret`;
    custom: `secret`.
    """

    username = serializers.CharField(max_length=LENGTH_MAX, required=False)
    application_password = serializers.CharField(max_length=LENGTH_MAX, required=False)
    client_id = serializers.CharField(max_length=LENGTH_MAX, required=False)
    client_secret = serializers.CharField(max_length=LENGTH_MAX, required=False)
    secret = serializers.CharField(max_length=LENGTH_MAX, required=False)


class NewIntegration(Body):
    """A site, the platform behind it, and how to sign in there."""

    site = RowId(accounts.site, "site_id")
    platform = serializers.ChoiceField(choices=Platform.choices)
    config = GivenConfig()
    credentials = GivenCredentials()


class IntegrationChanges(Body):
    """What is left out stays. Another host needs its credentials in the same request."""

    config = GivenConfig(required=False)
    credentials = GivenCredentials(required=False)
    is_active = serializers.BooleanField(required=False)
    is_sync_enabled = serializers.BooleanField(required=False)


class IntegrationFilters(Filters):
    """Narrows connections down."""

    site = RowId(accounts.site, "site_id", required=False)
    platform = serializers.ChoiceField(choices=Platform.choices, required=False)
    is_active = serializers.BooleanField(required=False)
    sync_status = serializers.ChoiceField(choices=SyncStatus.choices, required=False)


class SyncEventSerializer(serializers.ModelSerializer[SyncEvent]):
    """One exchange with a site. Carries no secret and no body."""

    class Meta:
        model = SyncEvent
        fields = (
            "id",
            "site",
            "integration",
            "event_type",
            "action",
            "success",
            "content",
            "external_id",
            "details",
            "error",
            "duration_ms",
            "created_at",
        )
        read_only_fields = fields


class SyncEventFilters(Filters):
    """Narrows events down."""

    site = RowId(accounts.site, "site_id", required=False)
    integration = RowId(selectors.integration, "integration_id", required=False)
    content = RowId(contents.content, "content_id", required=False)
    event_type = serializers.ChoiceField(choices=EventType.choices, required=False)
    action = serializers.ChoiceField(choices=EventAction.choices, required=False)
    success = serializers.BooleanField(required=False)


class IntegrationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[SiteIntegration]
):
    """Connections of the account's sites; one for each site and platform."""

    serializer_class = IntegrationSerializer
    filters_class = IntegrationFilters
    write_role = Role.ADMIN

    def get_queryset(self) -> QuerySet[SiteIntegration]:
        return selectors.integrations(account=self.account, **self.filters)

    @extend_schema(request=NewIntegration, responses={201: IntegrationSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Connect a site. The credentials are sealed, and not tried yet. 409 when it has been."""
        form = NewIntegration(data=request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        given = dict(form.validated_data)
        row = integrations.create_integration(
            account=self.account, site_id=given.pop("site").pk, **given
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=IntegrationChanges, responses=IntegrationSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change a connection. New credentials let it go on where the old ones were refused."""
        form = IntegrationChanges(data=request.data)
        form.is_valid(raise_exception=True)
        row = integrations.change_integration(
            account=self.account, integration_id=int(pk), now=timezone.now(), **form.validated_data
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Delete a connection with its log. 409 when something was published through it."""
        integrations.delete_integration(account=self.account, integration_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=IntegrationSerializer)
    @action(detail=True, methods=["post"])
    def disconnect(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Forget the credentials and stop; what was published stays where it is."""
        row = integrations.disconnect_integration(account=self.account, integration_id=int(pk))
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=IntegrationSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Let nothing more go to the site or come from it."""
        row = integrations.pause_sync(
            account=self.account, integration_id=int(pk), now=timezone.now()
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=IntegrationSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Go on. 409 when it is not paused."""
        row = integrations.resume_sync(
            account=self.account, integration_id=int(pk), now=timezone.now()
        )
        return Response(self.get_serializer(row).data)


class SyncEventViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[SyncEvent]):
    """What was exchanged with sites, the newest first."""

    serializer_class = SyncEventSerializer
    filters_class = SyncEventFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[SyncEvent]:
        filters = dict(self.filters)
        content = filters.pop("content", None)
        return selectors.sync_events(account=self.account, content_id=id_of(content), **filters)
