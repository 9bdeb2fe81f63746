"""One keyword of a file, and what the keyword's stored row takes from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services.keyword_merge import (
    MAX_SOURCES,
    Source,
    merge_attributes,
)
from igny8_core.business.planning.states import FigureKind

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class KeywordRow:
    """One keyword of a file. ``twins`` are later rows of the same keyword.

    :ivar trend: a JSON list of monthly figures, oldest first, null where unknown.
    :ivar trend_kind: ``absolute`` searches, or ``relative`` to the highest month.
    :ivar trend_end: the last month, ``2026-08``, when every month is named.
    :ivar sources: what an export of ours says of every source.
    """

    row: int
    keyword: str
    keyword_norm: str
    sheet: str = ""
    volume: int | None = None
    volume_max: int | None = None
    kind: str = FigureKind.UNKNOWN.value
    difficulty: float | None = None
    cpc: str | None = None
    cpc_currency: str = ""
    observed_on: str = ""
    intents: tuple[str, ...] = ()
    intents_other: tuple[str, ...] = ()
    serp_features: tuple[str, ...] = ()
    serp_urls: tuple[str, ...] = ()
    parent_keyword: str = ""
    position: float | None = None
    ranking_url: str = ""
    clicks: int | None = None
    impressions: int | None = None
    trend: str = ""
    trend_kind: str = ""
    trend_end: str = ""
    group: str = ""
    page: str = ""
    is_disabled: bool = False
    sources: list[Source] | None = None
    twins: list[KeywordRow] | None = None

    def attributes(self, *, tool: str, import_id: int) -> dict[str, Any]:
        """What the keyword's row stores of this row and of its twins."""
        found = self._own_attributes(tool, import_id)
        for twin in self.twins or ():
            found = merge_attributes(found, twin.attributes(tool=tool, import_id=import_id))
        return found

    def groups(self) -> Iterable[tuple[str, str]]:
        """(group, page) of this row and its twins, the first one first."""
        for row in (self, *(self.twins or ())):
            if row.group:
                yield row.group, row.page

    def _own_sources(self, tool: str, import_id: int) -> list[Source]:
        if self.sources is not None:
            mark = {"import": import_id, "row": self.row}
            return [source | mark for source in self.sources[:MAX_SOURCES]]
        source: Source = {"tool": tool, "import": import_id, "row": self.row, "kind": self.kind}
        if self.volume is not None:
            source["volume"] = self.volume
        if self.volume_max is not None:
            source["volume_max"] = self.volume_max
        if self.difficulty is not None:
            source["difficulty"] = self.difficulty
        if self.cpc is not None:
            source["cpc"] = self.cpc
            if self.cpc_currency:
                source["cpc_currency"] = self.cpc_currency
        if self.observed_on:
            source["observed_on"] = self.observed_on
        if self.trend:
            source["trend"] = json.loads(self.trend)
            source["trend_kind"] = self.trend_kind
            if self.trend_end:
                source["trend_end"] = self.trend_end
        return [source]

    def _own_attributes(self, tool: str, import_id: int) -> dict[str, Any]:
        found: dict[str, Any] = {"sources": self._own_sources(tool, import_id)}
        if self.intents:
            found["intents"] = sorted(self.intents)
        if self.intents_other:
            found["intents_other"] = sorted(self.intents_other)
        if self.serp_features:
            found["serp_features"] = sorted(self.serp_features)
        if self.serp_urls:
            found["serp_urls"] = list(self.serp_urls)
        if self.parent_keyword:
            found["parent_keyword"] = self.parent_keyword
        if self.position is not None:
            found["position"] = self.position
            if self.ranking_url:
                found["ranking_url"] = self.ranking_url
        if self.clicks is not None:
            found["clicks"] = self.clicks
        if self.impressions is not None:
            found["impressions"] = self.impressions
        return found
