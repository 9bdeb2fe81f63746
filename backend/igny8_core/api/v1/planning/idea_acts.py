"""The guard against cannibalisation: verdicts, and what people make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import RowId, RowIds
from igny8_core.api.v1.planning.ideas import IdeaDetailSerializer, IdeaViewSet
from igny8_core.auth import selectors as identity
from igny8_core.business.content.services.guard_ideas import check_ideas
from igny8_core.business.planning import selectors
from igny8_core.business.planning.services import guard_ideas

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import ContentIdeas


def some_ideas(*, account: Account, pk__in: Collection[int]) -> QuerySet[ContentIdeas]:
    """The live ones among these ideas, by their keys alone."""
    rows = selectors.ideas(account=account).select_related(None)
    return rows.filter(pk__in=pk__in).only("pk")


class CheckForm(Body):
    """The site, and which of its new ideas."""

    site = RowId(identity.site, "site_id")
    ideas = RowIds("idea", some_ideas, required=False, help_text="By default all that are new.")


class CheckAnswer(serializers.Serializer[Any]):
    """How many ideas were compared with everything, by what the guard says of them."""

    checked = serializers.IntegerField()
    fine = serializers.IntegerField()
    differentiate = serializers.IntegerField(help_text="Write it, but from another angle.")
    merge = serializers.IntegerField(help_text="Extend what there is.")
    skip = serializers.IntegerField(help_text="Covered already.")
    blocked = serializers.ListField(
        child=serializers.IntegerField(), help_text="Ideas that are held back."
    )


class OverrideForm(Body):
    """Why an idea should be written although it overlaps."""

    reason = serializers.CharField(max_length=guard_ideas.MAX_REASON_LENGTH)


class IdeaActViewSet(IdeaViewSet):
    """Ideas of the account's sectors. They are accepted as writing tasks."""

    @extend_schema(request=CheckForm, responses=CheckAnswer)
    @action(detail=False, methods=["post"])
    def check(self, _request: Request, **_path: Any) -> Response:
        """Compare new ideas with all that a site has and plans, and keep the verdicts. Free.

        With articles, writing tasks, pages that were imported, and other ideas.
        """
        data = self.body(CheckForm)
        ideas = data.get("ideas")
        judged = check_ideas(
            account=self.account,
            site=data["site"],
            idea_ids=None if ideas is None else [row.pk for row in ideas],
            now=timezone.now(),
        )
        found: dict[str, Any] = dict.fromkeys(("fine", "differentiate", "merge", "skip"), 0)
        for idea in judged:
            found[idea.overlap] += 1
        found |= {"checked": len(judged), "blocked": [i.pk for i in judged if i.is_blocked]}
        return Response(CheckAnswer(found).data)

    @extend_schema(request=OverrideForm, responses=IdeaDetailSerializer)
    @action(detail=True, methods=["post"])
    def override(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Let an idea be written although it overlaps; the reason is kept with it.

        409 when it is not held back.
        """
        guard_ideas.override_overlap(
            account=self.account,
            idea_id=int(pk),
            reason=self.body(OverrideForm)["reason"],
            now=timezone.now(),
        )
        return self._detail(int(pk))

    @extend_schema(request=None, responses=IdeaDetailSerializer)
    @action(detail=True, methods=["post"], url_path="withdraw-override")
    def withdraw_override(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Let the verdict hold again. A repeat changes nothing."""
        guard_ideas.withdraw_override(account=self.account, idea_id=int(pk), now=timezone.now())
        return self._detail(int(pk))
