"""Rebuilds of a sector's clusters: asked for, looked at, accepted whole or by cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.api.v1.work import WorkItemSerializer
from igny8_core.auth import selectors as identity
from igny8_core.business.automation.services import requests
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.models import ClusterChange, ClusterProposal
from igny8_core.business.planning.services import recluster
from igny8_core.business.planning.services.cluster_links import LEAST_SHARE, MOST_SHARE, SHARE
from igny8_core.business.planning.states import ChangeKind, ProposalStatus
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

BROADEST, FINEST = recluster.GRANULARITIES[0], recluster.GRANULARITIES[-1]
MAX_NUMBERS = 5_000


class ProposalSerializer(serializers.ModelSerializer[ClusterProposal]):
    """A new clustering of a sector, and how far it was accepted."""

    topic_tau = serializers.FloatField(
        source="build.topic_tau", read_only=True, help_text="Granularity: 0.40 is broad."
    )
    summary = serializers.DictField(
        read_only=True, help_text="Clusters before and after, changes by kind."
    )

    class Meta:
        model = ClusterProposal
        fields = (
            "id",
            "site",
            "sector",
            "status",
            "topic_tau",
            "summary",
            "changes_count",
            "changes_applied",
            "created_at",
            "decided_at",
            "decided_by",
        )
        read_only_fields = fields


class Flow(serializers.Serializer[Any]):
    """Keywords that come from a cluster, or go to a change."""

    id = serializers.IntegerField(help_text="Of the cluster (0: none), or number of the change.")
    name = serializers.CharField(allow_blank=True)
    keywords = serializers.IntegerField()


class _Flows(serializers.ListField):
    """``[id, name, keywords]`` as they are stored, as objects."""

    child = Flow()

    def to_representation(self, data: Any) -> list[Any]:
        return [dict(zip(("id", "name", "keywords"), one, strict=True)) for one in data]


class ChangeSerializer(serializers.ModelSerializer[ClusterChange]):
    """What the proposal would make of one cluster; those that stay as they are have no change."""

    sources = _Flows(read_only=True, help_text="Where its keywords are now.")
    targets = _Flows(read_only=True, help_text="Where others of its keywords go, by change.")

    class Meta:
        model = ClusterChange
        fields = (
            "id",
            "number",
            "kind",
            "cluster",
            "name",
            "old_name",
            "intent",
            "keywords_before",
            "keywords_count",
            "moved_count",
            "volume",
            "sources",
            "targets",
            "applied_at",
        )
        read_only_fields = fields


class RebuildForm(Body):
    """The sector, and how it is cut."""

    sector = RowId(identity.sector, "sector_id")
    topic_tau = serializers.FloatField(
        min_value=BROADEST,
        max_value=FINEST,
        required=False,
        allow_null=True,
        help_text="Granularity, from 0.40 (broad) to 0.60 (every page a topic); by default as now.",
    )
    serp_share = serializers.FloatField(
        min_value=LEAST_SHARE,
        max_value=MOST_SHARE,
        required=False,
        allow_null=True,
        default=SHARE,
        help_text="Share of the top ten results that binds two keywords; null: wording alone.",
    )


class AcceptForm(Body):
    """Which changes."""

    numbers = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        min_length=1,
        max_length=MAX_NUMBERS,
        required=False,
        help_text="By default all that are left.",
    )


class ProposalFilters(Filters):
    """Narrows proposals down."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.bare_sector, "sector_id", required=False)
    status = serializers.ChoiceField(choices=ProposalStatus.choices, required=False)


class ChangeFilters(Filters):
    """Narrows changes down."""

    kind = serializers.ChoiceField(choices=ChangeKind.choices, required=False)
    is_applied = serializers.BooleanField(required=False)


class ProposalViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ClusterProposal]
):
    """Rebuilds that a person decides on, newest first. A sector has one that is open."""

    serializer_class = ProposalSerializer
    filters_class = ProposalFilters
    default_order = "-id"
    list_actions = frozenset({"list", "changes"})
    spending_actions = frozenset({"accept"})
    open_actions = frozenset({"accept"})

    def get_queryset(self) -> QuerySet[ClusterProposal]:
        return cluster_selectors.cluster_proposals(account=self.account, **self.filters)

    @extend_schema(request=RebuildForm, responses={202: WorkItemSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Have a sector clustered anew as a proposal. Free of charge, and nothing else is written.

        The answer is the work item that waits; its `result_id` is the proposal. Locked clusters
        keep their keywords, pinned keywords stay, clusters keep their ids where they overlap most.
        An open proposal is replaced.
        """
        data = self.body(RebuildForm)
        item = requests.request_rebuild(
            account=self.account,
            sector=data["sector"],
            topic_tau=data.get("topic_tau"),
            serp_share=data["serp_share"],
            now=timezone.now(),
        )
        return Response(WorkItemSerializer(item).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=ChangeSerializer(many=True))
    @action(
        detail=True,
        methods=["get"],
        filters_class=ChangeFilters,
        serializer_class=ChangeSerializer,
        orders={"number": "number"},
        default_order="number",
    )
    def changes(self, _request: Request, pk: str, **_path: Any) -> Response:
        """The diff: what would become of each cluster that does not stay as it is."""
        found = cluster_selectors.cluster_proposal(account=self.account, proposal_id=int(pk))
        rows: Any = cluster_selectors.cluster_changes(
            account=self.account, proposal_id=found.pk, **self.filters
        )
        page: Any = self.paginate_queryset(rows.defer("placements"))
        return self.get_paginated_response(ChangeSerializer(page, many=True).data)

    @extend_schema(request=AcceptForm, responses=ProposalSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Make changes real: all that are left, or some of them. Can be undone.

        For credits, by the keywords that get another cluster. 409 when keywords or clusters
        changed since it was made: ask for a new one.
        """
        row = recluster.accept_proposal(
            account=self.account,
            proposal_id=int(pk),
            numbers=self.body(AcceptForm).get("numbers"),
            clock=timezone.now,
            credits=AccountCredits(self.account),
        )
        with tenant(self.account.pk, read_only=True):
            row = cluster_selectors.cluster_proposal(account=self.account, proposal_id=row.pk)
        return self._shown(row)

    @extend_schema(request=None, responses=ProposalSerializer)
    @action(detail=True, methods=["post"])
    def discard(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Refuse what is left of it. A repeat returns it as it is."""
        row = recluster.discard_proposal(
            account=self.account, proposal_id=int(pk), now=timezone.now()
        )
        return self._shown(row)

    def _shown(self, row: ClusterProposal) -> Response:
        return Response(self.get_serializer(row).data)
