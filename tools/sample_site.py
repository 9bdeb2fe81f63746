"""A site to look at: real covers, real markup, every kind of page. Needs no database.

``python tools/sample_site.py --port 8123 [--theme gazette]`` serves it on loopback exactly as the
web server would, until its input ends; the first line on standard output is its address.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, demo_app, make_server

ROOT = Path(__file__).resolve().parent.parent
FIRST = datetime(2026, 9, 1, 8, tzinfo=UTC)
TOPICS = {
    "Leather sofas": (
        ("Leather sofas: how to choose one that lasts twenty years", "hub"),
        ("Full grain, top grain, bonded: what the words mean", "supporting"),
        ("How to clean a leather sofa without ruining it", "supporting"),
        ("Why leather cracks, and what to do about it in time", "supporting"),
        ("The best leather colours for a bright room", "supporting"),
    ),
    "Small living rooms": (
        ("Furnishing a small living room, step by step", "hub"),
        ("How much space a sofa really needs", "supporting"),
        ("Seven layouts for rooms under fifteen square metres", "supporting"),
        ("Light, mirrors and other tricks that work", "supporting"),
    ),
    "Solid wood tables": (
        ("Oak, walnut or ash: a table for every day", "supporting"),
        ("Oiling a table top the right way", "supporting"),
        ("How to measure for a dining table", "supporting"),
    ),
    "Outdoor furniture": (("Teak outdoors: what rain and sun do to it", "supporting"),),
}
BODY = """
<p>A good {noun} is judged twice: on the day it comes through the door, and ten years later. Most
of what decides about the second day can be seen on the first, if you know where to look. Measure
the room, the door and the way between them; then look at what it is made of, and
<strong>what holds it together</strong>.</p>
<h2>What to look at first</h2>
<p>Turn it over. A frame of solid beech with <em>glued and screwed</em> corner blocks tells you more
than any label. Press the seat with your hand and wait: foam with a density of 35 kg/m³ or more
comes back at once, and it will still do so in year eight.</p>
<ul><li>Joints that are doweled, not only stapled.</li><li>Feet that can be replaced.</li>
<li>Covers with a zip on the hidden side.</li></ul>
<h2>The materials, compared</h2>
<table><caption>What lasts, and what it costs</caption><thead><tr><th>Material</th><th>Years</th>
<th>Care</th><th>Price per seat</th></tr></thead><tbody>
<tr><td>Full grain leather</td><td>20+</td><td>Twice a year</td><td>€ 900</td></tr>
<tr><td>Wool blend</td><td>12</td><td>Vacuum weekly</td><td>€ 450</td></tr>
<tr><td>Polyester</td><td>6</td><td>Machine wash</td><td>€ 220</td></tr></tbody></table>
<blockquote><p>Buy the frame for life and the cover for a decade.</p>
<footer><cite>An upholsterer from Bielefeld</cite></footer></blockquote>
<h2>How to measure</h2>
<p>Walk the way from the street with a tape. The narrowest door minus five centimetres is the
largest package that will arrive. See <a href="{link}">{link_title}</a> for the details.</p>
<h3>Three numbers you need</h3>
<ol><li>Depth of the seat: 52 to 58 cm for most people.</li><li>Height of the seat: 43 to 47 cm.
</li><li>Clear way in front: at least 70 cm.</li></ol>
<h2>Questions people ask</h2>
<details><summary>How long should it take to decide?</summary><p>Sit on it for ten minutes, with a
book. What hurts after ten minutes hurts every evening.</p></details>
<details><summary>Is a five-year warranty enough?</summary><p>On the cover, yes. On the frame, ask
for ten.</p></details>
<p>And one last thing: keep the receipt, and a swatch of the cover.</p>
"""


def articles(media: Path) -> list[Any]:
    """Articles of four topics, with covers as the product draws them."""
    from django.utils.text import slugify

    from igny8_core.business.content.snapshots import (
        TRAINED_MEDIA,
        ArticleSnapshot,
        AuthorSnapshot,
        reading_minutes,
    )

    titles = [(topic, *row) for topic, rows in TOPICS.items() for row in rows]
    made = []
    for number, (topic, title, role) in enumerate(titles, start=1):
        other = titles[number % len(titles)][1]
        when = FIRST + timedelta(days=5 * number, hours=number)
        body = BODY.format(
            noun=topic.lower().rstrip("s"), link=f"/articles/{slugify(other)}/", link_title=other
        )
        excerpt = "What decides about the next ten years, and how to see it on the first day."
        made.append(
            ArticleSnapshot(
                id=number, revision=1, title=title, slug=slugify(title), html=body,
                meta_title=title[:60], meta_description=f"{excerpt} With sizes, prices and care.",
                excerpt=excerpt, language="en", content_type="post", content_structure="article",
                sector_id=1, cluster_id=list(TOPICS).index(topic) + 1, cluster_name=topic,
                role=role, keywords=(topic.lower(),), terms=(), published_at=when,
                updated_at=when + timedelta(days=3 if number % 3 == 0 else 0),
                word_count=640, reading_minutes=reading_minutes(640),
                images=tuple(images(number, topic, title, media)), faq=(),
                author=AuthorSnapshot("Mara Lindqvist", "Person", ""),
                disclosure="Written with the help of a language model, reviewed by a person",
                digital_source_type=TRAINED_MEDIA, is_demo_text=False, related_ids=(),
            )
        )  # fmt: skip
    return sorted(made, key=lambda a: (a.published_at, a.id), reverse=True)


def images(number: int, topic: str, title: str, media: Path) -> list[Any]:
    """A cover, and in every third article a picture inside."""
    from igny8_core.business.content.services.covers import CoverOrder, draw_cover, encode
    from igny8_core.business.content.snapshots import ImageSnapshot, ImageVariant

    found = []
    for kind in ("featured", *(["in_article"] if number % 3 == 1 else [])):
        cover = draw_cover(CoverOrder(title=title, topic=topic + kind, site_name="Sofa House"))
        variants = []
        for image in encode(cover.picture, description=title):
            path = f"{number}-{kind}-{image.width}.{image.format}"
            (media / path).write_bytes(image.data)
            variants.append(
                ImageVariant(path, image.format, image.width, image.height, len(image.data))
            )
        variants.sort(key=lambda v: (-v.width, v.format))
        caption = "A pattern for the topic, drawn by rule." if kind == "in_article" else ""
        found.append(
            ImageSnapshot(
                number, kind, 0, f"Cover: {title}", caption, 1200, 630, tuple(variants), ""
            )
        )
    return found


def build(root: Path, **identity: Any) -> Any:
    """The sample as a release that is live in a folder below ``root``."""
    from igny8_core.business.publishing.services.release_manifest import Media, Release
    from igny8_core.business.publishing.services.releases import ReleaseFolder
    from igny8_core.business.publishing.services.site_build import render_site
    from igny8_core.business.publishing.services.site_source import SiteIdentity, SiteSource

    (root / "media").mkdir(parents=True)
    media = Media(root / "media")
    made = articles(media.root)
    values = {"name": "Sofa House", "country_code": "GB", "has_llms_txt": True, **identity}
    paths = [v.path for a in made for i in a.images for v in i.variants]
    source = SiteSource(SiteIdentity(**values), tuple(made), {p: media.sha256(p) for p in paths})
    folder = ReleaseFolder(root / "sites", account_id=1, site_id=1)
    folder.write(
        Release(
            render_site(source), version=1, base_url=values["base_url"], contents={}, media=media
        )
    )
    folder.switch(1, expected=folder.pointer())
    return folder


class Quiet(WSGIRequestHandler):
    """Says nothing of requests."""

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


class Threaded(ThreadingMixIn, WSGIServer):
    """A thread for each request: a browser asks for several files at a time."""

    daemon_threads = True


def application(folder: Any) -> Any:
    """A WSGI application with the web app's own answers, compressed as there."""
    from django.core.handlers.wsgi import WSGIRequest
    from django.middleware.gzip import GZipMiddleware

    from igny8_core.business.publishing.services.serving import found_in
    from igny8_core.web.views.sites import answer

    manifest = folder.manifest(1)

    def respond(request: Any) -> Any:
        return answer(request, found_in(folder, manifest, request.path.lstrip("/")))

    middleware = GZipMiddleware(respond)

    def serve(environ: dict[str, Any], start: Any) -> list[bytes]:
        response = middleware(WSGIRequest(environ))
        start(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]

    return serve


def main() -> None:
    """Build, serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--theme", default="default")
    parser.add_argument("--scheme", default="auto")
    parser.add_argument("--language", default="en")
    chosen = parser.parse_args()
    sys.path[:0] = [str(ROOT / "backend"), str(ROOT)]
    os.environ["DJANGO_SETTINGS_MODULE"] = "igny8_core.settings.test"
    with tempfile.TemporaryDirectory(prefix="igny8-sample-") as place:
        os.environ["IGNY8_DATA_DIR"] = place
        import django

        django.setup()
        server = make_server("127.0.0.1", chosen.port, demo_app, Threaded, Quiet)
        base_url = f"http://127.0.0.1:{server.server_port}"
        folder = build(
            Path(place) / "sample",
            base_url=base_url,
            theme=chosen.theme,
            colour_scheme=chosen.scheme,
            language=chosen.language,
        )
        server.set_app(application(folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(base_url, flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
