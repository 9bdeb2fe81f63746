"""One keyword by hand, and what a person says of keywords: figures, intent, attributes, flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from psycopg.types.json import Jsonb

from igny8_core.auth.selectors import sector as sector_of
from igny8_core.business.planning.models import KEYWORD_LENGTH, Keywords
from igny8_core.business.planning.services.import_rows import KnownKeywords, write_keywords
from igny8_core.business.planning.services.keyword_intents import brand_words, rule_intent
from igny8_core.business.planning.services.keyword_limit import take_keyword_room
from igny8_core.business.planning.services.keyword_merge import (
    figures,
    imported_intent,
    merge_sources,
)
from igny8_core.business.planning.services.keyword_rows import KeywordRow
from igny8_core.business.planning.services.sector_locks import lock_sector, lock_sectors_of
from igny8_core.business.planning.states import FigureKind, Intent, IntentSource
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.soft_delete import PlaceTaken, lock_rows
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.text_forms import display_form, is_readable, normal_form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Site
    from igny8_core.business.planning.services.keyword_merge import Source

PERSON = "person"
"""The tool of the one source that a person's own figures are."""

MAX_KEYWORDS_AT_ONCE = 500
OWN_ATTRIBUTES = "own"
"""Where a keyword's attributes hold what a person wrote; the rest comes from files."""

_encode = DjangoJSONEncoder().encode  # dates too
_FIGURES = (
    "volume",
    "volume_max",
    "volume_kind",
    "volume_observed_on",
    "difficulty",
    "difficulty_kind",
    "difficulty_observed_on",
    "cpc_minor",
    "cpc_currency",
)
_COLUMNS = {
    "volume": "bigint",
    "volume_max": "bigint",
    "volume_kind": "text",
    "volume_observed_on": "date",
    "difficulty": "float8",
    "difficulty_kind": "text",
    "difficulty_observed_on": "date",
    "cpc_minor": "bigint",
    "cpc_currency": "text",
    "intent": "text",
    "intent_source": "text",
    "intent_confidence": "float8",
    "attributes": "jsonb",
    "is_disabled": "bool",
    "is_pinned": "bool",
}
_NAMES = ", ".join(_COLUMNS)
_UPDATE = f"""
UPDATE planning_keywords k
   SET ({_NAMES}, updated_at) = ({", ".join(f"r.{name}" for name in _COLUMNS)}, %(now)s)
  FROM jsonb_to_recordset(%(rows)s)
       AS r (id bigint, {", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())})
 WHERE k.id = r.id AND k.account_id = %(account)s
"""  # noqa: S608 - constants of this module


class KeywordChanges(TypedDict, total=False):
    """What to change; what is not named stays.

    A person's figure goes before every file's; None takes it back. So does an empty intent, which
    gives it back to the file's labels and the wording.
    """

    volume: int | None
    difficulty: float | None
    intent: str
    attributes: dict[str, Any]
    is_disabled: bool
    is_pinned: bool


@tenant_atomic()
def add_keyword(
    *,
    account: Account,
    sector_id: int,
    keyword: str,
    changes: KeywordChanges | None = None,
    now: datetime,
) -> Keywords:
    """A new keyword of a sector, with what a person knows of it.

    :raises NotFound: no such sector of this account.
    :raises InvalidInput: the text is empty, too long or unreadable.
    :raises PlaceTaken: the sector has the keyword already, live or in the bin; ``data`` names it.
    :raises PlanLimitReached: the plan allows no more keywords.
    """
    shown, norm = _checked(keyword)
    take_keyword_room(account=account, wanted=1)
    lock_sector(account=account, sector_id=sector_id)
    sector = sector_of(account=account, sector_id=sector_id)
    _refuse_known(account, sector_id, norm)
    write_keywords(
        account=account,
        sector=sector,
        rows=[KeywordRow(0, shown, norm)],
        known=KnownKeywords({}, set()),
        tool=PERSON,
        import_id=0,
        keeps_deleted=False,
        now=now,
    )
    rows = Keywords.objects.for_account(account).filter(sector_id=sector_id, deleted_at=None)
    row: Keywords = rows.get(keyword_norm=norm)
    if changes:
        _change(account, sector.site, [row], changes, now=now)
    return row


