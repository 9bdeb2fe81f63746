"""Ideas: articles worth writing, one for each page of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import OptionalChoice
from igny8_core.api.filters import RowId, RowIds
from igny8_core.api.v1.base import BinActions
from igny8_core.api.v1.planning.clusters import MAX_DESCRIPTION, RunSerializer
from igny8_core.api.v1.planning.keywords import KeywordSerializer
from igny8_core.api.v1.planning.rows import ClusterName, PlaceFilters, PlannerViewSet
from igny8_core.api.v1.work import WorkItemSerializer
from igny8_core.business.automation.services import requests
from igny8_core.business.planning import cluster_selectors, selectors
from igny8_core.business.planning.models import KEYWORD_LENGTH, ContentIdeas
from igny8_core.business.planning.services import bin_ideas, edit_ideas
from igny8_core.business.planning.services.make_ideas import MAX_IDEAS_PER_RUN
from igny8_core.business.planning.states import (
    ClusterRole,
    ContentStructure,
    ContentType,
    IdeaSource,
    IdeaStatus,
    Intent,
    OverlapVerdict,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import Clusters


class IdeaSerializer(serializers.ModelSerializer[ContentIdeas]):
    """An article worth writing."""

    cluster_name = ClusterName()
    intent = OptionalChoice(Intent.choices, read_only=True)
    overlap = OptionalChoice(
        OverlapVerdict.choices, read_only=True, help_text="The guard's verdict; null: none yet."
    )
    is_blocked = serializers.BooleanField(
        read_only=True, help_text="It would repeat what there is: neither queued nor paid for."
    )

    class Meta:
        model = ContentIdeas
        fields: tuple[str, ...] = (
            "id",
            "site",
            "sector",
            "cluster",
            "cluster_name",
            "page",
            "title",
            "description",
            "status",
            "content_type",
            "content_structure",
            "role",
            "target_keyword",
            "intent",
            "volume",
            "estimated_words",
            "estimated_credits",
            "reason",
            "source",
            "overlap",
            "overlap_reason",
            "overlap_checked_at",
            "is_blocked",
            "override_reason",
            "overridden_at",
            "overridden_by",
            "queued_at",
            "completed_at",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = fields


class OverlapMatchSerializer(serializers.Serializer[Any]):
    """A page, a writing task or an idea that an idea was found to be near."""

    kind = serializers.ChoiceField(choices=["content", "page", "task", "idea"])
    id = serializers.IntegerField()
    title = serializers.CharField(allow_blank=True)
    keyword = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_blank=True)
    score = serializers.FloatField()
    is_duplicate = serializers.BooleanField(help_text="One page should serve both.")
    why = serializers.CharField()


class IdeaDetailSerializer(IdeaSerializer):
    """An idea with its outline and the keywords that it serves, the target first."""

    outline = serializers.ListField(child=serializers.DictField(), read_only=True)
    overlap_matches = OverlapMatchSerializer(many=True, read_only=True)
    keywords = KeywordSerializer(source="served", many=True, read_only=True)

    class Meta(IdeaSerializer.Meta):
        fields = (*IdeaSerializer.Meta.fields, "outline", "overlap_matches", "keywords")
        read_only_fields = fields


class IdeaFieldsSerializer(Body):
    """What a person may say of an idea."""

    title = serializers.CharField(max_length=255)
    description = serializers.CharField(
        max_length=MAX_DESCRIPTION, required=False, allow_blank=True
    )
    content_type = serializers.ChoiceField(choices=ContentType.choices, required=False)
    content_structure = serializers.ChoiceField(choices=ContentStructure.choices, required=False)
    role = serializers.ChoiceField(choices=ClusterRole.choices, required=False)
    intent = OptionalChoice(Intent.choices, required=False)
    target_keyword = serializers.CharField(max_length=KEYWORD_LENGTH, required=False)
    estimated_words = serializers.IntegerField(
        min_value=edit_ideas.WORDS_MIN, max_value=edit_ideas.WORDS_MAX, required=False
    )
    keywords = RowIds(
        "keyword",
        selectors.some_keywords,
        max_length=edit_ideas.MAX_KEYWORDS,
        required=False,
        help_text="The target first. They replace those that were there.",
    )


class NewIdeaSerializer(IdeaFieldsSerializer):
    """An idea that a person has."""

    cluster = RowId(selectors.cluster, "cluster_id")


def some_clusters(*, account: Account, pk__in: Collection[int]) -> QuerySet[Clusters]:
    """The live ones among these clusters, by their keys alone."""
    return selectors.clusters(account=account).filter(pk__in=pk__in).only("pk")


class MakeIdeasSerializer(RunSerializer):
    """The sector, and which ideas."""

    clusters = RowIds(
        "cluster", some_clusters, required=False, help_text="Of these alone; by default of all."
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=MAX_IDEAS_PER_RUN,
        required=False,
        help_text="At most so many, of the largest clusters first.",
    )
    by_rules = serializers.BooleanField(
        required=False, help_text="Worded by rules, whatever model the account has."
    )


class IdeaFilters(PlaceFilters):
    """Narrows ideas down."""

    cluster = RowId(cluster_selectors.cluster_alone, "cluster_id", required=False)
    status = serializers.ChoiceField(choices=IdeaStatus.choices, required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field, not where it is from
        choices=IdeaSource.choices, required=False
    )
    content_type = serializers.ChoiceField(choices=ContentType.choices, required=False)
    content_structure = serializers.ChoiceField(choices=ContentStructure.choices, required=False)
    intent = serializers.ChoiceField(choices=Intent.choices, required=False)
    overlap = serializers.ChoiceField(choices=OverlapVerdict.choices, required=False)
    q = serializers.CharField(max_length=200, required=False, help_text="A part of the title.")


class IdeaViewSet(BinActions, mixins.ListModelMixin, PlannerViewSet[ContentIdeas]):
    """Ideas of the account's sectors. They are accepted as writing tasks."""

    serializer_class = IdeaSerializer
    filters_class = IdeaFilters
    orders = {"id": "pk", "volume": "-volume", "deleted_at": "deleted_at"}
    sector_orders = frozenset({"volume"})
    spending_actions = frozenset({"make"})
    delete_rows = staticmethod(bin_ideas.delete_ideas)
    restore_rows = staticmethod(bin_ideas.restore_ideas)

    def get_queryset(self) -> QuerySet[ContentIdeas]:
        rows = selectors.ideas(account=self.account, **self.filters)
        rows = rows.select_related(None).annotate(
            cluster_name=selectors.cluster_name(account=self.account)
        )
        return rows.defer("outline", "overlap_matches") if self.action == "list" else rows

    @extend_schema(responses=IdeaDetailSerializer)
    def retrieve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """An idea with its keywords."""
        return self._detail(int(pk))

    @extend_schema(request=NewIdeaSerializer, responses={201: IdeaDetailSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Note an idea for a cluster. What is not said follows from the cluster and keywords."""
        data = self._valid(NewIdeaSerializer, request)
        row = edit_ideas.create_idea(
            account=self.account,
            cluster_id=data.pop("cluster").pk,
            changes=_changes(data),
            now=timezone.now(),
        )
        return self._detail(row.pk, status_code=status.HTTP_201_CREATED)

    @extend_schema(request=IdeaFieldsSerializer, responses=IdeaDetailSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change an idea. 409 when it is accepted already."""
        data = self._valid(IdeaFieldsSerializer, request, partial=True)
        edit_ideas.update_idea(
            account=self.account, idea_id=int(pk), changes=_changes(data), now=timezone.now()
        )
        return self._detail(int(pk))

    @extend_schema(request=MakeIdeasSerializer, responses={202: WorkItemSerializer})
    @action(detail=False, methods=["post"])
    def make(self, request: Request, **_path: Any) -> Response:
        """Make an idea for every page of a sector's clusters that has none, for credits.

        Each is compared with what the site has and plans first; what is covered costs nothing.
        The answer is the work item that waits. 402 when the credits do not suffice now, 409 when
        there is no cluster, or the same waits with other options.
        """
        data = self._valid(MakeIdeasSerializer, request)
        item = requests.request_ideas(
            account=self.account,
            sector=data["sector"],
            cluster_ids=[row.pk for row in data.get("clusters", ())],
            limit=data.get("limit"),
            by_rules=data.get("by_rules", False),
            now=timezone.now(),
        )
        return Response(WorkItemSerializer(item).data, status=status.HTTP_202_ACCEPTED)

    def _detail(self, idea_id: int, *, status_code: int = status.HTTP_200_OK) -> Response:
        row: Any = selectors.idea(account=self.account, idea_id=idea_id)
        row.served = selectors.idea_keywords(account=self.account, idea_ids=[row.pk])[row.pk]
        return Response(IdeaDetailSerializer(row).data, status=status_code)


def _changes(data: dict[str, Any]) -> Any:
    """As the service takes them."""
    if "keywords" in data:
        data["keyword_ids"] = [row.pk for row in data.pop("keywords")]
    return data
