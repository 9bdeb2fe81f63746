"""Writing tasks: what is to be written, by hand or from ideas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import Lines
from igny8_core.api.filters import BinFilters, BulkIds, RowId, RowIds
from igny8_core.api.v1.base import BinActions, TenantViewSet
from igny8_core.api.v1.work import WorkItemSerializer
from igny8_core.auth import selectors as identity
from igny8_core.business.automation.services import requests
from igny8_core.business.content import selectors
from igny8_core.business.content.models import Tasks
from igny8_core.business.content.services import bin as bins
from igny8_core.business.content.services import edit_tasks
from igny8_core.business.content.services.gather_brief import show_brief
from igny8_core.business.content.services.writing_tasks import (
    WORDS_MAX,
    WORDS_MIN,
    create_writing_tasks,
)
from igny8_core.business.content.states import TaskStatus
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import ClusterRole, ContentStructure, ContentType

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class WritingTaskSerializer(serializers.ModelSerializer[Tasks]):
    """A writing task. ``content`` is its article, once there is one."""

    keywords = Lines(read_only=True)
    content = serializers.IntegerField(source="content_id", read_only=True, allow_null=True)

    class Meta:
        model = Tasks
        fields = (
            "id",
            "site",
            "sector",
            "cluster",
            "idea",
            "taxonomy",
            "content",
            "title",
            "description",
            "content_type",
            "content_structure",
            "role",
            "keywords",
            "target_word_count",
            "status",
            "last_error",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = fields


class TaskFieldsSerializer(Body):
    """What a person may say of a writing task."""

    title = serializers.CharField(max_length=255)
    description = serializers.CharField(
        max_length=edit_tasks.DESCRIPTION_LENGTH, required=False, allow_blank=True
    )
    taxonomy = RowId(selectors.taxonomy, "taxonomy_id", required=False, allow_null=True)
    content_type = serializers.ChoiceField(choices=ContentType.choices, required=False)
    content_structure = serializers.ChoiceField(choices=ContentStructure.choices, required=False)
    role = serializers.ChoiceField(choices=ClusterRole.choices, required=False)
    keywords = Lines(
        max_length=edit_tasks.KEYWORDS_MAX,
        required=False,
        help_text="The primary one first.",
    )
    target_word_count = serializers.IntegerField(
        min_value=WORDS_MIN, max_value=WORDS_MAX, required=False
    )


class NewTaskSerializer(TaskFieldsSerializer):
    """A writing task without an idea."""

    cluster = RowId(planning.cluster, "cluster_id")


class FromIdeasSerializer(Body):
    """Ideas that are accepted for writing."""

    ideas = RowIds("idea", min_length=1)
    max_words = serializers.IntegerField(
        min_value=WORDS_MIN,
        max_value=WORDS_MAX,
        required=False,
        allow_null=True,
        default=None,
        help_text="Upper limit of an article; by default what the model can carry.",
    )


class BriefKeywordSerializer(serializers.Serializer[Any]):
    """A keyword that the article should serve."""

    text = serializers.CharField()
    volume = serializers.IntegerField(allow_null=True)
    intent = serializers.CharField()


class BriefLinkSerializer(serializers.Serializer[Any]):
    """Another article that may be linked to."""

    content = serializers.IntegerField(source="content_id")
    title = serializers.CharField()
    keyword = serializers.CharField()
    role = serializers.CharField()
    is_published = serializers.BooleanField()


class BriefSectionSerializer(serializers.Serializer[Any]):
    """One planned part of the article."""

    kind = serializers.CharField()
    heading = serializers.CharField()
    keyword = serializers.CharField()
    question = serializers.CharField()
    target_words = serializers.IntegerField()
    items = serializers.ListField(child=serializers.CharField())


class BriefSerializer(serializers.Serializer[Any]):
    """What a writer would get now."""

    title = serializers.CharField(source="brief.title")
    cluster_name = serializers.CharField(source="brief.cluster_name")
    keywords = BriefKeywordSerializer(source="brief.keywords", many=True)
    questions = serializers.ListField(source="brief.questions", child=serializers.CharField())
    role = serializers.CharField(source="brief.role")
    content_type = serializers.CharField(source="brief.content_type")
    content_structure = serializers.CharField(source="brief.structure")
    target_word_count = serializers.IntegerField(source="brief.target_words")
    language = serializers.CharField(source="brief.language")
    voice = serializers.CharField(source="brief.voice")
    rules = serializers.ListField(source="brief.rules", child=serializers.CharField())
    avoid = serializers.ListField(source="brief.avoid", child=serializers.CharField())
    notes = serializers.CharField(source="brief.notes")
    category = serializers.CharField(source="brief.category")
    images = serializers.IntegerField(source="brief.images")
    facts = serializers.ListField(source="brief.facts", child=serializers.CharField())
    links = BriefLinkSerializer(source="brief.links", many=True)
    outline = BriefSectionSerializer(many=True)
    is_demo = serializers.BooleanField(help_text="The built-in demo model would write.")


class TaskFilters(BinFilters):
    """Narrows writing tasks down."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.sector, "sector_id", required=False)
    cluster = RowId(planning.cluster, "cluster_id", required=False)
    idea = RowId(planning.idea, "idea_id", required=False)
    status = serializers.ChoiceField(choices=TaskStatus.choices, required=False)
    q = serializers.CharField(max_length=200, required=False, help_text="A part of the title.")


