"""What is asked about an article or done to it besides editing: blocks, gates, links, times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import BulkIds, Changed, RowIds
from igny8_core.api.v1.content.blocks import Blocks
from igny8_core.api.v1.content.content_rows import ContentDetailSerializer
from igny8_core.business.content import selectors
from igny8_core.business.content.models import ContentVerdict
from igny8_core.business.content.services import (
    content_gates,
    duplicates,
    reparse_content,
    schedule_content,
    suggest_links,
    suggest_taxonomies,
)
from igny8_core.business.content.services.gate_verdicts import REASON_LENGTH
from igny8_core.business.content.states import ContentStatus, GateKind, TaxonomyType

if TYPE_CHECKING:
    from rest_framework.request import Request

    from igny8_core.auth.models import Account
    from igny8_core.business.content.models import Content

VERDICTS_SHOWN = 50
EVERY_MINUTES_MAX = 10_080
"""A week between one article and the next."""


class ExpectedVersionSerializer(Body):
    """The version that was read; without it the stored one is meant."""

    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None
    )


class ReparsedSerializer(serializers.Serializer[Any]):
    """An article's HTML as blocks. ``lost`` counts what has no place in them, by kind."""

    blocks = Blocks(read_only=True)
    words = serializers.IntegerField()
    words_before = serializers.IntegerField()
    lost = JsonObject()
    is_new = serializers.BooleanField(help_text="False: the article was of blocks already.")


class ApprovalSerializer(ExpectedVersionSerializer):
    """The version that was read, and why it may go out although soft gates failed."""

    reason = serializers.CharField(
        max_length=REASON_LENGTH,
        required=False,
        allow_blank=True,
        default="",
        help_text="Kept with the verdict. Hard gates take no reason.",
    )


class BulkApprovalSerializer(BulkIds):
    """Articles, and why they may go out although soft gates failed."""

    reason = serializers.CharField(
        max_length=REASON_LENGTH, required=False, allow_blank=True, default=""
    )


class GateSerializer(serializers.Serializer[Any]):
    """What one gate found. Nobody overrides what is hard; a person does what is soft, and why."""

    gate = serializers.CharField()
    kind = serializers.ChoiceField(choices=GateKind.choices)
    is_hard = serializers.BooleanField()
    passed = serializers.BooleanField()
    problems = serializers.ListField(child=serializers.CharField())
    fix = serializers.CharField(help_text="What to do about it; empty when it passed.")


class FailedGateSerializer(serializers.Serializer[Any]):
    """A gate that failed when a verdict was given."""

    gate = serializers.CharField()
    kind = serializers.ChoiceField(choices=GateKind.choices)
    problems = serializers.ListField(child=serializers.CharField())


class VerdictSerializer(serializers.ModelSerializer[ContentVerdict]):
    """What the gates said of one version of an article, and who overrode them why."""

    failed = FailedGateSerializer(many=True, read_only=True)

    class Meta:
        model = ContentVerdict
        fields = (
            "id",
            "content",
            "version",
            "step",
            "outcome",
            "failed",
            "reason",
            "decided_by_id",
            "actor",
            "created_at",
        )
        read_only_fields = fields


class VerdictsSerializer(serializers.Serializer[Any]):
    """What the gates said of an article, newest first; at most 50."""

    verdicts = VerdictSerializer(many=True)


class SharedSpanSerializer(serializers.Serializer[Any]):
    """A passage that stands in both articles; ``block`` counts from 0."""

    block = serializers.IntegerField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    text = serializers.CharField()
    other_block = serializers.IntegerField()


class DuplicateSerializer(serializers.Serializer[Any]):
    """Another article of the site with passages of this one."""

    content = serializers.IntegerField(source="content_id")
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=ContentStatus.choices)
    percent = serializers.IntegerField(help_text="Of this article's word sequences.")
    spans = SharedSpanSerializer(many=True)


class DuplicateReportSerializer(serializers.Serializer[Any]):
    """How much of an article is on no other page of its site."""

    unique_percent = serializers.IntegerField()
    sequences = serializers.IntegerField(help_text="Word sequences of the article.")
    compared = serializers.IntegerField()
    is_complete = serializers.BooleanField(help_text="False: ask again, some pages still wait.")
    duplicates = DuplicateSerializer(many=True)


class SuggestedLinkSerializer(serializers.Serializer[Any]):
    """Where one article could link to another: in its own words."""

    source = serializers.IntegerField(  # type: ignore[assignment]  # DRF's own attribute is not a field
        source="source_id"
    )
    source_title = serializers.CharField()
    source_version = serializers.IntegerField()
    target = serializers.IntegerField(source="target_id")
    target_title = serializers.CharField()
    block = serializers.CharField(source="block_id")
    anchor = serializers.CharField()
    text = serializers.CharField()
    reason = serializers.ChoiceField(choices=["to_hub", "from_hub", "same_cluster", "same_sector"])


class SuggestedLinksSerializer(serializers.Serializer[Any]):
    """Links that could be set, the most useful first; at most 50."""

    links = SuggestedLinkSerializer(many=True)


class InsertLinksSerializer(ExpectedVersionSerializer):
    """Articles that this one is to link to; without them all that are suggested."""

    targets = RowIds("content", required=False, allow_null=True, default=None)


class SuggestedTaxonomySerializer(serializers.Serializer[Any]):
    """A category or tag that fits. Without an id the site does not have it yet."""

    taxonomy = serializers.IntegerField(source="taxonomy_id", allow_null=True)
    taxonomy_type = serializers.ChoiceField(choices=TaxonomyType.choices)
    name = serializers.CharField()
    slug = serializers.CharField()
    reason = serializers.ChoiceField(choices=["cluster", "keyword", "heading"])


