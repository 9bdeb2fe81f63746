"""Rows of a file as they will be written: one line each, in the text format of COPY.

A file is read once. What the import sends to PostgreSQL are these lines as they are; only rows
of keywords that exist already are taken apart again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from igny8_core.business.planning.services.keyword_intents import brand_words, rule_intent
from igny8_core.business.planning.services.keyword_merge import figures, imported_intent
from igny8_core.business.planning.states import IntentSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from igny8_core.auth.models import Site
    from igny8_core.business.planning.services.keyword_row import KeywordRow

FIGURES = {
    "volume": "bigint",
    "volume_max": "bigint",
    "volume_kind": "text",
    "volume_observed_on": "date",
    "difficulty": "float8",
    "difficulty_kind": "text",
    "difficulty_observed_on": "date",
    "cpc_minor": "bigint",
    "cpc_currency": "text",
    "intent": "text",
    "intent_source": "text",
    "intent_confidence": "float8",
    "attributes": "jsonb",
}
"""The columns of a keyword that a file decides."""

STAGED = {
    "keyword_norm": "text",
    "keyword": "text",
    "file_row": "integer",
    "sheet": "text",
    **FIGURES,
    "is_disabled": "boolean",
    "group_name": "text",
    "page": "integer",
    "page_place": "integer",
}
_ATTRIBUTES = list(STAGED).index("attributes")
_GROUP = list(STAGED).index("group_name")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_SPECIAL = re.compile(r"[\\\t\n\r]")
_NO_INTENT = ("", IntentSource.UNKNOWN.value, 0.0)
_TYPED = IntentSource.TYPED.value
_UNESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


@dataclass(slots=True)
class Stager:
    """Turns rows into lines.

    :ivar places: page and place of each keyword that is in a group of the file.
    """

    site: Site
    tool: str
    import_id: int
    places: dict[str, tuple[str, int, int]]
    _brands: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._brands = brand_words(name=self.site.name, domain=self.site.domain)

    def attributes(self, row: KeywordRow) -> dict[str, Any]:
        """What the keyword's row will hold."""
        return row.attributes(tool=self.tool, import_id=self.import_id)

    def line(self, row: KeywordRow, attributes: dict[str, Any]) -> bytes:
        """The row as COPY wants it."""
        intent = _NO_INTENT
        if not attributes.get("intents"):
            found = rule_intent(row.keyword_norm, language=self.site.language, brands=self._brands)
            intent = found.intent, found.source, found.confidence
        group, page, place = self.places.get(row.keyword_norm, ("", 0, 0))
        *figured, told = figure_values(attributes, intent)
        # A keyword is readable and JSON has its own escapes: of COPY's marks only \\ is in them.
        shown = [
            _backslashes(row.keyword_norm),
            _backslashes(row.keyword),
            str(row.row),
            row.sheet.translate(_ESCAPES) if row.sheet else "",
            *["\\N" if value is None else str(value) for value in figured],
            _backslashes(told),
            "t" if row.is_disabled else "f",
            group.translate(_ESCAPES) if group else "",
            str(page),
            str(place),
        ]
        return ("\t".join(shown) + "\n").encode()


def _backslashes(text: str) -> str:
    return text.replace("\\", "\\\\") if "\\" in text else text


def figure_values(attributes: dict[str, Any], intent: tuple[str, str, float]) -> list[Any]:
    """The columns of :data:`FIGURES` that follow from a keyword's attributes.

    :param intent: what to take when the file has no label, or may not replace it.
    """
    figured = figures(attributes["sources"])
    name, source, confidence = intent
    if source != _TYPED and attributes.get("intents"):
        name, source, confidence = imported_intent(attributes["intents"])
    return [
        figured.volume,
        figured.volume_max,
        figured.volume_kind,
        figured.volume_observed_on,
        figured.difficulty,
        figured.difficulty_kind,
        figured.difficulty_observed_on,
        figured.cpc_minor,
        figured.cpc_currency,
        name,
        source,
        confidence,
        to_json(attributes).decode(),
    ]


def encode_line(values: Sequence[Any]) -> bytes:
    """One line of COPY's text format."""
    texts = []
    for value in values:
        if value is None:
            texts.append("\\N")
        elif type(value) is str and _SPECIAL.search(value):
            texts.append(value.translate(_ESCAPES))
        else:
            texts.append(str(value))
    return ("\t".join(texts) + "\n").encode()


def _field(raw: bytes) -> str:
    """One field of a line, its escapes undone."""
    text = raw.decode()
    if "\\" not in text:
        return text
    found, at = [], 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
            found.append(_UNESCAPES.get(text[at], text[at]))
        else:
            found.append(text[at])
        at += 1
    return "".join(found)


@dataclass(frozen=True, slots=True)
class StagedRow:
    """A line with what its handling depends on."""

    norm: str
    line: bytes

    @property
    def row(self) -> tuple[int, str, str]:
        """(number in the file, sheet, keyword)."""
        parts = self.line.split(b"\t", 4)
        return int(parts[2]), _field(parts[3]), _field(parts[1])

    @property
    def attributes(self) -> dict[str, Any]:
        """What the file says of the keyword."""
        found: dict[str, Any] = json.loads(_field(self.line.split(b"\t")[_ATTRIBUTES]))
        return found

    @property
    def place(self) -> tuple[str, int, int]:
        """(group, page, place); the group is "" when there is none."""
        parts = self.line.rstrip(b"\n").split(b"\t")
        return _field(parts[_GROUP]), int(parts[_GROUP + 1]), int(parts[_GROUP + 2])


def staged_batches(file: BinaryIO, *, after: int, batch_rows: int) -> Iterator[list[StagedRow]]:
    """The rows behind the first ``after`` ones, batch by batch."""
    lines = islice(file, after, None)
    while batch := list(islice(lines, batch_rows)):
        yield [StagedRow(_field(line.partition(b"\t")[0]), line) for line in batch]


def staged_norms(file: BinaryIO) -> set[str]:
    """The normal forms of all rows."""
    return {_field(line.partition(b"\t")[0]) for line in file}


def places_in_groups(rows: Iterable[KeywordRow]) -> dict[str, tuple[str, int, int]]:
    """(group, page, place) by normal form: the file's own groups, each with its pages.

    Pages are numbered by their known volume, the largest first; so are places in a page.
    """
    groups: dict[str, dict[str, list[KeywordRow]]] = {}
    names: dict[str, str] = {}
    for row in rows:
        for group, page in row.groups():
            key = group.casefold()
            names.setdefault(key, group)
            groups.setdefault(key, {}).setdefault(page.casefold(), []).append(row)
            break
    found = {}
    for key, pages in groups.items():
        ordered = sorted(pages.items(), key=lambda item: (-_volume(item[1]), item[0]))
        for number, (_page, members) in enumerate(ordered):
            members.sort(key=lambda row: (-(row.volume or 0), row.keyword_norm))
            for place, row in enumerate(members):
                found[row.keyword_norm] = (names[key], number, place)
    return found


def _volume(rows: Iterable[KeywordRow]) -> int:
    return sum(row.volume or 0 for row in rows)
