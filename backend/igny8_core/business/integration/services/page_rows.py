"""A page of a site as a file tells it, and what can be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

MAX_PAGES = 500_000
MAX_PAGES_A_SITEMAP = 50_000
MAX_TEXT = 500
MAX_DESCRIPTION = 1_000
MAX_COUNT = 10**10


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


@dataclass(frozen=True, slots=True)
class PageIssue:
    """What happened to something that is no page, or to the file.

    :ivar count: of things that are told together, for example posts of one type.
    """

    row: int
    code: str
    text: str = ""
    severity: str = "warning"
    count: int = 1


@dataclass(slots=True)
class PageFile:
    """What kind of file it is; filled while it is read.

    :ivar kind: ``wxr``, ``sitemap``, ``crawl`` or ``gsc``: the source of its pages.
    """

    kind: str = ""
    title: str = ""
    report: dict[str, Any] = field(default_factory=dict)