class SuggestedTaxonomiesSerializer(serializers.Serializer[Any]):
    """Categories and tags that fit, those that the site has first."""

    taxonomies = SuggestedTaxonomySerializer(many=True)


class ScheduleSerializer(Body):
    """When an article goes live at the earliest; null with the next deployment."""

    publish_at = serializers.DateTimeField(allow_null=True)


class BulkScheduleSerializer(BulkIds):
    """Articles, and when they go live: each so long after the one before."""

    publish_at = serializers.DateTimeField(allow_null=True)
    every_minutes = serializers.IntegerField(
        min_value=0, max_value=EVERY_MINUTES_MAX, required=False, default=0
    )


class ContentActions:
    """Part of the endpoint of articles."""

    if TYPE_CHECKING:
        account: Account
        user_id: int | None

        def body(
            self, form_class: type[serializers.Serializer[Any]], *, partial: bool = False
        ) -> dict[str, Any]: ...

        def _shown(self, row: Content) -> Response: ...

    @extend_schema(responses=ReparsedSerializer)
    @action(detail=True, methods=["get"])
    def reparse(self, _request: Request, pk: str, **_path: Any) -> Response:
        """What the HTML of an article would be as blocks. Nothing is stored."""
        found = reparse_content.preview_blocks(account=self.account, content_id=int(pk))
        return Response(ReparsedSerializer(found).data)

    @extend_schema(request=ExpectedVersionSerializer, responses=ReparsedSerializer)
    @reparse.mapping.post
    def store_blocks(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Turn the HTML of an article into blocks, as its next version. Safe to repeat.

        409 when another version is stored by now.
        """
        found = reparse_content.reparse_content(
            account=self.account,
            content_id=int(pk),
            version=self.body(ExpectedVersionSerializer)["version"],
            user_id=self.user_id,
            now=timezone.now(),
        )
        return Response(ReparsedSerializer(found).data)

    @extend_schema(request=None, responses=GateSerializer(many=True))
    @action(detail=True, methods=["post"], url_path="check-gates", pagination_class=None)
    def check_gates(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Judge the stored version: may it leave us? Changes nothing of the article.

        This is what an approval by the one who asks would go by.
        """
        found = content_gates.content_gates(
            account=self.account, content_id=int(pk), reader_id=self.user_id
        )
        return Response(GateSerializer(found, many=True).data)

    @extend_schema(responses=VerdictsSerializer)
    @action(detail=True, methods=["get"])
    def verdicts(self, _request: Request, pk: str, **_path: Any) -> Response:
        """What the gates said of an article, newest first, and why they were overridden."""
        row = selectors.content(account=self.account, content_id=int(pk))
        found = selectors.verdicts(account=self.account, content_id=row.pk)[:VERDICTS_SHOWN]
        return Response(VerdictsSerializer({"verdicts": found}).data)

    @extend_schema(request=None, responses=DuplicateReportSerializer)
    @action(detail=True, methods=["post"], url_path="find-duplicates")
    def find_duplicates(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Compare an article with all others of its site. Changes nothing of the article."""
        report = duplicates.find_duplicates(account=self.account, content_id=int(pk))
        return Response(DuplicateReportSerializer(report).data)

    @extend_schema(responses=SuggestedLinksSerializer)
    @action(detail=True, methods=["get"], url_path="suggested-links")
    def suggested_links(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Where an article could link to others of its sector, and others to it; at most 50."""
        found = suggest_links.suggest_links(account=self.account, content_id=int(pk))
        return Response(SuggestedLinksSerializer({"links": found}).data)

    @extend_schema(request=InsertLinksSerializer, responses=ContentDetailSerializer)
    @action(detail=True, methods=["post"], url_path="insert-links")
    def insert_links(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Link an article to others where it mentions them, as its next version.

        Its words and its approval stay. 409 when another version is stored by now.
        """
        data = self.body(InsertLinksSerializer)
        row = suggest_links.insert_links(
            account=self.account,
            content_id=int(pk),
            target_ids=data["targets"],
            version=data["version"],
            user_id=self.user_id,
            now=timezone.now(),
        )
        return self._shown(row)

    @extend_schema(responses=SuggestedTaxonomiesSerializer)
    @action(detail=True, methods=["get"], url_path="suggested-taxonomies")
    def suggested_taxonomies(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Categories and tags that fit and that the article does not have; known ones first."""
        found = suggest_taxonomies.suggest_taxonomies(account=self.account, content_id=int(pk))
        return Response(SuggestedTaxonomiesSerializer({"taxonomies": found}).data)

    @extend_schema(request=ScheduleSerializer, responses=ContentDetailSerializer)
    @action(detail=True, methods=["post"])
    def schedule(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Say when an article goes live, at the earliest: once it is approved. 409 if it is."""
        row = schedule_content.schedule_content(
            account=self.account,
            content_id=int(pk),
            publish_at=self.body(ScheduleSerializer)["publish_at"],
            now=timezone.now(),
        )
        return self._shown(row)

    @extend_schema(request=BulkScheduleSerializer, responses=Changed)
    @action(detail=False, methods=["post"], url_path="bulk-schedule")
    def bulk_schedule(self, _request: Request, **_path: Any) -> Response:
        """Say when articles go live, one after another: all of them, or none."""
        data = self.body(BulkScheduleSerializer)
        changed = schedule_content.schedule_contents(
            account=self.account,
            content_ids=data.pop("ids"),
            now=timezone.now(),
            **data,
        )
        return Response(Changed({"changed": changed}).data)
