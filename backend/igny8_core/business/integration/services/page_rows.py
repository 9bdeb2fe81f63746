"""What a reader of page files finds beside pages, and its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from igny8_core.business.content.services.page_rows import PageRow

__all__ = ["PageFile", "PageIssue", "PageRow"]

MAX_PAGES = 500_000
MAX_PAGES_A_SITEMAP = 50_000
MAX_TEXT = 500
MAX_DESCRIPTION = 1_000
MAX_COUNT = 10**10


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
