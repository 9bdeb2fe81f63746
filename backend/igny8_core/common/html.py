"""HTML that may be shown and published: one allow-list, for text from anywhere."""

from __future__ import annotations

import re
from html import escape
from typing import Final
from urllib.parse import urlsplit

import nh3

__all__ = ["escape", "has_scheme", "sanitize_html", "without_comments"]


def _words(text: str) -> set[str]:
    return set(text.split())


_TAGS: Final = _words(
    "a abbr address article aside audio b bdi bdo blockquote br caption cite code col colgroup"
    " data dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header"
    " hgroup hr i iframe img ins kbd li main mark nav ol p picture pre q rp rt ruby s samp section"
    " small source span strong sub summary sup table tbody td tfoot th thead time tr track u ul"
    " var video wbr"
)
_DROPPED_WITH_CONTENT: Final = _words(
    "script style noscript template object embed svg math form select textarea"
)
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    tag: _words(names)
    for tag, names in {
        "*": "class id title lang dir role aria-label aria-hidden aria-describedby aria-labelledby",
        "a": "href target rel hreflang",
        "img": "src srcset sizes alt width height loading decoding fetchpriority",
        "iframe": "src width height allow allowfullscreen loading referrerpolicy frameborder",
        "td": "colspan rowspan headers align",
        "th": "colspan rowspan headers align scope abbr",
        "col": "span",
        "colgroup": "span",
        "ol": "start reversed type",
        "li": "value",
        "data": "value",
        "time": "datetime",
        "del": "cite datetime",
        "ins": "cite datetime",
        "blockquote": "cite",
        "q": "cite",
        "details": "open",
        "video": "src poster width height controls preload loop muted playsinline",
        "audio": "src controls preload loop",
        "source": "src srcset type media sizes width height",
        "track": "src kind srclang label default",
    }.items()
}
_SCHEMES: Final = {"http", "https", "mailto", "tel"}
_RELATIONS: Final = _words("nofollow sponsored ugc noopener noreferrer author license tag")
_CLASS: Final = re.compile(r"(wp-|align|has-|is-|size-|language-|faq|toc|callout|cta)[\w-]*\Z")
_ID: Final = re.compile(r"[A-Za-z][\w:.-]{0,100}\Z", re.ASCII)
_SIZE: Final = re.compile(r"\d{1,5}%?\Z", re.ASCII)
_SCHEME: Final = re.compile(r"[^/?#]*?:")
_IGNORED_IN_URLS: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2000-\u200f\u2028-\u202f\ufeff]")
_SRCSET: Final = re.compile(r"(\S+)(?:\s+(\d{1,5}w|\d{1,2}(?:\.\d{1,2})?x))?\Z", re.ASCII)
_SRCSET_COMMA: Final = re.compile(r"(?<=[wx]),\s*|,\s+")  # an address may hold commas
_FRAMES: Final[dict[str, re.Pattern[str]]] = {
    host: re.compile(path + r"\Z", re.ASCII)
    for host, path in {
        "www.youtube.com": r"/embed/[\w-]{6,20}",
        "www.youtube-nocookie.com": r"/embed/[\w-]{6,20}",
        "player.vimeo.com": r"/video/\d+",
        "open.spotify.com": r"/embed/(track|episode|show|playlist|album)/\w+",
        "www.google.com": r"/maps/embed",
    }.items()
}
# Of nh3's own output, where every attribute stands in double quotes: what a frame holds is raw
# text, which the next parser may read otherwise.
_HALVES: Final = re.compile("[\\ud800-\\udfff]")
"""Of characters: no text that can be kept."""

_CONTROLS: Final = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]")
"""What no XML may hold, and so no tree that a page is read into; Word leaves them as breaks."""

_FRAME: Final = re.compile(r'(<iframe((?:\s[\w-]+="[^"]*")*)>).*?</iframe>', re.DOTALL)


def has_scheme(url: str, *allowed: str) -> bool:
    """Whether an address is relative or has one of the schemes, however it is disguised."""
    plain = _IGNORED_IN_URLS.sub("", url).lower()
    found = _SCHEME.match(plain)
    return found is None or found[0][:-1] in allowed


def sanitize_html(html: str) -> str:
    """Keep what the allow-list names; drop the rest, scripts and forms with their content.

    Idempotent. To be applied on import, and again before rendering and before publishing.
    """
    clean = _CONTROLS.sub(" ", _CLEANER.clean(_HALVES.sub("", html)))
    return _FRAME.sub(_frame_without_content, clean)


def without_comments(html: str) -> str:
    """The text without ``<!-- … -->``; one that does not end goes on to the end.

    By search, not by an expression: of many beginnings without an end each would be followed to
    the end of the text.
    """
    kept, at = [], 0
    while (start := html.find("<!--", at)) >= 0:
        kept.append(html[at:start])
        end = html.find("-->", start)
        if end < 0:
            return "".join(kept)
        at = end + 3
    kept.append(html[at:])
    return "".join(kept)


def _frame_without_content(found: re.Match[str]) -> str:
    return f"{found[1]}</iframe>" if ' src="' in found[2] else ""


def _filtered(tag: str, attribute: str, value: str) -> str | None:
    """The value to keep of one attribute; None drops it."""
    if attribute == "class":
        kept: str | None = " ".join(t for t in value.split() if _CLASS.match(t)) or None
    elif attribute == "id":
        kept = value if _ID.match(value) else None
    elif attribute == "rel":
        kept = " ".join(t for t in value.lower().split() if t in _RELATIONS) or None
    elif attribute == "target":
        kept = value if value == "_blank" else None
    elif attribute in {"width", "height"}:
        kept = value if _SIZE.match(value) else None
    elif attribute == "srcset":
        kept = _filtered_srcset(value)
    elif attribute in {"cite", "poster"}:
        kept = value if has_scheme(value, "http", "https") else None
    elif attribute == "src":
        kept = _filtered_source(tag, value)
    else:
        kept = value
    return kept


def _filtered_source(tag: str, value: str) -> str | None:
    if tag == "iframe":
        return value if _is_known_frame(value) else None
    return value if has_scheme(value, "http", "https") else None


def _filtered_srcset(value: str) -> str | None:
    candidates = [" ".join(part.split()) for part in _SRCSET_COMMA.split(value)]
    good = [
        part
        for part in candidates
        if (found := _SRCSET.match(part)) and has_scheme(found[1], "http", "https")
    ]
    return ", ".join(good) or None


def _is_known_frame(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    path = _FRAMES.get(parts.netloc.removesuffix(":443"))
    return (
        parts.scheme == "https"
        and port in {None, 443}
        and "\\" not in url
        and path is not None
        and path.match(parts.path) is not None
    )


_CLEANER: Final = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_DROPPED_WITH_CONTENT,
    attributes=_ATTRIBUTES,
    attribute_filter=_filtered,
    strip_comments=True,
    link_rel=None,
    url_schemes=_SCHEMES,
)
