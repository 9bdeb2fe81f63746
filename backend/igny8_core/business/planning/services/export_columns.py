"""The columns of an export of keywords: what our own importer reads back with equal values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services.keyword_merge import effective_source, effective_trend
from igny8_core.business.planning.services.keyword_own import sources_text
from igny8_core.business.planning.services.keyword_trends import trend_text
from igny8_core.business.planning.states import FigureKind, IntentSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Sector
    from igny8_core.business.planning.models import Keywords


@dataclass(slots=True)
class ExportedKeyword:
    """A keyword as an export sees it.

    :ivar imported: when each import of the sector was made.
    """

    row: Keywords
    sector: Sector
    cluster: str
    imported: Mapping[int, datetime]

    @property
    def sources(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.row.attributes.get("sources", [])
        return found

    def attribute(self, name: str) -> Any:
        return self.row.attributes.get(name)


def _joined(values: list[str] | None) -> str:
    return ", ".join(values or ())


def _volume_min(keyword: ExportedKeyword) -> int | None:
    is_range = keyword.row.volume_kind == FigureKind.RANGE
    return keyword.row.volume if is_range else None


def _cpc(keyword: ExportedKeyword) -> str | None:
    source = effective_source(keyword.sources, "cpc")
    if source is not None:
        return str(source["cpc"])
    minor = keyword.row.cpc_minor
    return None if minor is None else f"{minor // 100}.{minor % 100:02}"


def _intents(keyword: ExportedKeyword) -> str:
    """What a file or a person said; what rules made of the wording they make again."""
    other = keyword.attribute("intents_other") or []
    if keyword.row.intent_source == IntentSource.TYPED:
        return _joined([keyword.row.intent, *other] if keyword.row.intent else other)
    return _joined([*(keyword.attribute("intents") or []), *other])


def _imported(keyword: ExportedKeyword, pick: Callable[[list[datetime]], datetime]) -> str:
    known = [
        moment
        for source in keyword.sources
        if (moment := keyword.imported.get(source.get("import", 0))) is not None
    ]
    return pick(known).date().isoformat() if known else ""


KEYWORD_COLUMNS: dict[str, tuple[str, Callable[[ExportedKeyword], Any]]] = {
    "keyword": ("Keyword", lambda k: k.row.keyword),
    "country": ("Country", lambda k: k.sector.site.country_code),
    "language": ("Language", lambda k: k.sector.site.language),
    "sector": ("Sector", lambda k: k.sector.name),
    "cluster": ("Cluster", lambda k: k.cluster),
    "status": ("Status", lambda k: k.row.status),
    "is_disabled": ("Disabled", lambda k: k.row.is_disabled),
    "volume": ("Volume", lambda k: k.row.volume),
    "volume_min": ("Volume min", _volume_min),
    "volume_max": ("Volume max", lambda k: k.row.volume_max),
    "volume_kind": ("Volume kind", lambda k: k.row.volume_kind),
    "volume_sources": ("Volume sources", lambda k: sources_text(k.sources) if k.sources else ""),
    "difficulty": ("Difficulty", lambda k: k.row.difficulty),
    "cpc": ("CPC", _cpc),
    "cpc_currency": ("CPC currency", lambda k: k.row.cpc_currency),
    "intents": ("Intents", _intents),
    "serp_features": ("SERP features", lambda k: _joined(k.attribute("serp_features"))),
    "trend": ("Trend", lambda k: trend_text(effective_trend(k.sources))[0]),
    "trend_end": ("Trend end", lambda k: trend_text(effective_trend(k.sources))[1]),
    "parent_keyword": ("Parent keyword", lambda k: k.attribute("parent_keyword")),
    "position": ("Position", lambda k: k.attribute("position")),
    "ranking_url": ("Ranking URL", lambda k: k.attribute("ranking_url")),
    "clicks": ("Clicks", lambda k: k.attribute("clicks")),
    "impressions": ("Impressions", lambda k: k.attribute("impressions")),
    "first_imported": ("First imported", lambda k: _imported(k, min)),
    "last_imported": ("Last imported", lambda k: _imported(k, max)),
}
"""By name: the column's header, and its cell. Names are those of saved views."""

CLUSTER_COLUMNS = {
    "id": "Id",
    "name": "Name",
    "description": "Description",
    "status": "Status",
    "source": "Source",
    "intent": "Intent",
    "keywords_count": "Keywords",
    "volume": "Volume",
    "mapped_pages": "Pages",
    "is_disabled": "Disabled",
    "is_locked": "Locked",
    "created_at": "Created at",
}
IDEA_COLUMNS = {
    "id": "Id",
    "title": "Title",
    "cluster_id": "Cluster id",
    "cluster": "Cluster",
    "status": "Status",
    "content_type": "Type",
    "content_structure": "Structure",
    "role": "Role",
    "target_keyword": "Target keyword",
    "keywords": "Keywords",
    "intent": "Intent",
    "volume": "Volume",
    "estimated_words": "Words",
    "estimated_credits": "Credits",
    "reason": "Reason",
    "source": "Source",
    "created_at": "Created at",
    "queued_at": "Queued at",
    "completed_at": "Completed at",
}
