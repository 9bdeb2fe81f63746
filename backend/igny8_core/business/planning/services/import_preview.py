"""What importing a file would do, worked out before anything is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.business.planning.services.import_rows import known_keywords, stored_keywords
from igny8_core.business.planning.services.import_staging import Stager, places_in_groups
from igny8_core.business.planning.services.keyword_limit import use_of_keywords
from igny8_core.business.planning.services.keyword_merge import figures, merge_attributes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.models import KeywordImport
    from igny8_core.business.planning.services.import_rows import KnownKeywords, Stored
    from igny8_core.business.planning.services.keyword_options import ReadOptions
    from igny8_core.business.planning.services.keyword_row import KeywordRow
    from igny8_core.business.planning.services.keyword_rows import ParsedFile

CHUNK_ROWS = 5_000
SAMPLES = 5


@dataclass(slots=True)
class Consequences:
    """Distinct keywords of a file by what an import would make of them.

    :ivar samples: the first few of each kind, for people.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted_before: int = 0
    samples: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"created": [], "updated": [], "unchanged": []}
    )

    def as_json(self) -> dict[str, Any]:
        """For the import's report."""
        return {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "deleted_before": self.deleted_before,
            "samples": self.samples,
        }


def stage_rows(
    *,
    account: Account,
    sector: Sector,
    found: KeywordImport,
    parsed: ParsedFile,
    options: ReadOptions,
    out: BinaryIO,
) -> Consequences:
    """Write a file's rows as they will be imported, and say what that would do.

    Reads in the open block; writes to ``out`` alone.
    """
    known = known_keywords(
        account=account, sector_id=sector.pk, norms={row.keyword_norm for row in parsed.rows}
    )
    stager = Stager(
        site=sector.site,
        tool=parsed.profile.name,
        import_id=found.pk,
        places=places_in_groups(parsed.rows) if options.keeps_groups else {},
    )
    consequences = Consequences()
    for start in range(0, len(parsed.rows), CHUNK_ROWS):
        chunk = parsed.rows[start : start + CHUNK_ROWS]
        _stage_chunk(chunk, stager, known, options, consequences, out)
    return consequences


def _stage_chunk(  # noqa: PLR0917
    rows: Sequence[KeywordRow],
    stager: Stager,
    known: KnownKeywords,
    options: ReadOptions,
    consequences: Consequences,
    out: BinaryIO,
) -> None:
    ids = [pk for row in rows if (pk := known.live.get(row.keyword_norm)) is not None]
    stored: dict[int, Stored] = {}
    if ids:
        with connection.cursor() as cursor:
            stored = stored_keywords(cursor, ids)
    lines = []
    for row in rows:
        attributes = stager.attributes(row)
        lines.append(stager.line(row, attributes))
        there = stored.get(known.live.get(row.keyword_norm, 0))
        if there is not None:
            _compare(row, attributes, there, consequences)
        elif options.keeps_deleted and row.keyword_norm in known.deleted:
            consequences.deleted_before += 1
        else:
            consequences.created += 1
            _sample(consequences, "created", row, attributes, None)
    out.write(b"".join(lines))


def _compare(
    row: KeywordRow, attributes: dict[str, Any], there: Stored, consequences: Consequences
) -> None:
    after = merge_attributes(there.attributes, attributes)
    if after == there.attributes:
        consequences.unchanged += 1
        _sample(consequences, "unchanged", row, after, None)
    else:
        consequences.updated += 1
        _sample(consequences, "updated", row, after, there.attributes)


def _sample(
    consequences: Consequences,
    kind: str,
    row: KeywordRow,
    after: dict[str, Any],
    before: dict[str, Any] | None,
) -> None:
    samples = consequences.samples[kind]
    if len(samples) >= SAMPLES:
        return
    shown: dict[str, Any] = {"row": row.row, "keyword": row.keyword, **_figures(after)}
    if before is not None:
        shown["before"] = _figures(before)
    samples.append(shown)


def _figures(attributes: dict[str, Any]) -> dict[str, Any]:
    figured = figures(attributes["sources"])
    return {
        "volume": figured.volume,
        "volume_max": figured.volume_max,
        "volume_kind": figured.volume_kind,
        "difficulty": figured.difficulty,
        "cpc_minor": figured.cpc_minor,
        "cpc_currency": figured.cpc_currency,
        "intents": attributes.get("intents", []),
    }


def plan_room(*, account: Account, created: int) -> dict[str, Any] | None:
    """Whether the account's plan takes so many more keywords; None without a limit."""
    use = use_of_keywords(account=account)
    if use.limit is None:
        return None
    is_enough = use.in_use + created <= use.limit
    return {"limit": use.limit, "in_use": use.in_use, "is_enough": is_enough}


def issue_counts(parsed: ParsedFile) -> dict[str, int]:
    """How often each code occurs; a range of blank rows counts its rows."""
    counts: Counter[str] = Counter()
    for issue in parsed.issues:
        counts[issue.code] += 1 + ((issue.row_end or issue.row) - issue.row)
    return dict(sorted(counts.items()))
