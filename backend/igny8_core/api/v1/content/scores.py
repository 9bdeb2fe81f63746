"""Scores of articles with their explanations, and those that were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.response import Response

from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.business.content import selectors
from igny8_core.business.content.models import ContentScore
from igny8_core.business.content.services.scoring_bands import GROUPS
from igny8_core.business.content.services.scoring_messages import (
    REASONS,
    fix_text,
    found_text,
    title_of,
)
from igny8_core.business.content.services.scoring_total import band_of, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

LIST_FIELDS = (
    "id",
    "content",
    "version",
    "score",
    "reason",
    "earned",
    "max",
    "word_count",
    "scorer_version",
    "content_hash",
    "target_hash",
    "scored_at",
)


class SpanSerializer(serializers.Serializer[Any]):
    """A place: code points of the NFC text of a block, or of a field beside the body."""

    field = serializers.CharField()
    block = serializers.IntegerField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()


class FixSerializer(serializers.Serializer[Any]):
    """What to do: a code with its parameters."""

    code = serializers.CharField()
    params = JsonObject()


class CheckSerializer(serializers.Serializer[Any]):
    """What one check found. Points are hundredths."""

    check = serializers.CharField()
    group = serializers.CharField()
    title = serializers.CharField()
    max = serializers.IntegerField()
    earned = serializers.IntegerField()
    lost = serializers.IntegerField()
    state = serializers.ChoiceField(["full", "half", "none", "partial", "not_applicable"])
    measured = JsonObject()
    band = serializers.CharField()
    spans = SpanSerializer(many=True)
    fix = FixSerializer(allow_null=True)
    found = serializers.CharField(help_text="What was found, in words.")
    advice = serializers.CharField(help_text="What to do, in words; empty when nothing is lost.")


class CapSerializer(serializers.Serializer[Any]):
    """A limit on the score beside the sum of the checks; the lowest holds."""

    cap = serializers.CharField()
    title = serializers.CharField()
    most = serializers.IntegerField()
    spans = SpanSerializer(many=True)
    fix = FixSerializer()
    advice = serializers.CharField()


class GroupSerializer(serializers.Serializer[Any]):
    """The checks of one kind together, in hundredths of a point."""

    group = serializers.CharField()
    earned = serializers.IntegerField()
    max = serializers.IntegerField()


class ScoreSerializer(serializers.Serializer[Any]):
    """A score with its whole explanation.

    Scores of different ``scorer_version`` are not comparable. Without a score there is a reason.
    """

    score = serializers.IntegerField(allow_null=True)
    band = serializers.ChoiceField(
        ["weak", "fair", "good", "strong", ""], help_text="Empty without a score."
    )
    reason = serializers.CharField(help_text="Why there is no score; else empty.")
    explanation = serializers.CharField(help_text="The reason in words.")
    uncapped = serializers.IntegerField(
        allow_null=True, help_text="What the checks alone add up to."
    )
    earned = serializers.IntegerField()
    max = serializers.IntegerField()
    word_count = serializers.IntegerField()
    version = serializers.IntegerField(help_text="The article's version.")
    scorer_version = serializers.CharField()
    content_hash = serializers.CharField()
    target_hash = serializers.CharField()
    groups = GroupSerializer(many=True)
    caps = CapSerializer(many=True)
    checks = CheckSerializer(many=True)


def shown_score(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A score as people and programs see it: with groups, and everything in words."""
    score = stored["score"]
    reason = stored["reason"]
    return {
        **stored,
        "band": "" if score is None else band_of(score),
        "explanation": REASONS.get(reason, reason),
        "uncapped": rounded(stored["earned"], stored["max"]) if stored["max"] else None,
        "groups": _groups(stored["checks"]),
        "caps": [
            {**cap, "title": title_of(cap["cap"]), "advice": fix_text(cap["fix"])}
            for cap in stored["caps"]
        ],
        "checks": [
            {
                **check,
                "title": title_of(check["check"]),
                "lost": 0 if check["state"] == "not_applicable" else check["max"] - check["earned"],
                "found": found_text(check),
                "advice": fix_text(check["fix"]),
            }
            for check in stored["checks"]
        ],
    }


def _groups(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sums: dict[str, list[int]] = {}
    for check in checks:
        if check["state"] != "not_applicable" and check["max"]:
            group = sums.setdefault(GROUPS[check["group"]], [0, 0])
            group[0] += check["earned"]
            group[1] += check["max"]
    return [{"group": name, "earned": earned, "max": most} for name, (earned, most) in sums.items()]


class ContentScoreSerializer(serializers.ModelSerializer[ContentScore]):
    """A kept score without its explanation."""

    class Meta:
        model = ContentScore
        fields = LIST_FIELDS
        read_only_fields = fields


class KeptScoreSerializer(ScoreSerializer):
    """A kept score with its explanation, and what it was scored against."""

    id = serializers.IntegerField()
    content = serializers.IntegerField()
    scored_at = serializers.DateTimeField()
    target = JsonObject()


class ScoreFilters(Filters):
    """Narrows kept scores down."""

    content = RowId(selectors.content, "content_id", required=False)
    scorer_version = serializers.CharField(max_length=24, required=False)


class ContentScoreViewSet(mixins.ListModelMixin, TenantViewSet[ContentScore]):
    """Kept scores of articles, newest first: what each text reached, by which scorer."""

    serializer_class = ContentScoreSerializer
    filters_class = ScoreFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[ContentScore]:
        return selectors.content_scores(account=self.account, **self.filters)

    @extend_schema(responses=KeptScoreSerializer)
    def retrieve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """One kept score with its explanation."""
        row = selectors.content_score(account=self.account, score_id=int(pk))
        stored = {name: getattr(row, name) for name in (*LIST_FIELDS, "checks", "caps", "target")}
        stored["content"] = row.content_id
        return Response(KeptScoreSerializer(shown_score(stored)).data)
