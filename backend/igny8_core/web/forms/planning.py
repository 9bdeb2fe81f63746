"""What the planner's screens are asked for: filters out of addresses, options out of forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.http import QueryDict

from igny8_core.business.planning.list_selectors import QUICK_WIN_DIFFICULTY, QUICK_WIN_VOLUME
from igny8_core.business.planning.selectors import KEYWORD_SORTS, UNKNOWN_INTENT, KeywordFilters
from igny8_core.business.planning.services.bulk_keywords import MAX_TICKED, Target
from igny8_core.business.planning.services.keyword_options import ReadOptions
from igny8_core.business.planning.states import Intent, KeywordStatus
from igny8_core.web.lists import ids_of, one_of, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from igny8_core.auth.models import Site

VIEWS: Final = {
    "all": ("All keywords", ""),
    "new": ("Unclustered", ""),
    "quick": (
        "Quick wins",
        f"&volume_min={QUICK_WIN_VOLUME}&difficulty_max={QUICK_WIN_DIFFICULTY}",
    ),
    "mapped": ("Mapped", ""),
    "disabled": ("Disabled", ""),
}
"""Built-in views by key: a label, and filters that their link sets for a person to change."""

INTENTS: Final = [*((i.value, i.label) for i in Intent), (UNKNOWN_INTENT, "Unknown")]
STATUS_OF_VIEW: Final = {"new": KeywordStatus.NEW.value, "mapped": KeywordStatus.MAPPED.value}
DIFFICULTY_TOP: Final = 100


@dataclass(frozen=True)
class KeywordQuery:
    """What a keyword list is asked for.

    :ivar view: one of :data:`VIEWS`.
    :ivar saved: id of a person's own view that the link came from; it only marks its tab.
    """

    filters: KeywordFilters
    view: str = "all"
    saved: int | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the view narrows the list down."""
        bare = KeywordFilters(
            status=self.filters.status, is_disabled=self.filters.is_disabled, sort=self.filters.sort
        )
        return self.filters != bare


def keyword_query(query: QueryDict) -> KeywordQuery:
    """The filters of an address; what cannot be is left out."""
    view = one_of(query, "view", VIEWS) or "all"
    difficulty = (whole(query, "difficulty_min"), whole(query, "difficulty_max"))
    filters = KeywordFilters(
        q=text(query, "q"),
        status=STATUS_OF_VIEW.get(view, ""),
        intent=one_of(query, "intent", dict(INTENTS)),
        volume_min=whole(query, "volume_min"),
        volume_max=whole(query, "volume_max"),
        difficulty_min=None if difficulty[0] is None else min(difficulty[0], DIFFICULTY_TOP),
        difficulty_max=None if difficulty[1] is None else min(difficulty[1], DIFFICULTY_TOP),
        cluster_id=whole(query, "cluster"),
        is_disabled=view == "disabled",
        sort=one_of(query, "sort", KEYWORD_SORTS) or "-volume",
    )
    return KeywordQuery(filters, view, whole(query, "saved"))


def address_of(filters: Mapping[str, Any], sort: str, saved: int) -> str:
    """The query string that shows a saved view: its filters, spelled out."""
    query = QueryDict(mutable=True)
    query["saved"] = str(saved)
    by_status = {status: view for view, status in STATUS_OF_VIEW.items()}
    view = "disabled" if filters.get("is_disabled") else by_status.get(filters.get("status", ""))
    if view:
        query["view"] = view
    names = {"cluster_id": "cluster"}
    for name, value in filters.items():
        if name not in {"status", "is_disabled"} and value not in {None, ""}:
            query[names.get(name, name)] = f"{value:g}" if isinstance(value, float) else str(value)
    if sort:
        query["sort"] = sort
    return query.urlencode()


def keyword_target(data: QueryDict) -> Target:
    """Which keywords a bulk act means: ticked ids, or the whole of the filter.

    :raises BulkInvalid: neither.
    """
    query = QueryDict(data.get("query", ""))
    if data.get("scope") == "matching":
        return Target(filters=keyword_query(query).filters)
    return Target(ids=ids_of(data.get("ids", ""), limit=MAX_TICKED))


def read_options(data: QueryDict, site: Site) -> ReadOptions:
    """What a person says about a file.

    :raises ImportOptionInvalid: names the option.
    """
    country = text(data, "country").upper()
    columns = {
        name.removeprefix("column-"): text(data, name)
        for name in data
        if name.startswith("column-") and data[name] != "="
    }
    marks = {
        name.removeprefix("mark-"): text(data, name)
        for name in data
        if name.startswith("mark-") and data[name]
    }
    return ReadOptions(
        country=country or site.country_code,
        country_is_default=not country and bool(site.country_code),
        is_plain_list=data.get("is_plain_list") == "1",
        columns=columns,
        decimal_marks=marks,
        encoding=text(data, "encoding"),
        keeps_deleted=data.get("brings_deleted_back") != "1",
        keeps_groups=data.get("keeps_groups") == "1",
        ignores_file_market=data.get("ignores_file_market") == "1",
        min_volume=whole(data, "min_volume"),
        excludes=tuple(word for word in data.get("excludes", "").splitlines() if word.strip()),
    )
