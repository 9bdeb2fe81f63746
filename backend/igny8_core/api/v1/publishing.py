"""What is live where: articles at their destinations, and versions of static sites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import Filters, RowId, RowIds, id_of
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.api.v1.work import WorkItemSerializer
from igny8_core.auth import selectors as accounts
from igny8_core.business.automation.services import asking
from igny8_core.business.content import selectors as contents
from igny8_core.business.integration import selectors as integrations
from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.services import ask
from igny8_core.business.publishing.states import DeploymentStatus, Destination, PublishingStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class PublishingRecordSerializer(serializers.ModelSerializer[PublishingRecord]):
    """One revision of an article at one destination. Live: published and not retired."""

    is_checking = serializers.SerializerMethodField(
        help_text="An answer was lost: whether it got through is looked up before the next try."
    )
    drift = serializers.ListField(
        child=serializers.CharField(),
        source="metadata.drift",
        read_only=True,
        default=list,
        help_text="What the site changed or dropped of it.",
    )

    class Meta:
        model = PublishingRecord
        fields = (
            "id",
            "site",
            "sector",
            "content",
            "integration",
            "destination",
            "action",
            "revision",
            "status",
            "stage",
            "is_checking",
            "publish_at",
            "drift",
            "destination_id",
            "destination_url",
            "published_at",
            "retired_at",
            "attempts",
            "next_attempt_at",
            "error_code",
            "error",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_is_checking(self, row: PublishingRecord) -> bool:
        return row.status == PublishingStatus.PENDING and row.error_code == "outcome_unknown"


class NewPublishing(Body):
    """Articles that are to go to a connected site, as they are now."""

    integration = RowId(integrations.integration, "integration_id")
    contents = RowIds("content", contents.contents)
    publish_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    again = serializers.BooleanField(
        required=False, default=False, help_text="Make anew what was deleted at the site."
    )


class Withdrawal(Body):
    """An article that is to be hidden at a connected site."""

    integration = RowId(integrations.integration, "integration_id")
    content = RowId(contents.content, "content_id")


class Retry(Body):
    """Whether what was changed at the site is written over."""

    overwrite = serializers.BooleanField(required=False, default=False)


class PublishingRecordFilters(Filters):
    """Narrows records down."""

    site = RowId(accounts.site, "site_id", required=False)
    content = RowId(contents.content, "content_id", required=False)
    integration = RowId(integrations.integration, "integration_id", required=False)
    destination = serializers.ChoiceField(choices=Destination.choices, required=False)
    status = serializers.ChoiceField(choices=PublishingStatus.choices, required=False)
    is_live = serializers.BooleanField(required=False)


class DeploymentSerializer(serializers.ModelSerializer[DeploymentRecord]):
    """One attempt to put a version of a site live."""

    files = serializers.IntegerField(
        source="manifest.files", read_only=True, allow_null=True, default=None
    )
    size_bytes = serializers.IntegerField(
        source="manifest.size_bytes", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = DeploymentRecord
        fields = (
            "id",
            "site",
            "version",
            "deployed_version",
            "status",
            "deployment_url",
            "build_hash",
            "files",
            "size_bytes",
            "attempts",
            "deployed_at",
            "rolled_back_at",
            "pruned_at",
            "error_code",
            "error",
            "created_at",
        )
        read_only_fields = fields


class DeploymentFilters(Filters):
    """Narrows deployments down."""

    site = RowId(accounts.site, "site_id", required=False)
    status = serializers.ChoiceField(choices=DeploymentStatus.choices, required=False)


class NewDeployment(Body):
    """The site to build and put live."""

    site = RowId(accounts.site, "site_id")


class PublishingRecordViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[PublishingRecord]
):
    """What went where, the newest first. A deployment writes the records of a static site."""

    serializer_class = PublishingRecordSerializer
    filters_class = PublishingRecordFilters
    default_order = "-id"
    spending_actions: ClassVar[frozenset[str]] = frozenset({"create"})

    def get_queryset(self) -> QuerySet[PublishingRecord]:
        filters = dict(self.filters)
        content = filters.pop("content", None)
        rows = selectors.publishing_records(
            account=self.account, content_id=id_of(content), **filters
        )
        return rows.select_related(None)

    @extend_schema(request=NewPublishing, responses={202: PublishingRecordSerializer(many=True)})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Ask for articles to go to a connected site; a worker delivers them.

        Only what is published or approved. 409 while the connection is off.
        """
        given = self.body(NewPublishing)
        records = ask.request_publishing(
            account=self.account,
            integration_id=given["integration"].pk,
            content_ids=[row.pk for row in given["contents"]],
            publish_at=given["publish_at"],
            again=given["again"],
            now=timezone.now(),
        )
        shown = self.get_serializer(records, many=True).data
        return Response(shown, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=Withdrawal, responses={202: PublishingRecordSerializer})
    @action(detail=False, methods=["post"])
    def withdraw(self, _request: Request, **_path: Any) -> Response:
        """Ask for an article to be hidden at a connected site; it stays there as a draft."""
        given = self.body(Withdrawal)
        record = ask.request_withdrawal(
            account=self.account,
            integration_id=given["integration"].pk,
            content_id=given["content"].pk,
        )
        return Response(self.get_serializer(record).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=Retry, responses={202: PublishingRecordSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Try a failed record again. 409 unless it has failed, or when a newer one waits."""
        record = ask.retry_publishing(
            account=self.account, record_id=int(pk), now=timezone.now(), **self.body(Retry)
        )
        return Response(self.get_serializer(record).data, status=status.HTTP_202_ACCEPTED)


class DeploymentViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[DeploymentRecord]
):
    """Versions of the account's static sites, the newest first."""

    serializer_class = DeploymentSerializer
    filters_class = DeploymentFilters
    default_order = "-id"
    spending_actions: ClassVar[frozenset[str]] = frozenset({"create", "rollback"})

    def get_queryset(self) -> QuerySet[DeploymentRecord]:
        return selectors.deployments(account=self.account, **self.filters).select_related(None)

    @extend_schema(request=NewDeployment, responses={202: WorkItemSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Ask for a site to be built and put live; the answer is the work item that does it.

        A worker publishes what was approved, builds, and moves the pointer.
        """
        form = NewDeployment(data=request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        item = asking.request_deployment(
            account=self.account, site_id=form.validated_data["site"].pk, now=timezone.now()
        )
        return Response(WorkItemSerializer(item).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: WorkItemSerializer})
    @action(detail=True, methods=["post"])
    def rollback(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Ask for this version to be live again; the answer is the work item that does it.

        409 when it never was live, was rolled back itself, or its files are gone.
        """
        item = asking.request_rollback(
            account=self.account, deployment_id=int(pk), now=timezone.now()
        )
        return Response(WorkItemSerializer(item).data, status=status.HTTP_202_ACCEPTED)
