"""A page of a site as a file or a crawl tells it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(slots=True)
class PageRow:
    """One page. None and "" are unknown, and never replace what is known.

    :ivar post: what a WordPress export says beyond the page itself.
    """

    row: int
    url: str
    title: str = ""
    h1: str = ""
    meta_description: str = ""
    focus_keyword: str = ""
    language: str = ""
    word_count: int | None = None
    status_code: int | None = None
    is_indexable: bool | None = None
    canonical_url: str = ""
    last_modified_at: datetime | None = None
    clicks: int | None = None
    impressions: int | None = None
    position: float | None = None
    post: dict[str, Any] | None = None