@tenant_atomic()
def update_keywords(
    *, account: Account, ids: Sequence[int], changes: KeywordChanges, now: datetime
) -> list[Keywords]:
    """Change live keywords alike: all of them or none.

    :returns: the keywords, in the order of their ids.
    :raises NotFound: an id is unknown, in the bin, or another account's.
    :raises InvalidInput: no such intent, or more than :data:`MAX_KEYWORDS_AT_ONCE`.
    """
    if len(ids) > MAX_KEYWORDS_AT_ONCE:
        raise InvalidInput("too many keywords", ids=[f"At most {MAX_KEYWORDS_AT_ONCE} at once."])
    lock_sectors_of(Keywords, account=account, ids=ids)
    rows = lock_rows(Keywords, account=account, ids=ids)
    if gone := [row.pk for row in rows if row.is_deleted]:
        raise NotFound("no such keyword", id=gone[0])
    by_sector: dict[int, list[Keywords]] = {}
    for row in rows:
        by_sector.setdefault(row.sector_id, []).append(row)
    for sector_id, some in sorted(by_sector.items()):
        site = sector_of(account=account, sector_id=sector_id).site
        _change(account, site, some, changes, now=now)
    return rows


def _checked(keyword: str) -> tuple[str, str]:
    shown = display_form(keyword)
    norm = normal_form(shown)
    if not shown:
        raise InvalidInput("empty keyword", keyword=["A keyword holds at least one letter."])
    if not is_readable(shown):
        raise InvalidInput("unreadable keyword", keyword=["Holds characters that nobody can read."])
    if max(len(shown), len(norm)) > KEYWORD_LENGTH:
        raise InvalidInput("keyword too long", keyword=[f"At most {KEYWORD_LENGTH} characters."])
    return shown, norm


def _refuse_known(account: Account, sector_id: int, norm: str) -> None:
    rows = Keywords.objects.for_account(account).filter(sector_id=sector_id, keyword_norm=norm)
    known = rows.order_by("-deleted_at", "-pk")  # NULL first: the live one
    found = known.values_list("pk", "deleted_at").first()
    if found is None:
        return
    pk, deleted_at = found
    where = "in the sector already" if deleted_at is None else "in the bin: restore it"
    raise PlaceTaken(
        f"This keyword is {where}.",
        in_the_way=pk,
        keyword=[f"The keyword {pk} is {where}."],
    )


def _change(
    account: Account,
    site: Site,
    rows: Sequence[Keywords],
    changes: KeywordChanges,
    *,
    now: datetime,
) -> None:
    for row in rows:
        if "volume" in changes or "difficulty" in changes:
            _set_figures(row, changes, now)
        if "intent" in changes:
            _set_intent(row, changes["intent"], site)
        if "attributes" in changes:
            row.attributes = {**row.attributes, OWN_ATTRIBUTES: changes["attributes"]}
        row.is_disabled = changes.get("is_disabled", row.is_disabled)
        row.is_pinned = changes.get("is_pinned", row.is_pinned)
        row.updated_at = now
    if changes:
        found = [{"id": row.pk} | {name: getattr(row, name) for name in _COLUMNS} for row in rows]
        values: dict[str, Any] = {
            "rows": Jsonb(found, dumps=_encode),
            "account": account.pk,
            "now": now,
        }
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, values)


def _set_figures(row: Keywords, changes: KeywordChanges, now: datetime) -> None:
    """The person's source, made, changed or taken away; the figures follow from all sources."""
    known: list[Source] = row.attributes.get("sources", [])
    own: Source = next((dict(source) for source in known if _is_typed(source)), {})
    own = {name: own.get(name) for name in ("volume", "difficulty")}
    if "volume" in changes:
        own["volume"] = changes["volume"]
    if "difficulty" in changes:
        own["difficulty"] = changes["difficulty"]
    own = {name: value for name, value in own.items() if value is not None}
    sources = [source for source in known if not _is_typed(source)]
    if own:
        typed = {"tool": PERSON, "kind": FigureKind.TYPED.value, **own}
        sources = merge_sources(sources, [typed | {"observed_on": now.date().isoformat()}])
    row.attributes = {**row.attributes, "sources": sources}
    found = figures(sources)
    for name in _FIGURES:
        setattr(row, name, getattr(found, name))


def _is_typed(source: Source) -> bool:
    return source.get("tool") == PERSON and source["kind"] == FigureKind.TYPED


def _set_intent(row: Keywords, intent: str, site: Site) -> None:
    if intent:
        if intent not in Intent.values:
            raise InvalidInput(
                "no such intent", intent=[f"Choose one of {', '.join(Intent.values)}, or none."]
            )
        found = (Intent(intent).value, IntentSource.TYPED.value, 1.0)
    elif labels := row.attributes.get("intents"):
        found = imported_intent(labels)
    else:
        brands = brand_words(name=site.name, domain=site.domain)
        worded = rule_intent(row.keyword_norm, language=site.language, brands=brands)
        found = (worded.intent, worded.source, worded.confidence)
    row.intent, row.intent_source, row.intent_confidence = found