class WritingTaskViewSet(
    BinActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[Tasks]
):
    """Writing tasks, newest first."""

    serializer_class = WritingTaskSerializer
    filters_class = TaskFilters
    orders = {"id": "pk", "title": "title"}
    default_order = "-id"
    spending_actions = frozenset({"generate", "bulk_generate"})
    delete_rows = staticmethod(bins.delete_writing_tasks)
    restore_rows = staticmethod(bins.restore_writing_tasks)

    def get_queryset(self) -> QuerySet[Tasks]:
        rows = selectors.writing_tasks(account=self.account, **self.filters)
        return rows.select_related(None)

    @extend_schema(request=NewTaskSerializer, responses={201: WritingTaskSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Ask for an article about a cluster, without an idea."""
        data = self.body(NewTaskSerializer)
        task = edit_tasks.create_writing_task(
            account=self.account, cluster_id=data.pop("cluster").pk, **_columns(data)
        )
        return Response(self.get_serializer(task).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TaskFieldsSerializer(partial=True), responses=WritingTaskSerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change a writing task that waits. 409 when it is written."""
        data = self.body(TaskFieldsSerializer, partial=True)
        task = edit_tasks.edit_writing_task(
            account=self.account, writing_task_id=int(pk), changes=_columns(data)
        )
        return Response(self.get_serializer(task).data)

    @extend_schema(request=FromIdeasSerializer, responses={201: WritingTaskSerializer(many=True)})
    @action(detail=False, methods=["post"], url_path="from-ideas", pagination_class=None)
    def from_ideas(self, _request: Request, **_path: Any) -> Response:
        """Accept ideas: one writing task for each, all of them or none. Safe to repeat."""
        data = self.body(FromIdeasSerializer)
        tasks = create_writing_tasks(
            account=self.account,
            idea_ids=data["ideas"],
            max_words=data["max_words"],
            now=timezone.now(),
        )
        found = selectors.writing_tasks(account=self.account).in_bulk([t.pk for t in tasks])
        rows = [found[task.pk] for task in tasks]
        return Response(self.get_serializer(rows, many=True).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=BriefSerializer)
    @action(detail=True, methods=["get"])
    def brief(self, _request: Request, pk: str, **_path: Any) -> Response:
        """What a writer would get now: keywords, facts, links, outline."""
        found = show_brief(account=self.account, writing_task_id=int(pk))
        return Response(BriefSerializer(found).data)

    @extend_schema(request=None, responses={202: WorkItemSerializer})
    @action(detail=True, methods=["post"])
    def generate(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Have the article written, for credits. The answer is the work item that waits.

        402 when the credits do not suffice now, 409 when it is written already.
        """
        (item,) = requests.request_articles(
            account=self.account, writing_task_ids=[int(pk)], now=timezone.now()
        )
        return Response(WorkItemSerializer(item).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=BulkIds, responses={202: WorkItemSerializer(many=True)})
    @action(detail=False, methods=["post"], url_path="bulk-generate", pagination_class=None)
    def bulk_generate(self, _request: Request, **_path: Any) -> Response:
        """Have several articles written, for credits: all of them are asked for, or none."""
        ids = self.body(BulkIds)["ids"]
        items = requests.request_articles(
            account=self.account, writing_task_ids=ids, now=timezone.now()
        )
        return Response(WorkItemSerializer(items, many=True).data, status=status.HTTP_202_ACCEPTED)


def _columns(data: dict[str, Any]) -> dict[str, Any]:
    """Rows by their ids, as services take them."""
    taxonomy = {"taxonomy_id": getattr(data["taxonomy"], "pk", None)} if "taxonomy" in data else {}
    return {name: value for name, value in data.items() if name != "taxonomy"} | taxonomy
