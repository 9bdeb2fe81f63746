"""What is done to many keywords at once, and what is said of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import OptionalChoice
from igny8_core.api.filters import Filters, RowId, RowIds
from igny8_core.api.v1.planning.edits import ClusterEditSerializer
from igny8_core.api.v1.planning.keywords import KeywordConditions, KeywordViewSet, conditions
from igny8_core.auth import selectors as identity
from igny8_core.business.planning import selectors
from igny8_core.business.planning.services import bulk_keywords, cluster_reasons, mark_clusters
from igny8_core.business.planning.states import Intent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import Keywords

ACTS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "disable": (bulk_keywords.set_keywords_disabled, {"is_disabled": True}),
    "enable": (bulk_keywords.set_keywords_disabled, {"is_disabled": False}),
    "delete": (bulk_keywords.delete_keywords, {}),
    "move": (bulk_keywords.move_keywords, {"cluster_id": None}),
    "set_intent": (bulk_keywords.set_keywords_intent, {"intent": ""}),
    "pin": (bulk_keywords.set_keywords_pinned, {"is_pinned": True}),
    "unpin": (bulk_keywords.set_keywords_pinned, {"is_pinned": False}),
}
"""The service of each act, and what it takes when the request does not say it."""

MAX_PINNED = 5_000


def keyword_keys(*, account: Account, pk__in: Collection[int]) -> QuerySet[Keywords]:
    """The live ones among these keywords, by their keys alone."""
    return selectors.some_keywords(account=account, pk__in=pk__in).only("pk")


class KeywordChoice(Body, KeywordConditions):
    """Keywords by what they are; an unknown filter is refused."""

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        if unknown := sorted(set(data) - set(self.fields)):
            raise serializers.ValidationError(
                {str(name): ["There is no such filter."] for name in unknown}
            )
        return found


class ActForm(Body):
    """An act, and the keywords that are meant: ticked ones, or all that the filters find."""

    sector = RowId(identity.sector, "sector_id")
    act = serializers.ChoiceField(choices=sorted(ACTS))
    ids = RowIds(
        "keyword",
        keyword_keys,
        min_length=1,
        max_length=bulk_keywords.MAX_TICKED,
        required=False,
    )
    filters = KeywordChoice(required=False, help_text="`{}` is all of them.")
    expected = serializers.IntegerField(
        min_value=0,
        max_value=2**31,
        required=False,
        help_text="How many a person was shown; 409 `count_changed` when it is another number.",
    )
    cluster = RowId(
        selectors.cluster,
        "cluster_id",
        required=False,
        allow_null=True,
        help_text="Of `move`; null takes them out.",
    )
    intent = OptionalChoice(
        Intent.choices, required=False, help_text="Of `set_intent`; null: files and rules decide."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == ("filters" in attrs):
            raise serializers.ValidationError({"ids": ["Say which: ids, or filters."]})
        for act, name in (("move", "cluster"), ("set_intent", "intent")):
            if (attrs["act"] == act) != (name in attrs):
                text = f"{act} needs it." if attrs["act"] == act else f"Only {act} takes it."
                raise serializers.ValidationError({name: [text]})
        return attrs


class ActAnswer(serializers.Serializer[Any]):
    """What an act did. ``changed`` were not like that before."""

    matched = serializers.IntegerField()
    changed = serializers.IntegerField()
    deleted_at = serializers.DateTimeField(
        allow_null=True, help_text="Of `delete`: what takes exactly these out of the bin."
    )


class TakeBackForm(Body):
    """Which act of deleting."""

    sector = RowId(identity.sector, "sector_id")
    deleted_at = serializers.DateTimeField(help_text="As `act` answered.")


class PinForm(Body):
    """Keywords that stay where they are, or that runs may place again."""

    sector = RowId(identity.sector, "sector_id")
    keywords = RowIds("keyword", keyword_keys, min_length=1, max_length=MAX_PINNED)
    is_pinned = serializers.BooleanField()


class WhyFilters(Filters):
    """With which other keyword it is compared."""

    other = RowId(
        selectors.keyword,
        "keyword_id",
        required=False,
        help_text="By default its page's target, or its cluster's main keyword.",
    )


class NamedKeyword(serializers.Serializer[Any]):
    """A keyword by id and text."""

    id = serializers.IntegerField(source="pk")
    keyword = serializers.CharField()


class ReasonSerializer(serializers.Serializer[Any]):
    """One thing that binds two keywords, or keeps them apart."""

    code = serializers.CharField()
    is_for = serializers.BooleanField(help_text="It speaks for them being together.")
    text = serializers.CharField()


class WhySerializer(serializers.Serializer[Any]):
    """Why a keyword is where it is: it and another one of its cluster, compared."""

    keyword = NamedKeyword()
    other = NamedKeyword(allow_null=True)
    is_same_cluster = serializers.BooleanField()
    is_same_page = serializers.BooleanField()
    similarity = serializers.FloatField(
        allow_null=True, help_text="Of the wording; pages are cut at 0.60, topics at 0.40."
    )
    shared_results = serializers.ListField(child=serializers.CharField())
    reasons = ReasonSerializer(many=True)


class KeywordActViewSet(KeywordViewSet):
    """Keywords of the account's sectors."""

    @extend_schema(request=ActForm, responses=ActAnswer)
    @action(detail=False, methods=["post"])
    def act(self, _request: Request, **_path: Any) -> Response:
        """Disable, enable, delete, move, pin or unpin many keywords, or set their intent.

        `sectors/{id}/keywords/count/` is the dry run: send its number as `expected`.
        """
        data = self.body(ActForm)
        service, more = ACTS[data["act"]]
        more = dict(more)
        if "cluster_id" in more:
            more["cluster_id"] = getattr(data["cluster"], "pk", None)
        if "intent" in more:
            more["intent"] = data["intent"]
        now = timezone.now()
        target = bulk_keywords.Target(
            filters=conditions(data["filters"]) if "filters" in data else None,
            ids=tuple(row.pk for row in data.get("ids", ())),
        )
        done = service(
            account=self.account,
            sector=data["sector"],
            target=target,
            expected=data.get("expected"),
            now=now,
            **more,
        )
        found = {
            "matched": done.matched,
            "changed": done.changed,
            "deleted_at": now if data["act"] == "delete" else None,
        }
        return Response(ActAnswer(found).data)

    @extend_schema(request=TakeBackForm, responses=ActAnswer)
    @action(detail=False, methods=["post"], url_path="restore-deleted")
    def restore_deleted(self, _request: Request, **_path: Any) -> Response:
        """Take out of the bin what one act deleted; keywords that are there again stay in it."""
        data = self.body(TakeBackForm)
        done = bulk_keywords.restore_keywords(
            account=self.account,
            sector=data["sector"],
            deleted_at=data["deleted_at"],
            now=timezone.now(),
        )
        found = {"matched": done.matched, "changed": done.changed, "deleted_at": None}
        return Response(ActAnswer(found).data)

    @extend_schema(request=PinForm, responses=ClusterEditSerializer)
    @action(detail=False, methods=["post"])
    def pin(self, _request: Request, **_path: Any) -> Response:
        """Pin keywords where they are, whatever is rebuilt, or unpin them. Can be undone."""
        data = self.body(PinForm)
        edit = mark_clusters.pin_keywords(
            account=self.account,
            sector=data["sector"],
            keyword_ids=[row.pk for row in data["keywords"]],
            is_pinned=data["is_pinned"],
            now=timezone.now(),
        )
        return Response(ClusterEditSerializer(edit).data)

    @extend_schema(request=None, responses=ClusterEditSerializer)
    @action(detail=True, methods=["post"], url_path="make-target")
    def make_target(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Make a keyword the target of its page. Can be undone."""
        edit = mark_clusters.set_target_keyword(
            account=self.account, keyword_id=int(pk), now=timezone.now()
        )
        return Response(ClusterEditSerializer(edit).data)

    @extend_schema(parameters=[WhyFilters], responses=WhySerializer)
    @action(detail=True, methods=["get"])
    def why(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Why a keyword is in its cluster and on its page, in words and figures."""
        other = self.asked(WhyFilters).get("other")
        found = cluster_reasons.why_here(
            account=self.account, keyword_id=int(pk), other_id=getattr(other, "pk", None)
        )
        return Response(WhySerializer(found).data)
