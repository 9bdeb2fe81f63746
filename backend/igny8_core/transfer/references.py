"""Rows of no account that an archive's rows refer to, found here by what they are."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction

from igny8_core.auth.models import Industry, IndustrySector, User
from igny8_core.common.text_forms import is_readable, normal_form
from igny8_core.transfer.catalog import SEED, USER
from igny8_core.transfer.errors import ArchiveInvalid, ImportRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from igny8_core.transfer.archive import Archive
    from igny8_core.transfer.ids import Ids

INDUSTRY: Final = "igny8_auth.Industry"
SECTOR: Final = "igny8_auth.IndustrySector"
BATCH_ROWS: Final = 5_000
MAX_KEYWORD: Final = 255
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")

_ADD_SEEDS: Final = """
INSERT INTO igny8_auth_seedkeyword (industry_sector_id, language, keyword, keyword_norm, created_at)
SELECT t.sector, t.language, t.keyword, t.norm, %(now)s
  FROM unnest(%(sectors)s::bigint[], %(languages)s::text[], %(keywords)s::text[],
              %(norms)s::text[]) AS t (sector, language, keyword, norm)
 ORDER BY t.sector, t.language, t.norm
    ON CONFLICT DO NOTHING
"""
_FIND_SEEDS: Final = """
SELECT t.old, s.id
  FROM unnest(%(olds)s::bigint[], %(sectors)s::bigint[], %(languages)s::text[], %(norms)s::text[])
       AS t (old, sector, language, norm)
  JOIN igny8_auth_seedkeyword s
    ON s.industry_sector_id = t.sector AND s.language = t.language AND s.keyword_norm = t.norm
 ORDER BY t.old
"""


def find_all(archive: Archive, ids: Ids, *, now: datetime) -> list[str]:
    """Fill the maps of everything that is of no account; new seed keywords are added.

    :returns: addresses of people whom nobody here has.
    :raises ImportRefused: an industry or a sector is not here.
    :raises ArchiveInvalid: a row does not say what it is.
    """
    _find_industries(archive, ids)
    _find_sectors(archive, ids)
    _find_seeds(archive, ids, now=now)
    return _find_people(archive, ids)


def _find_industries(archive: Archive, ids: Ids) -> None:
    here = dict(Industry.objects.values_list("slug", "pk"))
    for old, row in _rows(archive, INDUSTRY):
        slug = _text(row, "slug")
        if slug not in here:
            raise ImportRefused(
                "Nothing was imported.", industry=[f"There is no industry {slug!r}."]
            )
        _add(ids, INDUSTRY, old, here[slug])


def _find_sectors(archive: Archive, ids: Ids) -> None:
    rows = IndustrySector.objects.values_list("industry_id", "slug", "pk")
    here = {(industry_id, slug): pk for industry_id, slug, pk in rows}
    for old, row in _rows(archive, SECTOR):
        slug, industry_id = _text(row, "slug"), ids.get(INDUSTRY, row.get("industry_id"))
        found = here.get((industry_id or 0, slug))
        if found is None:
            raise ImportRefused("Nothing was imported.", sector=[f"There is no sector {slug!r}."])
        _add(ids, SECTOR, old, found)


def _find_seeds(archive: Archive, ids: Ids, *, now: datetime) -> None:
    """In short transactions of their own: a long one would hold others' imports up."""
    for batch in _batches(_seeds(archive, ids)):
        olds, sectors, languages, keywords, norms = (
            list(part) for part in zip(*batch, strict=True)
        )
        values: dict[str, Any] = {
            "olds": olds,
            "sectors": sectors,
            "languages": languages,
            "keywords": keywords,
            "norms": norms,
            "now": now,
        }
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_ADD_SEEDS, values)
            cursor.execute(_FIND_SEEDS, values)
            for old, new in cursor.fetchall():
                _add(ids, SEED, old, new)


def _seeds(archive: Archive, ids: Ids) -> Iterator[tuple[int, int, str, str, str]]:
    for old, row in _rows(archive, SEED):
        sector_id = ids.get(SECTOR, row.get("industry_sector_id"))
        language, keyword = _text(row, "language"), _text(row, "keyword")
        norm = normal_form(keyword)
        is_keyword = 1 <= len(norm) <= MAX_KEYWORD >= len(keyword) and is_readable(keyword)
        if sector_id is None or not is_keyword or _LANGUAGE.fullmatch(language) is None:
            raise ArchiveInvalid(f"A seed keyword of the archive is none: {keyword[:50]!r}.")
        yield old, sector_id, language, keyword, norm


def _find_people(archive: Archive, ids: Ids) -> list[str]:
    missing = []
    for batch in _batches(_rows(archive, USER)):
        emails = {old: _text(row, "email").lower() for old, row in batch}
        here = dict(User.objects.filter(email__in=emails.values()).values_list("email", "pk"))
        for old, email in emails.items():
            if email in here:
                _add(ids, USER, old, here[email])
            else:
                missing.append(email)
    return missing


def _rows(archive: Archive, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
    table = archive.manifest.references.get(label)
    for row in archive.objects(table) if table else ():
        old = row.get("id")
        if not isinstance(old, int) or isinstance(old, bool):
            raise ArchiveInvalid(f"A row of {label} has no id.")
        yield old, row


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise ArchiveInvalid(f"A row of the archive has no {name}.")
    return value


def _add(ids: Ids, label: str, old: int, new: int) -> None:
    try:
        ids.of(label).add([(old, new)])
    except (ValueError, OverflowError) as exc:
        raise ArchiveInvalid(f"The rows of {label} are out of order.") from exc


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    found = iter(rows)
    while batch := list(islice(found, BATCH_ROWS)):
        yield batch
