"""Clusters merged, split, filled, emptied and marked by people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import RowId, RowIds
from igny8_core.api.v1.planning.acts import keyword_keys
from igny8_core.api.v1.planning.clusters import ClusterDetailSerializer, ClusterViewSet
from igny8_core.api.v1.planning.edits import ClusterEditSerializer
from igny8_core.auth import selectors as identity
from igny8_core.business.content.services import carry_clusters
from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import KEYWORD_LENGTH
from igny8_core.business.planning.services import edit_clusters, mark_clusters
from igny8_core.business.planning.states import ClusterRole

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import Clusters

MAX_MOVED = 5_000


def some_clusters(*, account: Account, pk__in: Collection[int]) -> QuerySet[Clusters]:
    """The live ones among these clusters."""
    return selectors.clusters(account=account).filter(pk__in=pk__in)


class GatherForm(Body):
    """Keywords that become a cluster."""

    sector = RowId(identity.sector, "sector_id")
    name = serializers.CharField(max_length=KEYWORD_LENGTH)
    keywords = RowIds("keyword", keyword_keys, min_length=1, max_length=MAX_MOVED)


class MergeForm(Body):
    """Clusters that go into one."""

    clusters = RowIds(
        "cluster", some_clusters, min_length=1, max_length=edit_clusters.MAX_CLUSTERS_AT_ONCE
    )
    name = serializers.CharField(
        max_length=KEYWORD_LENGTH, required=False, help_text="Another name for what comes out."
    )


class PartForm(Body):
    """Keywords of the cluster that become one of their own."""

    keywords = RowIds("keyword", keyword_keys, min_length=1, max_length=MAX_MOVED)
    name = serializers.CharField(
        max_length=KEYWORD_LENGTH, required=False, help_text="By default the best keyword's."
    )


class SplitForm(Body):
    """What a cluster is split into; the rest stays."""

    parts = serializers.ListField(
        child=PartForm(), min_length=1, max_length=edit_clusters.MAX_PARTS
    )


class MoveForm(Body):
    """Keywords, and the cluster that they go to."""

    sector = RowId(identity.sector, "sector_id")
    keywords = RowIds("keyword", keyword_keys, min_length=1, max_length=MAX_MOVED)
    cluster = RowId(
        selectors.cluster,
        "cluster_id",
        allow_null=True,
        help_text="Null takes them out of their clusters.",
    )
    holds_out = serializers.BooleanField(
        required=False,
        default=True,
        help_text="Of those taken out: no run places them again.",
    )


class FlagForm(Body):
    """Clusters of one sector, and what they are from now on."""

    clusters = RowIds(
        "cluster", some_clusters, min_length=1, max_length=mark_clusters.MAX_CLUSTERS_AT_ONCE
    )
    is_locked = serializers.BooleanField(required=False, help_text="Runs leave them alone.")
    is_disabled = serializers.BooleanField(required=False, help_text="They take part in nothing.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not {"is_locked", "is_disabled"} & set(attrs):
            raise serializers.ValidationError({"is_locked": ["Say is_locked or is_disabled."]})
        return attrs


class RoleForm(Body):
    """What part a page plays in its cluster."""

    page = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    role = serializers.ChoiceField(choices=ClusterRole.choices)


class ClusterActViewSet(ClusterViewSet):
    """Clusters of the account's sectors."""

    @extend_schema(request=GatherForm, responses={201: ClusterDetailSerializer})
    @action(detail=False, methods=["post"])
    def gather(self, _request: Request, **_path: Any) -> Response:
        """Make a cluster of keywords, which are pinned to it. Can be undone."""
        data = self.body(GatherForm)
        row = edit_clusters.gather_cluster(
            account=self.account,
            sector=data["sector"],
            name=data["name"],
            keyword_ids=_keys(data["keywords"]),
            now=timezone.now(),
        )
        return self._detail(row, status_code=201)

    @extend_schema(request=MergeForm, responses=ClusterEditSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Put keywords, pages, ideas, tasks and articles of other clusters into this one.

        The others go into the bin. Can be undone. 409 when one of them is locked.
        """
        cluster, data = self._cluster(pk), self.body(MergeForm)
        edit = carry_clusters.merge_clusters(
            account=self.account,
            cluster_id=cluster.pk,
            other_ids=_keys(data["clusters"]),
            name=data.get("name", ""),
            now=timezone.now(),
        )
        return Response(ClusterEditSerializer(edit).data)

    @extend_schema(request=SplitForm, responses=ClusterEditSerializer)
    @action(detail=True, methods=["post"])
    def split(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Make clusters of some of a cluster's keywords; the rest and its articles stay.

        Can be undone. 409 when it is locked.
        """
        cluster = self._cluster(pk)
        parts = [
            edit_clusters.Part(_keys(part["keywords"]), part.get("name", ""))
            for part in self.body(SplitForm)["parts"]
        ]
        edit = edit_clusters.split_cluster(
            account=self.account, cluster_id=cluster.pk, parts=parts, now=timezone.now()
        )
        return Response(ClusterEditSerializer(edit).data)

    @extend_schema(request=MoveForm, responses=ClusterEditSerializer)
    @action(detail=False, methods=["post"])
    def move(self, _request: Request, **_path: Any) -> Response:
        """Move keywords into a cluster, where they are pinned, or out of every cluster.

        A cluster that is left with nothing goes into the bin. Can be undone.
        """
        data = self.body(MoveForm)
        edit = edit_clusters.move_keywords_to(
            account=self.account,
            sector=data["sector"],
            keyword_ids=_keys(data["keywords"]),
            cluster_id=getattr(data["cluster"], "pk", None),
            holds_out=data["holds_out"],
            now=timezone.now(),
        )
        return Response(ClusterEditSerializer(edit).data)

    @extend_schema(request=FlagForm, responses=ClusterEditSerializer)
    @action(detail=False, methods=["post"])
    def flag(self, _request: Request, **_path: Any) -> Response:
        """Lock, unlock, disable or enable clusters. Can be undone."""
        data = self.body(FlagForm)
        edit = mark_clusters.flag_clusters(
            account=self.account,
            cluster_ids=_keys(data.pop("clusters")),
            now=timezone.now(),
            **data,
        )
        return Response(ClusterEditSerializer(edit).data)

    @extend_schema(request=RoleForm, responses=ClusterEditSerializer)
    @action(detail=True, methods=["post"], url_path="set-role")
    def set_role(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Say what part a page plays. A new hub takes the old one's place. Can be undone."""
        cluster, data = self._cluster(pk), self.body(RoleForm)
        edit = mark_clusters.set_page_role(
            account=self.account,
            cluster_id=cluster.pk,
            page=data["page"],
            role=ClusterRole(data["role"]),
            now=timezone.now(),
        )
        return Response(ClusterEditSerializer(edit).data)

    def _cluster(self, pk: str) -> Clusters:
        """The row first: another account's is not found, whatever the body says."""
        return selectors.cluster(account=self.account, cluster_id=int(pk))


def _keys(rows: Collection[Any]) -> list[int]:
    return [int(row.pk) for row in rows]
