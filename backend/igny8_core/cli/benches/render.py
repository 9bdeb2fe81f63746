"""Build a static site of many articles, then once more with one of them changed."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.django_setup import setup_django

if TYPE_CHECKING:
    from igny8_core.business.content.snapshots import ArticleSnapshot
    from igny8_core.business.publishing.services.release_manifest import Manifest
    from igny8_core.business.publishing.services.releases import ReleaseFolder

OPTIONS = [
    click.Option(
        ["--pages"],
        type=click.IntRange(1, 100_000),
        default=1_000,
        show_default=True,
        help="Articles; each has a cover in two sizes.",
    ),
]
ARTICLES_OF_A_TOPIC = 12
PARAGRAPHS = 12
COVER_BYTES = 12_000
WIDTHS = (1200, 600)
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
PARAGRAPH = (
    "<p>A piece of furniture is judged twice: on the day it comes through the door, and ten years"
    " later. Measure the room, the door and the way between them; then look at <em>what it is made"
    " of</em>, how it was finished and <strong>what holds it together</strong>.</p>"
)
LIST = "<ul><li>Full grain: lasts longest.</li><li>Top grain: a compromise.</li></ul>"


@dataclass(frozen=True)
class _Bench:
    folder: ReleaseFolder
    media_root: Path

    def deploy(self, articles: list[ArticleSnapshot], version: int) -> tuple[Manifest, float, int]:
        """One version: read, render, check, write with fsync, move the pointer.

        :returns: its manifest, the seconds, and how many pages were taken over.
        """
        from igny8_core.business.publishing.services.release_manifest import Media, Release
        from igny8_core.business.publishing.services.site_build import render_site
        from igny8_core.business.publishing.services.site_source import SiteIdentity, SiteSource

        began = time.perf_counter()
        earlier = version - 1 or None
        if earlier and not self.folder.is_sound(earlier):
            raise AssertionError("the earlier version is damaged")
        reusable = self.folder.reusable(earlier)
        media = Media(self.media_root, reusable.digests)
        paths = [v.path for a in articles for i in a.images for v in i.variants]
        identity = SiteIdentity(name="Bench", base_url="https://bench.test")
        source = SiteSource(identity, tuple(articles), {p: media.sha256(p) for p in paths})
        build = render_site(source, earlier=reusable.earlier)
        manifest = self.folder.write(
            Release(
                build=build,
                version=version,
                base_url=identity.base_url,
                contents={},
                media=media,
                earlier=earlier,
            )
        )
        self.folder.switch(version, expected=self.folder.pointer())
        return manifest, time.perf_counter() - began, len(build.reused)


def run(*, pages: int) -> dict[str, Any]:
    """Two deployments of a site from memory to disk; one JSON object.

    :returns: ``full_seconds`` with ``pages_per_second`` (articles), ``incremental_seconds`` (the
        text and title of one article changed) and their ratio; ``bytes`` of the release.
    """
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as root:
        setup_django(Path(root))
        from igny8_core.business.publishing.services.releases import ReleaseFolder

        media_root = Path(root) / "media"
        articles = [_article(number, media_root) for number in range(1, pages + 1)]
        bench = _Bench(ReleaseFolder(Path(root) / "sites", account_id=1, site_id=1), media_root)
        manifest, full, _reused = bench.deploy(articles, 1)
        place = pages // 2
        old = articles[place]
        articles[place] = replace(old, title=f"{old.title}, revised", html=old.html + PARAGRAPH)
        changed, incremental, reused = bench.deploy(articles, 2)
    return {
        "benchmark": "render",
        "cores": os.cpu_count(),
        "pages": pages,
        "files": len(manifest.files),
        "bytes": manifest.size_bytes,
        "full_seconds": round(full, 3),
        "pages_per_second": round(pages / full, 1),
        "incremental_seconds": round(incremental, 3),
        "incremental_share": round(incremental / full, 4),
        "files_changed": sum(
            manifest.files.get(path) != entry for path, entry in changed.files.items()
        ),
        "pages_taken_over": reused,
    }


def _article(number: int, media_root: Path) -> ArticleSnapshot:
    from igny8_core.business.content.snapshots import (
        TRAINED_MEDIA,
        ArticleSnapshot,
        AuthorSnapshot,
        reading_minutes,
    )

    topic = number // ARTICLES_OF_A_TOPIC + 1
    sections = [
        f"<h2>Part {part} of {number}</h2>{PARAGRAPH * 2}{LIST}"
        for part in range(1, PARAGRAPHS // 2 + 1)
    ]
    when = FIRST_DAY + timedelta(hours=number)
    return ArticleSnapshot(
        id=number,
        revision=1,
        title=f"Choosing furniture, part {number}",
        slug=f"choosing-furniture-{number}",
        html="".join(sections),
        meta_title=f"Choosing furniture, part {number}: what to look at",
        meta_description="What to measure, what lasts, and what it costs: the short version.",
        excerpt="What to measure, what lasts, and what it costs.",
        language="en",
        content_type="post",
        content_structure="article",
        sector_id=1,
        cluster_id=topic,
        cluster_name=f"topic {topic}",
        role="hub" if number % ARTICLES_OF_A_TOPIC == 0 else "supporting",
        keywords=(f"furniture {number}",),
        terms=(),
        published_at=when,
        updated_at=when,
        word_count=900,
        reading_minutes=reading_minutes(900),
        images=(_cover(number, media_root),),
        faq=(),
        author=AuthorSnapshot(name="Bench", kind="Organization", url=""),
        disclosure="Written by the built-in demo model",
        digital_source_type=TRAINED_MEDIA,
        is_demo_text=True,
        related_ids=(),
    )


def _cover(number: int, media_root: Path) -> Any:
    """A cover whose files have bytes of their own; nobody looks at them."""
    from igny8_core.business.content.snapshots import ImageSnapshot, ImageVariant

    variants = []
    for width in WIDTHS:
        path = f"covers/{number}-{width}.webp"
        size = COVER_BYTES * width // WIDTHS[0]
        data = hashlib.shake_128(path.encode()).digest(size)
        (media_root / path).parent.mkdir(parents=True, exist_ok=True)
        (media_root / path).write_bytes(data)
        variants.append(ImageVariant(path, "webp", width, width * 630 // 1200, size))
    return ImageSnapshot(
        id=number,
        image_type="featured",
        position=0,
        alt=f"Cover {number}",
        caption="",
        width=WIDTHS[0],
        height=630,
        variants=tuple(variants),
        digital_source_type="",
    )
