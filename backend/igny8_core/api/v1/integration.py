"""Connections to customers' own sites, and the log of what was exchanged with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView

from igny8_core.api.bodies import Body
from igny8_core.api.filters import Filters, RowId, id_of
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors as accounts
from igny8_core.auth.states import Role
from igny8_core.business.content import selectors as contents
from igny8_core.business.integration import selectors
from igny8_core.business.integration.models import ExternalItem, SiteIntegration, SyncEvent
from igny8_core.business.integration.services import (
    conflicts,
    connect,
    inbound,
    integrations,
    sync,
    webhook_secrets,
)
from igny8_core.business.integration.services.check import check_integration
from igny8_core.business.integration.services.credentials import LENGTH_MAX, shown_credentials
from igny8_core.business.integration.states import (
    ConflictPolicy,
    EventAction,
    EventType,
    ItemState,
    Platform,
    SyncStatus,
)

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet
    from rest_framework.request import Request


AUTO_PUBLISH = ["off", "approved", "submitted"]


class ShownCredentials(serializers.Serializer[Any]):
    """What may be shown of credentials: who signs in, and that there is a secret."""

    secret_set = serializers.BooleanField()
    username = serializers.CharField(required=False)
    client_id = serializers.CharField(required=False)
    refresh_token_set = serializers.BooleanField(
        required=False, help_text="Of Shopify: whether tokens are renewed with a refresh token."
    )
    last4 = serializers.CharField(required=False)


class IntegrationConfig(serializers.Serializer[Any]):
    """Where the site is, and what happens to articles that were changed there, too."""

    base_url = serializers.CharField(required=False)
    conflict_policy = serializers.ChoiceField(choices=ConflictPolicy.choices, required=False)
    markup = serializers.ChoiceField(choices=["blocks", "classic"], required=False)
    blog_id = serializers.CharField(required=False)
    auto_publish = serializers.ChoiceField(choices=AUTO_PUBLISH, required=False)


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
            "capabilities",
            "checked_at",
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
    markup = serializers.ChoiceField(
        choices=["blocks", "classic"], required=False, help_text="Of WordPress; blocks if not set."
    )
    blog_id = serializers.CharField(
        max_length=100,
        required=False,
        help_text="Of Shopify: `gid://shopify/Blog/…`; the first blog if not set.",
    )
    auto_publish = serializers.ChoiceField(
        choices=AUTO_PUBLISH,
        required=False,
        help_text="What goes out by itself: nothing (`off`, if not set), what a person `approved`,"
        " or all that was `submitted` to review.",
    )


class GivenCredentials(Body):
    """What the platform asks for. Only written: nothing shows it again.

    WordPress: `username` and `application_password`; Shopify: `client_id` and `client_secret`, and
    `refresh_token` where the application belongs to another organisation than the shop; custom:
    `secret`.
    """

    username = serializers.CharField(max_length=LENGTH_MAX, required=False)
    application_password = serializers.CharField(max_length=LENGTH_MAX, required=False)
    client_id = serializers.CharField(max_length=LENGTH_MAX, required=False)
    client_secret = serializers.CharField(max_length=LENGTH_MAX, required=False)
    refresh_token = serializers.CharField(max_length=LENGTH_MAX, required=False)
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


class WhatStays(serializers.Serializer[Any]):
    """What disconnecting leaves at the site."""

    live_items = serializers.IntegerField(help_text="Articles that visitors still see there.")
    text = serializers.CharField()


class DisconnectedSerializer(IntegrationSerializer):
    """A connection whose credentials were forgotten, and what stays."""

    stays = serializers.SerializerMethodField()

    class Meta(IntegrationSerializer.Meta):
        fields = (*IntegrationSerializer.Meta.fields, "stays")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]

    @extend_schema_field(WhatStays)
    def get_stays(self, row: SiteIntegration) -> dict[str, Any]:
        live = selectors.live_items(account=self.context["view"].account, integration=row).count()
        return {"live_items": live, "text": integrations.what_stays(live)}


class FindingSerializer(serializers.Serializer[Any]):
    """One result of a check."""

    code = serializers.CharField()
    is_ok = serializers.BooleanField(help_text="Publishing works in spite of it.")
    text = serializers.CharField()
    fix = serializers.CharField(help_text="What a person can do; may be empty.")


class ReportSerializer(serializers.Serializer[Any]):
    """What a check found."""

    is_ok = serializers.BooleanField()
    findings = FindingSerializer(many=True)
    capabilities = serializers.DictField()


class CheckOptions(Body):
    """Whether the check also writes a draft and an image, and deletes both."""

    is_writing = serializers.BooleanField(required=False, default=True)


class WayOut(Body):
    """A site of the account, and the WordPress that it is to be connected with."""

    site = RowId(accounts.site, "site_id")
    base_url = serializers.CharField(max_length=500)


class AuthorizePage(serializers.Serializer[Any]):
    """Where a person lets us in; they come back by themselves."""

    authorize_url = serializers.CharField()


class SyncOptions(Body):
    """Everything, or only what was changed since the last time."""

    is_full = serializers.BooleanField(required=False, default=True)


class WebhookSecret(serializers.Serializer[Any]):
    """Where a site sends its messages, and the secret that it signs them with; shown this once."""

    url = serializers.CharField()
    secret = serializers.CharField()
    is_set_up = serializers.BooleanField(help_text="The companion plugin has it already.")


class ExternalItemSerializer(serializers.ModelSerializer[ExternalItem]):
    """What an article is at a site."""

    conflict = serializers.DictField(
        source="metadata.conflict", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = ExternalItem
        fields = (
            "id",
            "site",
            "integration",
            "content",
            "external_type",
            "external_id",
            "external_url",
            "state",
            "site_status",
            "revision",
            "remote_modified_at",
            "outcome_unknown_at",
            "verify_at",
            "conflict",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ExternalItemFilters(Filters):
    """Narrows items down."""

    integration = RowId(selectors.integration, "integration_id", required=False)
    content = RowId(contents.content, "content_id", required=False)
    state = serializers.ChoiceField(choices=ItemState.choices, required=False)


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
    code = serializers.CharField(
        max_length=64, required=False, help_text="Of an error, for instance `outcome_unknown`."
    )
    q = serializers.CharField(
        max_length=200,
        required=False,
        help_text="A part of the error's text, or the id of an item at its site.",
    )
    since = serializers.DateTimeField(required=False, help_text="From this moment on.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")


class IntegrationViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[SiteIntegration]
):
    """Connections of the account's sites; one for each site and platform."""

    serializer_class = IntegrationSerializer
    filters_class = IntegrationFilters
    write_role = Role.ADMIN
    open_actions = frozenset({"authorize", "check", "webhook_secret"})
    secret_actions = frozenset({"authorize", "webhook_secret"})

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

    @extend_schema(request=None, responses=DisconnectedSerializer)
    @action(detail=True, methods=["post"])
    def disconnect(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Forget the credentials and stop; what was published stays where it is."""
        row = integrations.disconnect_integration(account=self.account, integration_id=int(pk))
        context = self.get_serializer_context()
        return Response(DisconnectedSerializer(row, context=context).data)

    @extend_schema(request=WayOut, responses=AuthorizePage)
    @action(detail=False, methods=["post"])
    def authorize(self, _request: Request, **_path: Any) -> Response:
        """Ask a WordPress for the page where a person lets us in; the way back is good once.

        Asks the site for it: 502 or 503 when it does not answer.
        """
        given = self.body(WayOut)
        url = connect.start_connecting(
            account=self.account,
            site_id=given["site"].pk,
            base_url=given["base_url"],
            user_id=self.user_id or 0,
            clock=timezone.now,
        )
        return Response(AuthorizePage({"authorize_url": url}).data)

    @extend_schema(request=CheckOptions, responses=ReportSerializer)
    @action(detail=True, methods=["post"])
    def check(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Examine the site: what it is, what is in the way, and what helps. Waits for the site."""
        report = check_integration(
            account=self.account,
            integration_id=int(pk),
            clock=timezone.now,
            **self.body(CheckOptions),
        )
        return Response(ReportSerializer(report).data)

    @extend_schema(request=SyncOptions, responses={202: IntegrationSerializer})
    @action(detail=True, methods=["post"])
    def sync(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Let a worker bring over what the site has. 409 while its queue stands."""
        row = sync.request_sync(
            account=self.account, integration_id=int(pk), **self.body(SyncOptions)
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=WebhookSecret)
    @action(detail=True, methods=["post"], url_path="webhook-secret")
    def webhook_secret(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Make a new secret for the site's messages; the one before is good for another day.

        Handed to the companion plugin where our account administers the site.
        """
        made = webhook_secrets.set_up_webhook(
            account=self.account, integration_id=int(pk), clock=timezone.now
        )
        return Response(WebhookSecret(made).data)

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


class ExternalItemViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ExternalItem]
):
    """What the account's articles are at connected sites."""

    serializer_class = ExternalItemSerializer
    filters_class = ExternalItemFilters

    def get_queryset(self) -> QuerySet[ExternalItem]:
        filters = dict(self.filters)
        content = filters.pop("content", None)
        return selectors.items(account=self.account, content_id=id_of(content), **filters)

    @extend_schema(request=None, responses={202: ExternalItemSerializer})
    @action(detail=True, methods=["post"], url_path="keep-theirs")
    def keep_theirs(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Settle a conflict: what stands at the site is taken over by the next sync.

        To write ours over it, retry the publishing record with `overwrite`. 409 without a conflict.
        """
        row = conflicts.keep_theirs(account=self.account, item_id=int(pk), now=timezone.now())
        return Response(self.get_serializer(row).data, status=status.HTTP_202_ACCEPTED)


class HookView(APIView):
    """Messages of connected sites: signed, answered at once; what they hint at is done later."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT},
        auth=[],
    )
    def post(self, request: Request, hook_id: UUID) -> Response:
        """Take a message (Standard Webhooks). 401 for an unknown address and a wrong signature."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        is_new = inbound.receive_webhook(
            hook_id=hook_id,
            headers=headers,
            body=request.body,
            now=timezone.now(),
        )
        return Response({"is_new": is_new})
