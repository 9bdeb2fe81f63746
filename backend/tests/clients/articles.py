"""An article as adapters get it."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from igny8_core.clients.destinations import Article, Picture, Seo

PICTURE = b"picture bytes"
KEY = UUID("6f1c1d3e-0000-4000-8000-000000000001")


def article(revision: int = 1, **fields: Any) -> Article:
    """With a picture in its text; what a site calls its terms is up to the caller."""
    values: dict[str, Any] = {
        "title": f"Title {revision}",
        "slug": "a-title",
        "html": '<p>Text</p><img src="image-1">',
        "excerpt": "Short.",
        "seo": Seo("Seo", "Description"),
        "published_at": datetime(2026, 11, 1, tzinfo=UTC),
        "pictures": (picture(),),
    }
    return Article(revision, **values | fields)


def picture() -> Picture:
    return Picture(
        sha256=sha256(PICTURE).hexdigest(),
        file_name="a.webp",
        mime_type="image/webp",
        alt="Alt",
        caption="",
        width=8,
        height=8,
        load=lambda: PICTURE,
        is_featured=True,
        marker="image-1",
    )
