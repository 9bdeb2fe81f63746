"""Old and imported HTML of articles turned into blocks: seen first, then stored as a version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from igny8_core.business.content import selectors
from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.models import Content, SitePage
from igny8_core.business.content.services.article_blocks import (
    blocks_word_count,
    parse_blocks,
    render_html,
    stored_blocks,
)
from igny8_core.business.content.services.editing import save_version
from igny8_core.business.content.services.parse_html import parse_article
from igny8_core.business.content.states import VersionReason
from igny8_core.common.errors import InvalidInput
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.url_keys import url_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.content.services.parse_html import Parsed

LINKS_MAX: Final = 2_000
"""Addresses of one text that are looked up; further ones stay links to the web."""

_HREF: Final = re.compile(r'<a\s[^>]*?href="([^"]+)"')


@dataclass(frozen=True)
class Reparsed:
    """What an article's HTML is as blocks.

    :ivar words_before: of the HTML; ``words`` of the blocks.
    :ivar lost: how many of each kind of thing has no place in blocks.
    :ivar is_new: whether there was anything to turn: an article of blocks stays as it is.
    """

    content: Content
    blocks: list[dict[str, Any]]
    words_before: int
    words: int
    lost: dict[str, int]
    is_new: bool


@tenant_atomic()
def preview_blocks(*, account: Account, content_id: int) -> Reparsed:
    """Show what the HTML of an article would be as blocks. Writes nothing.

    :raises NotFound: no such article.
    :raises InvalidInput: it has more blocks than an article may have.
    """
    return _read(account, selectors.content(account=account, content_id=content_id))


@tenant_atomic()
def reparse_content(
    *,
    account: Account,
    content_id: int,
    version: int | None = None,
    user_id: int | None = None,
    now: datetime,
) -> Reparsed:
    """Turn the HTML of an article into blocks, as its next version. Its approval ends.

    Safe to repeat: an article of blocks stays as it is. The version before can be restored.

    :param version: the version that the editor read; None means the stored one.
    :raises NotFound: no such article.
    :raises VersionConflict: another version is stored; nothing was written.
    :raises InvalidInput: there is no text, or more of it than an article may have.
    """
    row = selectors.content(account=account, content_id=content_id)
    if version is not None and row.version != version:
        raise VersionConflict("another version is stored", version=row.version)
    found = _read(account, row)
    if not found.is_new:
        return found
    if not found.blocks:
        raise InvalidInput("the article has no text", html=["is empty"])
    blocks_from: dict[str, Any] = {"origin": "import", "by": user_id}
    known = row.provenance.get("html")
    if isinstance(known, dict):
        blocks_from = known
    provenance = {key: value for key, value in row.provenance.items() if key != "html"}
    changed = save_version(
        account,
        row,
        version=row.version,
        columns={
            "blocks": found.blocks,
            "html": render_html(parse_blocks(found.blocks)),
            "word_count": found.words,
            "provenance": provenance
            | {"blocks": {block["id"]: blocks_from for block in found.blocks}},
        },
        reason=VersionReason.REPARSED,
        user_id=user_id,
        now=now,
    )
    return Reparsed(changed, found.blocks, found.words_before, found.words, found.lost, is_new=True)


def _read(account: Account, row: Content) -> Reparsed:
    if row.blocks:
        count = row.word_count
        return Reparsed(row, list(row.blocks), count, count, {}, is_new=False)
    parsed = _parsed(account, row)
    return Reparsed(
        content=row,
        blocks=stored_blocks(parsed.blocks),
        words_before=row.word_count,
        words=blocks_word_count(parsed.blocks),
        lost=parsed.lost,
        is_new=True,
    )


def _parsed(account: Account, row: Content) -> Parsed:
    return parse_article(row.html, base_url=row.external_url, article_at=_articles_at(account, row))


def _articles_at(account: Account, row: Content) -> Callable[[str], int | None]:
    """The articles of the site behind the addresses that a text names, in one query."""
    hrefs = [unescape(found) for found in _HREF.findall(row.html)][:LINKS_MAX]
    keys = {url: url_key(urljoin(row.external_url, url)) for url in hrefs}
    digests = {key.digest for key in keys.values() if key is not None}
    pages = SitePage.objects.for_account(account).filter(
        site_id=row.site_id, url_hash__in=digests, content__isnull=False
    )
    live = Content.objects.for_account(account).filter(LIVE, site_id=row.site_id)
    by_digest: dict[str, int] = dict(
        pages.filter(content__in=live.values("pk")).values_list("url_hash", "content_id")
    )

    def article_at(url: str) -> int | None:
        key = url_key(url)
        found = by_digest.get(key.digest) if key is not None else None
        return None if found == row.pk else found

    return article_at
