"""A sector as a whole: its topic map, its close variants, its rows as files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from igny8_core.api.files import TABLE_ANSWERS, CsvRenderer, XlsxRenderer, as_file
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.api.v1.planning.keywords import KeywordConditions, KeywordSerializer, conditions
from igny8_core.auth import selectors as identity
from igny8_core.auth.models import Sector
from igny8_core.business.planning import cluster_selectors, selectors
from igny8_core.business.planning.services import export_rows, recluster
from igny8_core.business.planning.services.bulk_keywords import Target, matching_keywords
from igny8_core.business.planning.services.export_columns import KEYWORD_COLUMNS
from igny8_core.business.planning.services.near_duplicates import MAX_GROUPS, near_duplicates
from igny8_core.business.planning.services.topic_map import topic_map
from igny8_core.business.planning.states import ClusterStatus, IdeaStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import FileResponse
    from rest_framework.request import Request

GROUPS = 50
FILE: dict[str, Any] = {
    "detail": True,
    "methods": ["get"],
    "pagination_class": None,
    "renderer_classes": [CsvRenderer, XlsxRenderer, JSONRenderer],
}


class CountFilters(KeywordConditions, Filters):
    """Which keywords."""


class FileFilters(Filters):
    """What kind of file."""

    file_format = serializers.ChoiceField(
        choices=sorted(export_rows.FORMATS), required=False, default="csv"
    )


class KeywordFileFilters(KeywordConditions, FileFilters):
    """Which keywords, in which order, with which columns."""

    sort = serializers.ChoiceField(
        choices=sorted(selectors.KEYWORD_SORTS), required=False, default="-volume"
    )
    columns = serializers.CharField(
        max_length=500,
        required=False,
        help_text="Names with commas between them; by default all, which read back as they were.",
    )

    def validate_columns(self, text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := [name for name in names if name not in KEYWORD_COLUMNS]:
            known = ", ".join(KEYWORD_COLUMNS)
            raise serializers.ValidationError([f"{unknown[0][:50]} is none of {known}."])
        return names


class ClusterFileFilters(FileFilters):
    """Which clusters."""

    status = serializers.ChoiceField(choices=ClusterStatus.choices, required=False)


class IdeaFileFilters(FileFilters):
    """Which ideas."""

    status = serializers.ChoiceField(choices=IdeaStatus.choices, required=False)


class CountSerializer(serializers.Serializer[Any]):
    """How many keywords there are: the dry run of an act on them."""

    matched = serializers.IntegerField()


class DuplicateFilters(Filters):
    """Which groups, and how many."""

    cluster = RowId(cluster_selectors.cluster_alone, "cluster_id", required=False)
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_GROUPS, required=False, default=GROUPS
    )


class DuplicateGroupSerializer(serializers.Serializer[Any]):
    """Keywords that differ by word order, number or filler words alone: one page serves them."""

    volume = serializers.IntegerField(
        allow_null=True, help_text="Of all together, as tools report it."
    )
    volume_distinct = serializers.IntegerField(
        allow_null=True, help_text="The highest: tools report one figure for all close variants."
    )
    keywords = KeywordSerializer(many=True, help_text="The representative first.")


class DuplicatesSerializer(serializers.Serializer[Any]):
    """Groups of close variants, the largest volumes first. Known of keywords in clusters."""

    groups_total = serializers.IntegerField()
    keywords_total = serializers.IntegerField()
    groups = DuplicateGroupSerializer(many=True)


class PlannedPageSerializer(serializers.Serializer[Any]):
    """One article of a topic."""

    page = serializers.IntegerField()
    role = serializers.CharField()
    target = serializers.CharField()
    keywords = serializers.ListField(child=serializers.CharField())
    variants = serializers.IntegerField(help_text="Keywords that are close variants of others.")
    volume = serializers.IntegerField(allow_null=True)
    volume_distinct = serializers.IntegerField(allow_null=True)
    idea_id = serializers.IntegerField(allow_null=True)
    title = serializers.CharField(allow_blank=True, help_text="Of the idea.")
    structure = serializers.CharField(allow_blank=True)
    status = serializers.CharField(allow_blank=True)
    overlap = serializers.CharField(allow_blank=True, help_text="The guard's verdict.")
    next_step = serializers.ChoiceField(
        choices=["make an idea", "decide", "queue", "write", "done"]
    )
    links_to = serializers.ListField(
        child=serializers.CharField(), help_text="Targets of the pages it should link to."
    )


class TopicSerializer(serializers.Serializer[Any]):
    """A cluster as a plan: its hub, then the pages that support it."""

    cluster_id = serializers.IntegerField()
    name = serializers.CharField()
    volume = serializers.IntegerField()
    volume_distinct = serializers.IntegerField()
    mapped_pages = serializers.IntegerField()
    done = serializers.IntegerField(help_text="How many of its pages are written.")
    pages = PlannedPageSerializer(many=True)


class CutSerializer(serializers.Serializer[Any]):
    """What the topics would be at one granularity."""

    topic_tau = serializers.FloatField()
    topics = serializers.IntegerField()
    alone = serializers.IntegerField(help_text="Topics of one keyword.")
    largest = serializers.IntegerField(help_text="Keywords of the largest topic.")


class SectorPlanViewSet(TenantViewSet[Any]):
    """What is planned in a sector, and its rows as files."""

    row_model = Sector
    serializer_class = TopicSerializer
    list_actions = frozenset({"topic_map"})

    def _sector(self, pk: str) -> Sector:
        return identity.sector(account=self.account, sector_id=int(pk))

    @extend_schema(parameters=[CountFilters], responses=CountSerializer)
    @action(detail=True, methods=["get"], url_path="keywords/count", pagination_class=None)
    def count(self, _request: Request, pk: str, **_path: Any) -> Response:
        """How many keywords an act with these filters would meet."""
        sector, filters = self._sector(pk), conditions(self.asked(CountFilters))
        found = matching_keywords(
            account=self.account, sector=sector, target=Target(filters=filters)
        )
        return Response(CountSerializer({"matched": found}).data)

    @extend_schema(parameters=[KeywordFileFilters], responses=TABLE_ANSWERS)
    @action(**FILE, url_path="keywords/export")
    def keywords_export(self, _request: Request, pk: str, **_path: Any) -> FileResponse:
        """Keywords as CSV or xlsx; with all columns, the importer reads equal values back."""
        sector, asked = self._sector(pk), self.asked(KeywordFileFilters)
        return self._file(
            partial(
                export_rows.export_keywords,
                filters=conditions(asked, sort=asked["sort"]),
                columns=asked.get("columns", ()),
            ),
            sector,
            asked,
        )

    @extend_schema(parameters=[ClusterFileFilters], responses=TABLE_ANSWERS)
    @action(**FILE, url_path="clusters/export")
    def clusters_export(self, _request: Request, pk: str, **_path: Any) -> FileResponse:
        """Clusters as CSV or xlsx, the largest volumes first."""
        sector, asked = self._sector(pk), self.asked(ClusterFileFilters)
        status = asked.get("status", "")
        return self._file(partial(export_rows.export_clusters, status=status), sector, asked)

    @extend_schema(parameters=[IdeaFileFilters], responses=TABLE_ANSWERS)
    @action(**FILE, url_path="ideas/export")
    def ideas_export(self, _request: Request, pk: str, **_path: Any) -> FileResponse:
        """Ideas with their keywords as CSV or xlsx, the largest volumes first."""
        sector, asked = self._sector(pk), self.asked(IdeaFileFilters)
        status = asked.get("status", "")
        return self._file(partial(export_rows.export_ideas, status=status), sector, asked)

    @extend_schema(parameters=[DuplicateFilters], responses=DuplicatesSerializer)
    @action(detail=True, methods=["get"], url_path="near-duplicates", pagination_class=None)
    def duplicates(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Keywords that say the same in another form or order."""
        sector, asked = self._sector(pk), self.asked(DuplicateFilters)
        found = near_duplicates(
            account=self.account,
            sector=sector,
            cluster_id=getattr(asked.get("cluster"), "pk", None),
            limit=asked["limit"],
        )
        return Response(DuplicatesSerializer(found).data)

    @extend_schema(responses=TopicSerializer(many=True))
    @action(
        detail=True,
        methods=["get"],
        url_path="topic-map",
        filters_class=Filters,
        orders={"volume": "-volume"},
        default_order="-volume",
    )
    def topic_map(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Topics as hubs and supporting pages, with what to do next; the largest first."""
        sector = self._sector(pk)
        rows = selectors.clusters(account=self.account, sector=sector, is_disabled=False)
        page: Any = self.paginate_queryset(rows)
        ids = [row.pk for row in page]
        found = {
            topic.cluster_id: topic
            for topic in topic_map(account=self.account, sector=sector, cluster_ids=ids)
        }
        topics = [found[pk] for pk in ids]
        return self.get_paginated_response(TopicSerializer(topics, many=True).data)

    @extend_schema(responses=CutSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def granularities(self, _request: Request, pk: str, **_path: Any) -> Response:
        """How many topics a rebuild would cut at each granularity; empty before a clustering."""
        sector = self._sector(pk)
        cuts = recluster.granularities(account=self.account, site=sector.site, sector=sector)
        return Response(CutSerializer(cuts, many=True).data)

    def _file(
        self, export: Callable[..., export_rows.Exported], sector: Sector, asked: dict[str, Any]
    ) -> FileResponse:
        def write(out: Any) -> tuple[str, str]:
            done = export(
                account=self.account,
                sector=sector,
                out=out,
                now=timezone.now(),
                file_format=asked["file_format"],
            )
            return done.file_name, done.media_type

        return as_file(write)
