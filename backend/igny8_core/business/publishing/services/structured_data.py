"""JSON-LD: one graph a page, and no text that can leave it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ESCAPES: Final = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


def script_json(value: Any) -> Markup:
    """JSON that stays inside a script element whatever a title holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Markup(text.translate(_ESCAPES))  # noqa: S704 - the five escapes above


def graph(*nodes: Mapping[str, Any]) -> Markup:
    """A page's graph."""
    return script_json({"@context": "https://schema.org", "@graph": list(nodes)})


def website(site: Mapping[str, Any]) -> dict[str, Any]:
    """The site itself."""
    return {
        "@type": "WebSite",
        "@id": f"{site['url']}#website",
        "url": site["url"],
        "name": site["name"],
        "description": site["tagline"],
        "inLanguage": site["language"],
        "publisher": {"@id": f"{site['url']}#organization"},
    }


def organization(site: Mapping[str, Any]) -> dict[str, Any]:
    """Who publishes the site."""
    return {
        "@type": "Organization",
        "@id": f"{site['url']}#organization",
        "name": site["name"],
        "url": site["url"],
        "logo": {"@type": "ImageObject", "url": site["icon_url"]},
    }


def breadcrumbs(crumbs: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The way from the home page to this one."""
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": number, "name": c["name"], "item": c["url"]}
            for number, c in enumerate(crumbs, start=1)
        ],
    }


def article(site: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, Any]:
    """The article that a page shows."""
    node = {
        "@type": "BlogPosting",
        "@id": f"{page['url']}#article",
        "mainEntityOfPage": page["url"],
        "headline": page["heading"],
        "description": page["description"],
        "datePublished": page["published"],
        "dateModified": page["modified"],
        "inLanguage": page["language"],
        "wordCount": page["words"],
        "author": _author(site, page["author"]),
        "publisher": {"@id": f"{site['url']}#organization"},
        "isPartOf": {"@id": f"{site['url']}#website"},
    }
    if page["keywords"]:
        node["keywords"] = page["keywords"]
    if page["topic"]:
        node["articleSection"] = page["topic"]["name"]
    if page["digital_source_type"]:
        node["digitalSourceType"] = page["digital_source_type"]
    if page["cover"]:
        node["image"] = [_image(page["cover"])]
    return node


def collection(page: Mapping[str, Any], site: Mapping[str, Any]) -> dict[str, Any]:
    """A page that lists others."""
    return {
        "@type": "CollectionPage",
        "@id": f"{page['url']}#page",
        "url": page["url"],
        "name": page["heading"],
        "description": page["description"],
        "inLanguage": site["language"],
        "isPartOf": {"@id": f"{site['url']}#website"},
    }


def _author(site: Mapping[str, Any], author: Mapping[str, str]) -> dict[str, Any]:
    if author["kind"] == "Organization" and author["name"] == site["name"]:
        return {"@type": "Organization", "name": site["name"], "url": site["url"]}
    named = {"@type": author["kind"], "name": author["name"]}
    return named | ({"url": author["url"]} if author["url"] else {})


def _image(picture: Mapping[str, Any]) -> dict[str, Any]:
    node = {
        "@type": "ImageObject",
        "url": picture["share_url"],
        "width": picture["share_width"],
        "height": picture["share_height"],
        "caption": picture["alt"],
    }
    if picture["digital_source_type"]:
        node["digitalSourceType"] = picture["digital_source_type"]
    return node
