"""Keywords: their figures, their place, what people say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject, OptionalChoice
from igny8_core.api.filters import BulkIds, Changed, RowId
from igny8_core.api.v1.base import BinActions
from igny8_core.api.v1.planning.rows import ClusterName, PlaceFilters, PlannerViewSet
from igny8_core.auth import selectors as identity
from igny8_core.business.planning import cluster_selectors, selectors
from igny8_core.business.planning.models import KEYWORD_LENGTH, Keywords
from igny8_core.business.planning.services import bin_keywords, edit_keywords
from igny8_core.business.planning.states import ClusterRole, Intent, KeywordStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MAX_VOLUME = 10**12


class KeywordSerializer(serializers.ModelSerializer[Keywords]):
    """A keyword. Unknown figures are null, never 0; of a range the volume is the lower bound."""

    cluster_name = ClusterName(allow_null=True)
    role = OptionalChoice(ClusterRole.choices, read_only=True)
    intent = OptionalChoice(Intent.choices, read_only=True)

    class Meta:
        model = Keywords
        fields: tuple[str, ...] = (
            "id",
            "site",
            "sector",
            "keyword",
            "status",
            "cluster",
            "cluster_name",
            "page",
            "page_place",
            "role",
            "volume",
            "volume_max",
            "volume_kind",
            "volume_observed_on",
            "difficulty",
            "difficulty_kind",
            "difficulty_observed_on",
            "cpc_minor",
            "cpc_currency",
            "intent",
            "intent_source",
            "intent_confidence",
            "is_disabled",
            "is_pinned",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = fields


LIST_COLUMNS = (
    *(name for name in KeywordSerializer.Meta.fields if name != "cluster_name"),
    "keyword_norm",
)
"""What a list reads: its members, and what it may be ordered by."""


class KeywordDetailSerializer(KeywordSerializer):
    """A keyword with everything that is known of it."""

    attributes = serializers.SerializerMethodField(help_text="What people wrote.")
    facts = serializers.SerializerMethodField(help_text="What files say besides figures.")
    sources = serializers.SerializerMethodField(help_text="Where figures come from, best first.")

    class Meta(KeywordSerializer.Meta):
        fields = (*KeywordSerializer.Meta.fields, "attributes", "facts", "sources")
        read_only_fields = fields

    def get_attributes(self, row: Keywords) -> dict[str, Any]:
        return dict(row.attributes.get(edit_keywords.OWN_ATTRIBUTES, {}))

    def get_facts(self, row: Keywords) -> dict[str, Any]:
        known = {edit_keywords.OWN_ATTRIBUTES, "sources"}
        return {name: value for name, value in row.attributes.items() if name not in known}

    def get_sources(self, row: Keywords) -> list[dict[str, Any]]:
        return list(row.attributes.get("sources", []))


class KeywordFieldsSerializer(Body):
    """What a person may say of a keyword. Null takes a figure or an intent back."""

    volume = serializers.IntegerField(
        min_value=0,
        max_value=MAX_VOLUME,
        required=False,
        allow_null=True,
        help_text="Goes before the figures of files.",
    )
    difficulty = serializers.FloatField(
        min_value=0,
        max_value=100,
        required=False,
        allow_null=True,
        help_text="Goes before the figures of files.",
    )
    intent = OptionalChoice(Intent.choices, required=False)
    attributes = JsonObject(required=False, help_text="Replaces what people wrote before.")
    is_disabled = serializers.BooleanField(
        required=False, help_text="Not counted, not clustered, not written about."
    )
    is_pinned = serializers.BooleanField(
        required=False, help_text="Stays where it is, whatever later runs would do."
    )


class NewKeywordSerializer(KeywordFieldsSerializer):
    """A keyword that a person adds."""

    sector = RowId(identity.sector, "sector_id")
    keyword = serializers.CharField(max_length=KEYWORD_LENGTH)


class BulkKeywordsSerializer(BulkIds, KeywordFieldsSerializer):
    """The same change for several keywords."""


class KeywordConditions(serializers.Serializer[Any]):
    """What keywords can be narrowed down to."""

    cluster = RowId(cluster_selectors.cluster_alone, "cluster_id", required=False)
    status = serializers.ChoiceField(choices=KeywordStatus.choices, required=False)
    q = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Words that it must hold; with a trailing * it must start with them.",
    )
    intent = serializers.ChoiceField(
        choices=[*Intent.choices, (selectors.UNKNOWN_INTENT, "unknown")], required=False
    )
    volume_min = serializers.IntegerField(min_value=0, max_value=MAX_VOLUME, required=False)
    volume_max = serializers.IntegerField(min_value=0, max_value=MAX_VOLUME, required=False)
    difficulty_min = serializers.FloatField(min_value=0, max_value=100, required=False)
    difficulty_max = serializers.FloatField(min_value=0, max_value=100, required=False)
    is_disabled = serializers.BooleanField(required=False)


def conditions(given: dict[str, Any], **more: Any) -> selectors.KeywordFilters:
    """As the selectors take them."""
    found = {name: value for name, value in given.items() if name in _CONDITIONS}
    if (cluster := found.pop("cluster", None)) is not None:
        found["cluster_id"] = cluster.pk
    return selectors.KeywordFilters(**found, **more)


_CONDITIONS = frozenset(KeywordConditions().fields)


class KeywordFilters(KeywordConditions, PlaceFilters):
    """Narrows keywords down."""


class KeywordViewSet(
    BinActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, PlannerViewSet[Keywords]
):
    """Keywords of the account's sectors."""

    serializer_class = KeywordSerializer
    filters_class = KeywordFilters
    orders = {
        "id": "pk",
        "keyword": "keyword_norm",
        "volume": "-volume",
        "difficulty": "difficulty",
        "page": "page",
        "deleted_at": "deleted_at",
    }
    sector_orders = frozenset({"keyword", "volume", "difficulty"})
    cluster_orders = frozenset({"page"})
    delete_rows = staticmethod(bin_keywords.delete_keywords)
    restore_rows = staticmethod(bin_keywords.restore_keywords)

    def get_serializer_class(self) -> type[KeywordSerializer]:
        return KeywordSerializer if self.action == "list" else KeywordDetailSerializer

    def get_queryset(self) -> QuerySet[Keywords]:
        given = self.filters
        rows = selectors.keywords(
            account=self.account,
            site=given.get("site"),
            sector=given.get("sector"),
            cluster=given.get("cluster"),
            deleted=given["deleted"],
            filters=conditions(given),
        )
        rows = rows.annotate(cluster_name=selectors.cluster_name(account=self.account))
        return rows.only(*LIST_COLUMNS) if self.action == "list" else rows

    @extend_schema(request=NewKeywordSerializer, responses={201: KeywordDetailSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Add a keyword to a sector. 409 when it is there already, live or in the bin."""
        data = self._valid(NewKeywordSerializer, request)
        row = edit_keywords.add_keyword(
            account=self.account,
            sector_id=data.pop("sector").pk,
            keyword=data.pop("keyword"),
            changes=cast("edit_keywords.KeywordChanges", data),
            now=timezone.now(),
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=KeywordFieldsSerializer, responses=KeywordDetailSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change what is known of a keyword."""
        data = self._valid(KeywordFieldsSerializer, request)
        edit_keywords.update_keywords(
            account=self.account,
            ids=[int(pk)],
            changes=cast("edit_keywords.KeywordChanges", data),
            now=timezone.now(),
        )
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=BulkKeywordsSerializer, responses=Changed)
    @action(detail=False, methods=["post"], url_path="bulk-update")
    def bulk_update(self, request: Request, **_path: Any) -> Response:
        """Change several keywords alike: all of them, or none."""
        data = self._valid(BulkKeywordsSerializer, request)
        ids = list(dict.fromkeys(data.pop("ids")))
        rows = edit_keywords.update_keywords(
            account=self.account,
            ids=ids,
            changes=cast("edit_keywords.KeywordChanges", data),
            now=timezone.now(),
        )
        return Response(Changed({"changed": len(rows)}).data)
