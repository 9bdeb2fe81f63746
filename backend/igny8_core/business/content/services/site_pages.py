"""Pages of a site as files tell them: set-based, and the unknown never replaces the known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.common.tenancy.context import current_account_id
from igny8_core.common.url_keys import url_key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Site
    from igny8_core.business.content.services.page_rows import PageRow

_TEXTS = (
    "title", "h1", "meta_description", "focus_keyword", "language", "canonical_url",
)  # fmt: skip
_FIGURES = {
    "word_count": "int",
    "status_code": "int",
    "is_indexable": "boolean",
    "last_modified_at": "timestamptz",
    "clicks": "bigint",
    "impressions": "bigint",
    "position": "float8",
    "content_id": "bigint",
}
_COLUMNS = {
    "url": "text",
    "url_hash": "text",
    **dict.fromkeys(_TEXTS, "text"),
    **_FIGURES,
    "is_canonical": "boolean",
}
_NAMES = ", ".join(_COLUMNS)
_KNOWN = {
    **{name: f"coalesce(nullif(excluded.{name}, ''), p.{name})" for name in _TEXTS},
    **{name: f"coalesce(excluded.{name}, p.{name})" for name in _FIGURES},
    "is_canonical": "CASE WHEN excluded.canonical_url = '' THEN p.is_canonical "
    "ELSE excluded.is_canonical END",
}
_UPSERT = f"""
INSERT INTO content_sitepage AS p
       (account_id, site_id, source, created_at, updated_at, last_seen_at, {_NAMES})
SELECT %(account)s, %(site)s, %(source)s, %(now)s, %(now)s, %(now)s, {_NAMES}
  FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _COLUMNS.items())})
       AS t ({_NAMES})
 ORDER BY url_hash
    ON CONFLICT (account_id, site_id, url_hash) DO UPDATE
   SET {", ".join(f"{name} = {value}" for name, value in _KNOWN.items())},
       updated_at = excluded.updated_at
 WHERE ({", ".join(f"p.{name}" for name in _KNOWN)})
       IS DISTINCT FROM ({", ".join(_KNOWN.values())})
RETURNING xmax = 0
"""  # noqa: S608 - constants of this module
_SEEN = """
UPDATE content_sitepage SET last_seen_at = %(now)s
 WHERE account_id = %(account)s AND site_id = %(site)s AND url_hash = ANY (%(url_hash)s)
"""
_COUNT_KNOWN = """
SELECT count(*) FROM content_sitepage
 WHERE account_id = %(account)s AND site_id = %(site)s AND url_hash = ANY (%(url_hash)s)
"""


@dataclass(frozen=True, slots=True)
class PageCounts:
    """What became of the pages of a batch."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


def save_pages(
    *,
    account: Account,
    site: Site,
    pages: Sequence[PageRow],
    source: str,
    now: datetime,
    contents: Mapping[int, int] | None = None,
) -> PageCounts:
    """Write pages in the open block. A page that is known keeps where it was first heard of.

    :param pages: distinct by their key, each with an address that has one.
    :param source: a :class:`PageSource`.
    :param contents: by ``PageRow.row``, the content behind the page.
    """
    assert current_account_id() == account.pk  # noqa: S101 - a policy would refuse every row
    if not pages:
        return PageCounts()
    values = _values(pages, contents or {})
    scope: dict[str, Any] = {
        "account": account.pk, "site": site.pk, "source": source, "now": now, **values,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, scope)
        written = [is_new for (is_new,) in cursor.fetchall()]
        cursor.execute(_SEEN, scope)
    created = sum(written)
    return PageCounts(created, len(written) - created, len(pages) - len(written))


def count_known_pages(*, account: Account, site: Site, digests: Collection[str]) -> int:
    """How many of these keys the site has, in the open block."""
    scope: dict[str, Any] = {"account": account.pk, "site": site.pk, "url_hash": list(digests)}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_KNOWN, scope)
        found: int = cursor.fetchone()[0]
    return found


def _values(pages: Sequence[PageRow], contents: Mapping[int, int]) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for page in pages:
        key = url_key(page.url)
        assert key is not None  # noqa: S101 - the caller's
        canonical = url_key(page.canonical_url) if page.canonical_url else None
        values["url"].append(page.url.strip())
        values["url_hash"].append(key.digest)
        values["content_id"].append(contents.get(page.row))
        values["is_canonical"].append(canonical is None or canonical.text == key.text)
        for name in (*_TEXTS, *_FIGURES):
            if name != "content_id":
                values[name].append(getattr(page, name))
    return values
