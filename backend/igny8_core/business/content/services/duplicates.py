"""Articles of one site that say the same in the same words, with the places that show it.

Word sequences (shingles) of five words are compared, as checksums: two of them may be equal by
chance once in a few thousand articles. An eighth of them, chosen by their own value, is kept for
each article; those that share most are then compared in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from django.db import connection

from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content, ContentFingerprint
from igny8_core.business.content.services.content_text import TextPart, text_parts
from igny8_core.business.content.services.text_measures import word_places
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.auth.models import Account
    from igny8_core.common.tenancy.context import HasKey

SHINGLE_WORDS: Final = 5
KEPT_OF: Final = 8
"""One of so many shingles is kept for finding candidates; of short texts all are compared."""

CANDIDATES: Final = 20
SPANS_MAX: Final = 20
REFRESHED_MAX: Final = 300
"""Articles whose fingerprints are made anew in one check; the others wait for the next."""

COMPARED_MAX: Final = 20_000
UNIQUE_SOFT, UNIQUE_HARD = 40, 30
"""Percent of an article's shingles on no other page: below is soft, below a copy."""

_SHARED: Final = """
SELECT f.content_id, count(*) AS shared
  FROM content_contentfingerprint f
  JOIN content_content c ON c.account_id = f.account_id AND c.id = f.content_id
 CROSS JOIN LATERAL unnest(f.shingles) AS one
 WHERE f.account_id = %(account)s AND f.site_id = %(site)s AND f.content_id <> %(content)s
   AND c.deleted_at IS NULL AND one = ANY (%(shingles)s)
 GROUP BY f.content_id
 ORDER BY shared DESC, f.content_id
 LIMIT %(limit)s
"""


@dataclass(frozen=True)
class SharedSpan:
    """A passage that stands in both articles.

    :ivar block: place of the block in this article, from 0; ``other_block`` in the other.
    :ivar start, end: code points in the block's text.
    """

    block: int
    start: int
    end: int
    text: str
    other_block: int


@dataclass(frozen=True)
class Duplicate:
    """Another article of the site with the same passages.

    :ivar percent: of this article's word sequences that the other one has, too.
    """

    content_id: int
    title: str
    status: str
    percent: int
    spans: tuple[SharedSpan, ...]


@dataclass(frozen=True)
class DuplicateReport:
    """How much of an article is its own.

    :ivar unique_percent: of its word sequences that none of the others found has; 100 for a text
        that is too short to tell.
    :ivar sequences: how many word sequences it has.
    :ivar compared: articles that it was compared with.
    :ivar is_complete: whether all articles of the site were.
    """

    content_id: int
    unique_percent: int
    sequences: int
    compared: int
    is_complete: bool
    duplicates: tuple[Duplicate, ...]


@tenant_atomic()
def find_duplicates(*, account: Account, content_id: int) -> DuplicateReport:
    """Compare an article with all others of its site; local, without a network.

    Writes fingerprints of articles that have changed since the last check, nothing else.

    :raises NotFound: no such article.
    """
    row = selectors.content(account=account, content_id=content_id)
    left = _refresh(account, row.site_id)
    parts = text_parts(row.blocks, row.html)
    own = _shingles(parts)
    others = ContentFingerprint.objects.for_account(account).filter(
        site_id=row.site_id, content__deleted_at=None
    )
    compared = others.exclude(content=row).count()
    found = _candidates(account, row, own)
    live = Content.objects.for_account(account).filter(LIVE, pk__in=found)
    by_id = {other.pk: other for other in live.only("title", "status", "blocks", "html")}
    duplicates: list[Duplicate] = []
    shared_by_any: set[int] = set()
    for pk in found:
        if (other := by_id.get(pk)) is None:
            continue
        other_parts = text_parts(other.blocks, other.html)
        theirs = _shingles(other_parts)
        shared = own.keys() & theirs.keys()
        if not shared:
            continue
        shared_by_any |= shared
        duplicates.append(
            Duplicate(
                content_id=other.pk,
                title=other.title,
                status=other.status,
                percent=_percent(len(shared), len(own)),
                spans=_spans(
                    parts, own, {one: other_parts[theirs[one][0]].block for one in shared}
                ),
            )
        )
    duplicates.sort(key=lambda one: (-one.percent, one.content_id))
    return DuplicateReport(
        content_id=row.pk,
        unique_percent=100 - _percent(len(shared_by_any), len(own)) if own else 100,
        sequences=len(own),
        compared=min(compared, COMPARED_MAX),
        is_complete=left == 0,
        duplicates=tuple(duplicates),
    )


