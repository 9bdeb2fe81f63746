"""Articles: written, imported, edited against a version, reviewed, and their kept versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject, Lines
from igny8_core.api.filters import BinFilters, BulkIds, Changed, RowId, RowIds
from igny8_core.api.v1.base import BinActions, TenantViewSet
from igny8_core.api.v1.content.blocks import Blocks
from igny8_core.api.v1.content.content_actions import (
    ApprovalSerializer,
    BulkApprovalSerializer,
    ContentActions,
)
from igny8_core.api.v1.content.content_rows import ContentDetailSerializer, ContentSerializer
from igny8_core.api.v1.content.scores import ScoreSerializer, shown_score
from igny8_core.api.v1.content.taxonomies import TaxonomySerializer
from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content
from igny8_core.business.content.services import bin as bins
from igny8_core.business.content.services import review
from igny8_core.business.content.services.content_fields import (
    HTML_LENGTH,
    KEYWORDS_MAX,
    LIMITS,
    ContentChanges,
)
from igny8_core.business.content.services.create_content import Origin, create_content
from igny8_core.business.content.services.edit_taxonomies import (
    TAXONOMIES_MAX,
    set_content_taxonomies,
)
from igny8_core.business.content.services.editing import edit_content
from igny8_core.business.content.services.score_content import measure_content, score_content
from igny8_core.business.content.states import ContentSource, ContentStatus, SyncStatus
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import ContentStructure, ContentType
from igny8_core.business.publishing.services import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from rest_framework.request import Request

LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,4})?\Z"


class ContentFieldsSerializer(Body):
    """What a person writes of an article. Its text is blocks, or HTML instead of them."""

    title = serializers.CharField(max_length=LIMITS["title"])
    slug = serializers.CharField(
        max_length=LIMITS["slug"],
        required=False,
        help_text="Lower-case letters, digits and single hyphens.",
    )
    meta_title = serializers.CharField(
        max_length=LIMITS["meta_title"], required=False, allow_blank=True
    )
    meta_description = serializers.CharField(
        max_length=LIMITS["meta_description"], required=False, allow_blank=True
    )
    excerpt = serializers.CharField(max_length=LIMITS["excerpt"], required=False, allow_blank=True)
    primary_keyword = serializers.CharField(
        max_length=LIMITS["primary_keyword"], required=False, allow_blank=True
    )
    secondary_keywords = Lines(max_length=KEYWORDS_MAX, required=False)
    language = serializers.RegexField(LANGUAGE, max_length=8, required=False)
    content_type = serializers.ChoiceField(choices=ContentType.choices, required=False)
    content_structure = serializers.ChoiceField(choices=ContentStructure.choices, required=False)
    cluster = RowId(planning.cluster, "cluster_id", required=False, allow_null=True)
    blocks = Blocks(required=False)
    html = serializers.CharField(
        max_length=HTML_LENGTH,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Sanitised: what the allow-list does not name is dropped.",
    )


class NewContentSerializer(ContentFieldsSerializer):
    """A draft, ours or brought from another platform."""

    sector = RowId(identity.sector, "sector_id")
    taxonomies = RowIds("taxonomy", selectors.taxonomies, max_length=TAXONOMIES_MAX, required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # DRF's own attribute is not a field
        choices=ContentSource.choices, required=False
    )
    external_id = serializers.CharField(max_length=100, required=False, allow_blank=True)
    external_url = serializers.URLField(max_length=500, required=False, allow_blank=True)
    external_type = serializers.CharField(max_length=50, required=False, allow_blank=True)
    external_metadata = JsonObject(required=False)


class ChangedContentSerializer(ContentFieldsSerializer):
    """A change, against the version that was read."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    title = serializers.CharField(max_length=LIMITS["title"], required=False)


class NoteSerializer(Body):
    """Why."""

    note = serializers.CharField(max_length=review.NOTE_LENGTH)


class OptionalNoteSerializer(Body):
    """Why, if that matters."""

    note = serializers.CharField(
        max_length=review.NOTE_LENGTH, required=False, allow_blank=True, default=""
    )


class BulkNoteSerializer(BulkIds):
    """Articles, and why."""

    note = serializers.CharField(max_length=review.NOTE_LENGTH)


