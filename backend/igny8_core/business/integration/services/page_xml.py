"""WordPress exports and sitemaps, read while they stream by. Pure; no entities, no network."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any

from igny8_core.business.integration.errors import PageFileInvalid
from igny8_core.business.integration.services.page_rows import (
    MAX_DESCRIPTION,
    MAX_PAGES_A_SITEMAP,
    MAX_TEXT,
    PageFile,
    PageIssue,
    PageRow,
)
from igny8_core.common.html import without_comments
from igny8_core.common.moments import mail_date, plausible
from igny8_core.common.text_forms import display_form
from igny8_core.common.xml_stream import BLOCK_BYTES, XmlBroken, XmlReader, XmlRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

Found = PageRow | PageIssue

_HEAD_BYTES = 64 * 1024
_FORBIDDEN = bytes(set(range(32)) - {9, 10, 13})
_ROOT = re.compile(rb"<(?:\?xml|rss|urlset|sitemapindex|feed|\w+:urlset)[\s>?]")
_TEMPLATE = re.compile(r"%%\w+%%|%\w+%")
# Each stops at the next opening mark: a text of nothing but opening marks costs what it is long.
_TAGS = re.compile(r"<[^<>]*>")
_SHORTCODE = re.compile(r"\[/?\w[^\[\]]*\]")
_WORD = re.compile("\\w+(?:['\u2019-]\\w+)*")
_H1 = re.compile(r"<h1\b[^<>]*>", re.IGNORECASE)
_H1_END = re.compile(r"</h1\b", re.IGNORECASE)
_UNKNOWN_DATE = "0000-00-00 00:00:00"
_W3C = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d",
        "%Y-%m", "%Y")  # fmt: skip
_MAX_TERMS, _MAX_ALTERNATES = 200, 200

_POST_TYPES = frozenset({"post", "page"})
_STATUSES = {
    "publish": "published", "pending": "review", "future": "review", "draft": "draft",
    "private": "draft",
}  # fmt: skip
_SEO = {
    "_yoast_wpseo_focuskw": "focus_keyword",
    "_yoast_wpseo_title": "seo_title",
    "_yoast_wpseo_metadesc": "meta_description",
    "rank_math_focus_keyword": "focus_keyword",
    "rank_math_title": "seo_title",
    "rank_math_description": "meta_description",
    "_igny8_id": "igny8_id",
}
_WXR_TEXTS = frozenset(
    {
        "title", "link", "pubDate", "dc:creator", "guid", "content:encoded", "excerpt:encoded",
        "category", "language", "wp:wxr_version", "wp:base_site_url", "wp:post_id",
        "wp:post_date_gmt", "wp:post_modified_gmt", "wp:post_name", "wp:status",
        "wp:post_parent", "wp:post_type", "wp:post_password", "wp:attachment_url",
        "wp:meta_key", "wp:meta_value",
    }
)  # fmt: skip
_SITEMAP_TEXTS = frozenset({"loc", "lastmod", "link", "id", "updated", "pubDate"})


def read_xml(file: BinaryIO, about: PageFile) -> Iterator[Found]:
    """The pages of an XML file, whichever kind it is.

    :raises PageFileInvalid: it is none that we read, or it declares entities.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    start = _ROOT.search(head.translate(None, _FORBIDDEN))
    if start is None:
        raise PageFileInvalid("This is neither a WordPress export nor a sitemap.")
    is_wordpress = b"wordpress.org/export" in head
    about.kind = "wxr" if is_wordpress else "sitemap"
    about.title = "WordPress export (WXR)" if is_wordpress else "sitemap"
    reader = _WordPress(about) if is_wordpress else _Sitemap(about)
    yield from _stream(file, reader)


