"""Sites to build, articles on them, and releases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.text import slugify

from igny8_core.business.content.models import Content, Images
from igny8_core.business.content.snapshots import (
    ArticleSnapshot,
    AuthorSnapshot,
    ImageSnapshot,
    ImageVariant,
)
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.services.deploy_site import deploy_site
from igny8_core.business.publishing.services.releases import ReleaseFolder
from igny8_core.business.publishing.services.site_source import SiteIdentity, SiteSource
from tests.make.tenancy import account as make_account
from tests.make.tenancy import sector as make_sector
from tests.make.tenancy import site as make_site
from tests.make.tenancy import unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account, Sector

BASE_URL = "https://example.test/sites/1"
FIRST_DAY = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
BODY = (
    "<p>A sofa is a long decision. Measure the room first &amp; the door second.</p>"
    "<h2>How to measure</h2><p>Walk around it with a tape.</p>"
    "<h2>Which fabric lasts</h2><ul><li>Wool</li><li>Linen</li></ul>"
    "<h2>What it costs</h2><table><tbody><tr><th>Kind</th><th>Price</th></tr>"
    "<tr><td>Two seats</td><td>900</td></tr></tbody></table>"
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
    media = {path: sha256(path.encode()).hexdigest() for path in paths}
    return SiteSource(SiteIdentity(**values | identity), tuple(ordered), media)


def media_file(path: str, data: bytes = b"image") -> dict[str, Any]:
    """A file below MEDIA_ROOT, as an image lists it among its variants."""
    file = Path(settings.MEDIA_ROOT) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return {
        "path": path,
        "format": "webp",
        "width": 1200,
        "height": 630,
        "size_bytes": len(data),
    }


def article(sector: Sector, **fields: Any) -> Content:
    """An approved article in review with a cover: the next deployment publishes it."""
    title = fields.pop("title", None) or unique("Choosing a sofa")
    values: dict[str, Any] = {
        "slug": slugify(title),
        "html": BODY,
        "meta_title": title,
        "meta_description": "What to measure, which fabric lasts, and what a sofa costs.",
        "excerpt": "A short guide.",
        "word_count": 200,
        "status": "review",
        "approved_version": 1,
        "approved_at": FIRST_DAY,
        "primary_keyword": "sofa",
        "provenance": {"origin": "model", "is_demo": True, "reviewed_by": 1},
    }
    made: Content = Content.unscoped.create(
        account=sector.account, site=sector.site, sector=sector, title=title, **values | fields
    )
    return made


def cover(content: Content, data: bytes = b"image") -> Images:
    """A generated cover with one file."""
    file = media_file(f"covers/{content.pk}.webp", data)
    made: Images = Images.unscoped.create(
        content=content,
        image_type="featured",
        status="generated",
        path=file["path"],
        alt=f"Cover of {content.title}",
        width=1200,
        height=630,
        variants=[file],
        provenance={"origin": "rules"},
    )
    return made


def record(content: Content, **fields: Any) -> PublishingRecord:
    """A revision of the article on its way to WordPress."""
    values = {"destination": "wordpress", "idempotency_key": unique("record")}
    made: PublishingRecord = PublishingRecord.unscoped.create(content=content, **values | fields)
    return made


def deployment(sector: Sector, version: int = 1, **fields: Any) -> DeploymentRecord:
    """A version that is live by its row alone: no files were made."""
    values = {
        "status": "deployed",
        "version": version,
        "deployed_version": version,
        "deployed_at": FIRST_DAY,
        "build_hash": sha256(str(version).encode()).hexdigest(),
        "deployment_url": f"{BASE_URL}/",
        "manifest": {"files": 12, "size_bytes": 34_567, "contents": {}},
    }
    made: DeploymentRecord = DeploymentRecord.unscoped.create(
        account=sector.account, site=sector.site, sector=sector, **values | fields
    )
    return made


def sector(account: Account | None = None, **site: Any) -> Sector:
    """The one sector of a new site."""
    return make_sector(make_site(account or make_account(), **site))


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: datetime = FIRST_DAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


def deployed(
    sector: Sector, clock: Clock | None = None, *, fence: Callable[[], None] = lambda: None
) -> DeploymentRecord:
    """The sector's site, deployed."""
    return deploy_site(
        account=sector.account, site_id=sector.site_id, fence=fence, clock=clock or Clock()
    )


def folder(sector: Sector) -> ReleaseFolder:
    """The releases of the sector's site."""
    return ReleaseFolder(
        Path(settings.SITES_ROOT), account_id=sector.account_id, site_id=sector.site_id
    )