def keep_fingerprint(*, account: HasKey, row: Content) -> None:
    """Have an article's text ready for comparing with others; in the caller's transaction."""
    _store(account, row.site_id, [row])


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole else 0


def _refresh(account: Account, site_id: int) -> int:
    """Make missing and outdated fingerprints of a site's articles; how many still wait."""
    live = Content.objects.for_account(account).filter(LIVE, site_id=site_id)
    known = dict(
        ContentFingerprint.objects.for_account(account)
        .filter(site_id=site_id)
        .values_list("content_id", "version")
    )
    versions = live.order_by("-pk").values_list("pk", "version")[:COMPARED_MAX]
    stale = [pk for pk, version in versions if known.get(pk) != version]
    rows = live.filter(pk__in=stale[:REFRESHED_MAX]).only("version", "blocks", "html")
    _store(account, site_id, rows)
    return max(0, len(stale) - REFRESHED_MAX)


def _store(account: HasKey, site_id: int, rows: Iterable[Content]) -> None:
    ContentFingerprint.unscoped.bulk_create(
        [
            ContentFingerprint(
                account_id=account.pk,
                site_id=site_id,
                content_id=row.pk,
                version=row.version,
                shingles=_kept(_shingles(text_parts(row.blocks, row.html))),
            )
            for row in rows
        ],
        update_conflicts=True,
        unique_fields=["account", "content"],
        update_fields=["version", "shingles", "updated_at"],
    )


def _candidates(account: Account, row: Content, own: dict[int, tuple[int, int, int]]) -> list[int]:
    """The articles that share most of the kept shingles, the likest first."""
    kept = _kept(own)
    if not kept:
        return []
    scope: dict[str, Any] = {
        "account": account.pk,
        "site": row.site_id,
        "content": row.pk,
        "shingles": kept,
        "limit": CANDIDATES,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SHARED, scope)
        return [pk for pk, _shared in cursor.fetchall()]


def _kept(own: dict[int, tuple[int, int, int]]) -> list[int]:
    return sorted(one for one in own if one % KEPT_OF == 0)


def _shingles(parts: Sequence[TextPart]) -> dict[int, tuple[int, int, int]]:
    """Each sequence of five words of a block as a number, with block, start and end of it."""
    found: dict[int, tuple[int, int, int]] = {}
    for place, part in enumerate(parts):
        words = word_places(part.text)
        encoded = [word.encode() for word, _, _ in words]
        for first in range(len(words) - SHINGLE_WORDS + 1):
            last = first + SHINGLE_WORDS
            number = crc32(b" ".join(encoded[first:last]))
            found.setdefault(number, (place, words[first][1], words[last - 1][2]))
    return found


def _spans(
    parts: Sequence[TextPart],
    own: dict[int, tuple[int, int, int]],
    shared: dict[int, int],
) -> tuple[SharedSpan, ...]:
    """Passages of this article that the other one has, the longest first.

    :param shared: shingles of both, with their block in the other one.
    """
    joined: list[list[int]] = []
    for place, start, end, other in sorted((*own[one], at) for one, at in shared.items()):
        last = joined[-1] if joined else None
        if last is not None and last[0] == place and start <= last[2] + 1:
            last[2] = max(last[2], end)
        else:
            joined.append([place, start, end, other])
    joined.sort(key=lambda span: (span[1] - span[2], span[0], span[1]))
    return tuple(
        SharedSpan(
            block=parts[place].block,
            start=start,
            end=end,
            text=parts[place].text[start:end],
            other_block=other,
        )
        for place, start, end, other in joined[:SPANS_MAX]
    )
