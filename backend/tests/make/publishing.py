"""Sites to build, articles on them, and releases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from igny8_core.business.content.snapshots import (
    ArticleSnapshot,
    AuthorSnapshot,
    ImageSnapshot,
    ImageVariant,
)
from igny8_core.business.publishing.services.site_source import SiteIdentity, SiteSource

BASE_URL = "https://example.test/sites/1"
FIRST_DAY = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
BODY = (
    "<p>A sofa is a long decision. Measure the room first &amp; the door second.</p>"
    "<h2>How to measure</h2><p>Walk around it with a tape.</p>"
    "<h2>Which fabric lasts</h2><ul><li>Wool</li><li>Linen</li></ul>"
    "<h2>What it costs</h2><table><tr><th>Kind</th><th>Price</th></tr>"
    "<tr><td>Two seats</td><td>900</td></tr></table>"
)


def image_snapshot(number: int = 1, **fields: Any) -> ImageSnapshot:
    """A cover with three sizes; its files do not exist unless a test makes them."""
    variants = tuple(
        ImageVariant(f"covers/{number}-{width}.webp", "webp", width, width * 630 // 1200, width)
        for width in (1200, 800, 400)
    )
    values: dict[str, Any] = {
        "id": number,
        "image_type": "featured",
        "position": 0,
        "alt": f"Cover of article {number}",
        "caption": "",
        "width": 1200,
        "height": 630,
        "variants": variants,
        "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
    }
    return ImageSnapshot(**values | fields)


def article_snapshot(number: int = 1, **fields: Any) -> ArticleSnapshot:
    """A published article; ``number`` makes everything of it its own."""
    published_at = FIRST_DAY + timedelta(hours=number)
    values: dict[str, Any] = {
        "id": number,
        "revision": 1,
        "title": f"Choosing sofa number {number}",
        "slug": f"choosing-sofa-{number}",
        "html": BODY,
        "meta_title": f"Choosing sofa number {number}: what to look at",
        "meta_description": f"What to measure, which fabric lasts and what sofa {number} costs.",
        "excerpt": f"A short guide to sofa number {number}.",
        "language": "en",
        "content_type": "post",
        "content_structure": "article",
        "sector_id": 1,
        "cluster_id": 1,
        "cluster_name": "leather sofas",
        "role": "supporting",
        "keywords": ("leather sofa", "sofa"),
        "terms": (),
        "published_at": published_at,
        "updated_at": published_at,
        "word_count": 640,
        "reading_minutes": 3,
        "images": (image_snapshot(number),),
        "faq": (),
        "author": AuthorSnapshot(name="Sofa House", kind="Organization", url=""),
        "disclosure": "Written by the built-in demo model",
        "digital_source_type": (
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
        ),
        "is_demo_text": True,
        "related_ids": (),
    }
    return ArticleSnapshot(**values | fields)


def site_source(*articles: ArticleSnapshot, **identity: Any) -> SiteSource:
    """A site of these articles, newest first."""
    values: dict[str, Any] = {"name": "Sofa House", "base_url": BASE_URL, "country_code": "GB"}
    ordered = sorted(articles, key=lambda a: (a.published_at, a.id), reverse=True)
    paths = {v.path for a in ordered for i in a.images for v in i.variants}
    media = {path: f"{abs(hash_of(path)):064x}"[:64] for path in paths}
    return SiteSource(SiteIdentity(**values | identity), tuple(ordered), media)


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return int.from_bytes(text.encode()[-16:])