class TaxonomyIdsSerializer(Body):
    """The categories and tags that an article is to have; others are taken from it."""

    taxonomies = RowIds("taxonomy", selectors.taxonomies, max_length=TAXONOMIES_MAX)


class ContentFilters(BinFilters):
    """Narrows articles down."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.sector, "sector_id", required=False)
    cluster = RowId(planning.cluster, "cluster_id", required=False)
    task = RowId(selectors.writing_task, "writing_task_id", required=False)
    taxonomy = RowId(selectors.taxonomy, "taxonomy_id", required=False)
    status = serializers.ChoiceField(choices=ContentStatus.choices, required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # DRF's own attribute is not a field
        choices=ContentSource.choices, required=False
    )
    sync_status = serializers.ChoiceField(choices=SyncStatus.choices, required=False)
    content_type = serializers.ChoiceField(choices=ContentType.choices, required=False)
    external_id = serializers.CharField(max_length=100, required=False)
    is_scheduled = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Whether a time is set at which it goes live.",
    )
    score_min = serializers.IntegerField(min_value=0, max_value=100, required=False)
    score_max = serializers.IntegerField(min_value=0, max_value=100, required=False)
    q = serializers.CharField(
        max_length=200, required=False, help_text="A part of the title or the primary keyword."
    )


class ContentViewSet(BinActions, ContentActions, mixins.ListModelMixin, TenantViewSet[Content]):
    """Articles, newest first; the list shows them without their texts."""

    serializer_class = ContentSerializer
    filters_class = ContentFilters
    orders = {"id": "pk", "title": "title", "updated_at": "updated_at", "score": "score"}
    default_order = "-id"
    delete_rows = staticmethod(bins.delete_contents)
    restore_rows = staticmethod(bins.restore_contents)

    def get_queryset(self) -> QuerySet[Content]:
        rows = selectors.contents(account=self.account, **self.filters)
        return rows.select_related(None)

    @extend_schema(responses=ContentDetailSerializer)
    def retrieve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """One article with its text."""
        return self._shown(selectors.content(account=self.account, content_id=int(pk)))

    @extend_schema(request=NewContentSerializer, responses={201: ContentDetailSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Make a draft, by hand or from another platform. 409 when its slug is taken."""
        data = self.body(NewContentSerializer)
        origin = {name: data.pop(name) for name in Origin.names() if name in data}
        row = create_content(
            account=self.account,
            sector_id=data.pop("sector").pk,
            taxonomy_ids=[taxonomy.pk for taxonomy in data.pop("taxonomies", ())],
            changes=_changes(data),
            origin=Origin(**origin),
            user_id=self.user_id,
            now=timezone.now(),
        )
        return self._shown(row, status.HTTP_201_CREATED)

    @extend_schema(request=ChangedContentSerializer, responses=ContentDetailSerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change an article, as its next version. 409 when another version is stored by now.

        422 `gates_failed` when it is published and the change breaks a hard gate.
        """
        data = self.body(ChangedContentSerializer)
        row = edit_content(
            account=self.account,
            content_id=int(pk),
            version=data.pop("version"),
            changes=_changes(data),
            user_id=self.user_id,
            now=timezone.now(),
        )
        return self._shown(row)

    @extend_schema(request=None, responses=ScoreSerializer)
    @action(detail=True, methods=["get", "post"])
    def score(self, request: Request, pk: str, **_path: Any) -> Response:
        """The score of an article as it stands now: groups, checks, lost points with their fixes.

        GET keeps nothing; POST keeps it, so that lists show it at once.
        """
        if request.method == "POST":
            score_content(account=self.account, content_id=int(pk), now=timezone.now())
        found, score = measure_content(account=self.account, content_id=int(pk))
        return Response(shown_score(score.as_json() | {"version": found.row.version}))

    @extend_schema(request=TaxonomyIdsSerializer, responses=TaxonomySerializer(many=True))
    @action(detail=True, methods=["post"], url_path="set-taxonomies", pagination_class=None)
    def set_taxonomies(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Give an article exactly these categories and tags. Its version stays."""
        wanted = self.body(TaxonomyIdsSerializer)["taxonomies"]
        found = set_content_taxonomies(
            account=self.account, content_id=int(pk), taxonomy_ids=[row.pk for row in wanted]
        )
        return Response(TaxonomySerializer(found, many=True).data)

    @extend_schema(request=None, responses=ContentDetailSerializer)
    @action(detail=True, methods=["post"], url_path="submit-for-review")
    def submit_for_review(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Hand a draft over to the reviewers. 422 when it is not complete."""
        row = review.submit_for_review(account=self.account, content_id=int(pk), now=timezone.now())
        return self._shown(row)

    @extend_schema(request=ApprovalSerializer, responses=ContentDetailSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Say that an article in review may be published as it stands.

        422 `gates_failed` when its gates refuse: `hard` and `soft` name each that failed and why.
        With a reason soft ones are overridden, and the reason is kept. 409 when it is not in
        review, or another version is stored by now.
        """
        data = self.body(ApprovalSerializer)
        row = hand_over.approve_content(
            account=self.account,
            content_id=int(pk),
            version=data["version"],
            user_id=self.user_id,
            reason=data["reason"],
            now=timezone.now(),
        )
        return self._shown(row)

    @extend_schema(request=NoteSerializer, responses=ContentDetailSerializer)
    @action(detail=True, methods=["post"], url_path="send-back")
    def send_back(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Give an article in review back to its writer, with the reason."""
        note = self.body(NoteSerializer)["note"]
        row = review.send_back(
            account=self.account,
            content_id=int(pk),
            note=note,
            user_id=self.user_id,
            now=timezone.now(),
        )
        return self._shown(row)

    @extend_schema(request=OptionalNoteSerializer, responses=ContentDetailSerializer)
    @action(detail=True, methods=["post"], url_path="take-down")
    def take_down(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Bring a published article back into review; the next deployment removes it."""
        note = self.body(OptionalNoteSerializer)["note"]
        row = review.take_down(
            account=self.account, content_id=int(pk), note=note, now=timezone.now()
        )
        return self._shown(row)

    @extend_schema(request=BulkIds, responses=Changed)
    @action(detail=False, methods=["post"], url_path="bulk-submit-for-review")
    def bulk_submit_for_review(self, _request: Request, **_path: Any) -> Response:
        """Hand drafts over to the reviewers: all of them, or none."""
        return self._bulk_review(BulkIds, review.submit_contents)

    @extend_schema(request=BulkApprovalSerializer, responses=Changed)
    @action(detail=False, methods=["post"], url_path="bulk-approve")
    def bulk_approve(self, _request: Request, **_path: Any) -> Response:
        """Approve the stored versions of articles in review: all of them, or none.

        422 `gates_failed` when the gates of one refuse; `content_id` says which.
        """
        return self._bulk_review(
            BulkApprovalSerializer, hand_over.approve_contents, user_id=self.user_id
        )

    @extend_schema(request=BulkNoteSerializer, responses=Changed)
    @action(detail=False, methods=["post"], url_path="bulk-send-back")
    def bulk_send_back(self, _request: Request, **_path: Any) -> Response:
        """Give articles in review back to their writers: all of them, or none."""
        return self._bulk_review(
            BulkNoteSerializer, review.send_contents_back, user_id=self.user_id
        )

    def _bulk_review(
        self,
        form_class: type[serializers.Serializer[Any]],
        service: Callable[..., int],
        **arguments: Any,
    ) -> Response:
        data = self.body(form_class)
        ids = list(dict.fromkeys(data.pop("ids")))
        changed = service(
            account=self.account, content_ids=ids, now=timezone.now(), **data, **arguments
        )
        return Response(Changed({"changed": changed}).data)

    def _shown(self, row: Content, status_code: int = status.HTTP_200_OK) -> Response:
        form = ContentDetailSerializer(row, context=self.get_serializer_context())
        return Response(form.data, status=status_code)


def _changes(data: dict[str, Any]) -> ContentChanges:
    """What the form read, as the service takes it: 0 takes an article out of its cluster."""
    if "cluster" in data:
        cluster = data.pop("cluster")
        data["cluster_id"] = cluster.pk if cluster else 0
    return ContentChanges(**data)
