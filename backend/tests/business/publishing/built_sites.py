"""Built sites, and what is read of their pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lxml import html

from igny8_core.business.publishing.services.release_manifest import Media, Release, Reusable
from igny8_core.business.publishing.services.site_build import (
    Build,
    Earlier,
    render_site,
)
from tests.make import publishing as make

EVIL = "</script><script>alert(1)</script>&amp; \"quoted\" 'single' \u2028 ]]>"


def page(build: Build, path: str) -> html.HtmlElement:
    return html.document_fromstring(build.texts[path].decode())


def attribute(root: Any, query: str, name: str, ns: dict[str, str] | None = None) -> str:
    """An attribute of the one element that the query finds."""
    (found,) = root.findall(query, ns)
    return str(found.get(name))


def graph(root: html.HtmlElement) -> list[dict[str, Any]]:
    (script,) = root.findall(".//script")
    assert script.get("type") == "application/ld+json"
    found: list[dict[str, Any]] = json.loads(script.text or "")["@graph"]
    return found


def node(root: html.HtmlElement, kind: str) -> dict[str, Any]:
    (found,) = [n for n in graph(root) if n["@type"] == kind]
    return found


def through_bytes(build: Build) -> Earlier:
    """What the next build gets of this one, as it is on disk."""
    release = Release(build, version=1, base_url="b", contents={}, media=Media(Path()))
    return Reusable.from_bytes(release.reuse(), release.manifest()).earlier


def a_site(count: int = 5, **fields: Any) -> Build:
    return render_site(
        make.site_source(*(make.article_snapshot(n, **fields) for n in range(1, count + 1)))
    )