class _Reader:
    """Collects what a parser finds; ``found`` is emptied by whoever streams."""

    texts: frozenset[str] = frozenset()
    is_local = False

    def __init__(self, about: PageFile) -> None:
        self.about = about
        self.found: list[Found] = []
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element opens."""

    def end(self, name: str, text: str) -> None:
        """An element closes."""

    def finish(self) -> None:
        """What can be said only at the end."""


def _stream(file: BinaryIO, reader: _Reader) -> Iterator[Found]:
    parser = XmlReader(
        start=reader.start, end=reader.end, texts=reader.texts, is_local=reader.is_local
    )
    removed = 0
    try:
        for block, cut in _clean_blocks(file):
            removed += cut[0]
            if cut[1]:
                yield PageIssue(0, "leading_garbage", cut[1])
            parser.feed(block)
            yield from reader.found
            reader.found.clear()
        parser.feed(b"", is_last=True)
    except XmlRefused as exc:
        raise PageFileInvalid(f"The file is refused: {exc}.") from exc
    except XmlBroken as exc:
        yield from reader.found
        reader.found.clear()
        if not reader.count:
            raise PageFileInvalid(f"The XML is broken: {exc}.") from exc
        yield PageIssue(0, "file_truncated", str(exc), severity="error")
    if not reader.count:
        raise PageFileInvalid("The XML holds no pages.")
    reader.finish()
    yield from reader.found
    if removed:
        yield PageIssue(0, "control_characters", "", "info", removed)


def _clean_blocks(file: BinaryIO) -> Iterator[tuple[bytes, tuple[int, str]]]:
    """(bytes, (control characters taken out, what stood before the document))."""
    file.seek(0)
    is_first, held = True, b""
    while block := file.read(BLOCK_BYTES):
        garbage = ""
        if is_first:
            is_first = False
            if block.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16: expat reads it by its mark
                yield block, (0, "")
                while block := file.read(BLOCK_BYTES):
                    yield block, (0, "")
                return
            at = _ROOT.search(block)
            if at is not None and at.start():
                before = block[: at.start()].removeprefix(b"\xef\xbb\xbf").strip()
                garbage = before.decode(errors="replace")[:200]
                block = block[at.start() :]
        clean = (held + block).translate(None, _FORBIDDEN)
        removed = len(held) + len(block) - len(clean)
        held = b""
        yield clean, (removed, garbage)


class _WordPress(_Reader):
    """Items of a WXR file, version 1.0 to 1.2."""

    texts = _WXR_TEXTS

    def __init__(self, about: PageFile) -> None:
        super().__init__(about)
        self._item: dict[str, Any] | None = None
        self._comments = 0
        self._key = ""
        self._skipped: dict[str, int] = {}
        self._attributes: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "item":
            self.count += 1
            self._item = {"meta": {}, "terms": [], "row": self.count}
        elif name == "wp:comment":
            self._comments += 1
        elif name == "category":
            self._attributes = attributes

    def end(self, name: str, text: str) -> None:
        if name == "wp:comment":
            self._comments -= 1
        elif self._comments:
            return
        elif self._item is None:
            if name in {"wp:base_site_url", "wp:wxr_version", "language"}:
                self.about.report.setdefault(name.removeprefix("wp:"), text[:MAX_TEXT])
        elif name == "item":
            item, self._item = self._item, None
            self._take(item)
        else:
            self._end_inside(self._item, name, text)

    def _end_inside(self, item: dict[str, Any], name: str, text: str) -> None:
        if name == "wp:meta_key":
            self._key = text
        elif name == "wp:meta_value":
            if self._key in _SEO and text.strip():
                item["meta"].setdefault(_SEO[self._key], text[:MAX_DESCRIPTION])
        elif name == "category":
            if len(item["terms"]) < _MAX_TERMS:
                domain, slug = (self._attributes.get(k, "") for k in ("domain", "nicename"))
                item["terms"].append([domain, slug, display_form(unescape(text))[:200]])
        elif name in self.texts:
            item[name] = text

    def finish(self) -> None:
        for code, count in sorted(self._skipped.items()):
            self.found.append(PageIssue(0, code, "", "info", count))

    def _take(self, item: dict[str, Any]) -> None:
        kind = item.get("wp:post_type", "")
        status = item.get("wp:status", "")
        if kind not in _POST_TYPES:
            self._skip(f"post_type:{kind[:40]}")
        elif status not in _STATUSES:
            self._skip(f"status:{status[:40]}")
        elif item["meta"].get("igny8_id"):
            self.found.append(
                PageIssue(item["row"], "ours", item["meta"]["igny8_id"][:MAX_TEXT], "info")
            )
        else:
            self.found.append(_page_of(item, kind, status, self.about))

    def _skip(self, code: str) -> None:
        self._skipped[code] = self._skipped.get(code, 0) + 1


def _page_of(item: dict[str, Any], kind: str, status: str, about: PageFile) -> PageRow:
    html = item.get("content:encoded", "")
    plain = unescape(_TAGS.sub(" ", _SHORTCODE.sub(" ", without_comments(html))))
    meta = item["meta"]
    description = meta.get("meta_description", "")
    is_template = bool(_TEMPLATE.search(description))
    return PageRow(
        row=item["row"],
        url=item.get("link", "").strip(),
        title=_line(item.get("title", "")),
        h1=_heading(html),
        meta_description="" if is_template else display_form(description)[:MAX_DESCRIPTION],
        focus_keyword=display_form(meta.get("focus_keyword", "").partition(",")[0])[:255],
        language=about.report.get("language", "")[:16],
        word_count=len(_WORD.findall(plain)) or None,
        last_modified_at=_wordpress_date(item.get("wp:post_modified_gmt", "")),
        post={
            "external_id": item.get("wp:post_id", "")[:100],
            "external_type": kind,
            "status": _STATUSES[status],
            "site_status": status,
            "slug": item.get("wp:post_name", ""),
            "html": html,
            "excerpt": item.get("excerpt:encoded", ""),
            "author": item.get("dc:creator", "")[:200],
            "published_at": _wordpress_date(item.get("wp:post_date_gmt", ""))
            or mail_date(item.get("pubDate", "")),
            "seo_title": meta.get("seo_title", ""),
            "seo_description": description,
            "terms": item["terms"],
            "is_protected": bool(item.get("wp:post_password")),
        },
    )


def _heading(html: str) -> str:
    start = _H1.search(html)
    end = _H1_END.search(html, start.end()) if start else None
    if start is None or end is None:
        return ""
    return _line(_TAGS.sub(" ", html[start.end() : end.start()][: MAX_TEXT * 10]))


def _line(text: str) -> str:
    return display_form(unescape(text))[:MAX_TEXT]


def _wordpress_date(text: str) -> datetime | None:
    if not text or text == _UNKNOWN_DATE:
        return None
    try:
        return plausible(datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))
    except ValueError:
        return None


def w3c_date(text: str) -> datetime | None:
    """A date in any form that sitemaps use; None when it is none."""
    shown = text.strip()[:40].replace("Z", "+00:00")
    for style in _W3C:
        try:
            found = datetime.strptime(shown, style)  # noqa: DTZ007 - the zone is added
        except ValueError:
            continue
        return plausible(found)
    return mail_date(text)


class _Sitemap(_Reader):
    """Addresses of a sitemap, an index of sitemaps, or a feed."""

    texts = _SITEMAP_TEXTS
    is_local = True

    def __init__(self, about: PageFile) -> None:
        super().__init__(about)
        self._entry: dict[str, str] | None = None
        self._is_index = False
        self._alternates: list[list[str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sitemapindex":
            self._is_index = True
            self.about.title = "index of sitemaps"
        elif name in {"url", "item", "entry", "sitemap"}:
            self._entry = {}
            self._alternates = []
        elif name == "link" and self._entry is not None:
            self._link(attributes)

    def _link(self, attributes: dict[str, str]) -> None:
        language, address = attributes.get("hreflang", ""), attributes.get("href", "")
        assert self._entry is not None  # noqa: S101 - the caller's
        if language and len(self._alternates) < _MAX_ALTERNATES:
            self._alternates.append([language[:16], address[:2048]])
        elif address and attributes.get("rel", "alternate") == "alternate":
            self._entry.setdefault("loc", address)  # Atom

    def end(self, name: str, text: str) -> None:
        entry = self._entry
        if name in {"url", "item", "entry", "sitemap"} and entry is not None:
            self._entry = None
            self._take(entry)
        elif entry is not None and text.strip():
            if name == "link":
                entry["loc"] = text.strip()
            elif name in {"lastmod", "updated", "pubDate"}:
                entry.setdefault("lastmod", text)
            elif name == "loc":
                entry.setdefault("loc", text.strip())

    def _take(self, entry: dict[str, str]) -> None:
        self.count += 1
        address = entry.get("loc", "")
        if self.count == MAX_PAGES_A_SITEMAP + 1:
            raise PageFileInvalid(
                f"A sitemap lists at most {MAX_PAGES_A_SITEMAP:,} addresses.",
                limit=MAX_PAGES_A_SITEMAP,
            )
        if self._is_index:
            self.found.append(PageIssue(self.count, "sitemap_listed", address[:255], "info"))
            return
        own = [language for language, url in self._alternates if url == address]
        self.found.append(
            PageRow(
                row=self.count,
                url=address,
                language=own[0] if own and own[0] != "x-default" else "",
                last_modified_at=w3c_date(entry.get("lastmod", "")),
            )
        )
