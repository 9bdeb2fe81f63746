"""A file of pages, whatever it is: XML, a table, a list of addresses, packed or not. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.integration.errors import PageFileInvalid
from igny8_core.business.integration.services.page_rows import (
    MAX_PAGES,
    MAX_PAGES_A_SITEMAP,
    PageFile,
    PageIssue,
    PageRow,
)
from igny8_core.business.integration.services.page_tables import read_page_table
from igny8_core.business.integration.services.page_xml import read_xml
from igny8_core.business.planning.errors import KeywordFileInvalid
from igny8_core.business.planning.services.keyword_containers import (
    SkippedPart,
    TextPart,
    open_parts,
)
from igny8_core.business.planning.services.keyword_files import detect_encoding, text_lines
from igny8_core.common.url_keys import bare_host, url_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

Found = PageRow | PageIssue

MAX_FILE_BYTES = 512 * 1024 * 1024
_HEAD_BYTES = 512
_SNIFFED_LINES = 5
_LINE_IS_URL = ("http://", "https://")


def read_pages(data: BinaryIO, about: PageFile, *, domain: str = "") -> Iterator[Found]:
    """The pages of a file, each address once, and what else is to be said.

    :param domain: of the site; pages of other hosts are left out. Without one, the host of the
        first page is the site's.
    :raises PageFileInvalid: nothing in it can be read, or it holds too much.
    """
    seen: set[str] = set()
    host = bare_host(domain)
    for found in _parts(data, about):
        if isinstance(found, PageIssue):
            yield found
            continue
        key = url_key(found.url)
        if key is None:
            yield PageIssue(found.row, "url_invalid", found.url[:255])
            continue
        host = host or key.host
        if key.host != host:
            yield PageIssue(found.row, "other_host", found.url[:255])
        elif key.text in seen:
            yield PageIssue(found.row, "duplicate_url", found.url[:255], "info")
        elif len(seen) >= MAX_PAGES:
            raise PageFileInvalid(f"An import takes at most {MAX_PAGES:,} pages.", limit=MAX_PAGES)
        else:
            seen.add(key.text)
            yield found


def _parts(data: BinaryIO, about: PageFile) -> Iterator[Found]:
    refused: PageFileInvalid | None = None
    read = 0
    try:
        for part in open_parts(data, takes_xml=True, max_bytes=MAX_FILE_BYTES):
            if isinstance(part, SkippedPart):
                yield PageIssue(0, "part_skipped", f"{part.name}: {part.why}"[:255], "info")
                continue
            found = _xml_or_list(part, about) if isinstance(part, TextPart) else None
            try:
                yield from found or read_page_table(part, about)
                read += 1
            except PageFileInvalid as exc:
                if not part.name:
                    raise
                refused = refused or exc
                yield PageIssue(0, "part_skipped", f"{part.name}: {exc.message}"[:255], "info")
    except KeywordFileInvalid as exc:
        raise PageFileInvalid(exc.message) from exc
    if not read:
        raise refused or PageFileInvalid("The file holds no pages.")


def _xml_or_list(part: TextPart, about: PageFile) -> Iterator[Found] | None:
    """What reads the part, unless it is a table."""
    part.file.seek(0)
    head = part.file.read(_HEAD_BYTES)
    if b"<" in head and head.count(b"<") > 1 and not head.lstrip()[:1].isalnum():
        return read_xml(part.file, about)
    if b"<?xml" in head or b"<rss" in head:  # behind the notice of a broken PHP
        return read_xml(part.file, about)
    encoding, mark_bytes, _issues = detect_encoding(part.file)
    lines = [
        line.strip()
        for line, _ in zip(
            text_lines(part.file, encoding, mark_bytes), range(_SNIFFED_LINES), strict=False
        )
    ]
    known = [line for line in lines if line]
    if known and all(line.startswith(_LINE_IS_URL) and "," not in line for line in known):
        return _addresses(part.file, encoding, mark_bytes, about)
    return None


def _addresses(file: BinaryIO, encoding: str, mark_bytes: int, about: PageFile) -> Iterator[Found]:
    about.kind, about.title = "sitemap", "list of addresses"
    count = 0
    for number, line in enumerate(text_lines(file, encoding, mark_bytes), start=1):
        address = line.strip()
        if not address:
            continue
        count += 1
        if count > MAX_PAGES_A_SITEMAP:
            raise PageFileInvalid(
                f"A sitemap lists at most {MAX_PAGES_A_SITEMAP:,} addresses.",
                limit=MAX_PAGES_A_SITEMAP,
            )
        yield PageRow(row=number, url=address)
