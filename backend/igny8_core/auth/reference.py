"""Reference data that every installation starts with, read from the package's files.

Industries with their sectors and seed keywords stand in ``data/reference/industries/``, one TOML
file each; countries in a table beside them; plans below.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from igny8_core.common.text_forms import is_readable, normal_form

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable

LANGUAGE = "en"
MAX_KEYWORD = 255


class ReferenceDataInvalid(ValueError):
    """A file of the package does not say what it should: a bug of the package."""


@dataclass(frozen=True, slots=True)
class SectorData:
    """A sector of an industry.

    :ivar keywords: in their normal form, each once.
    :ivar retired: keywords that were shipped once and are no longer shown.
    :ivar is_active: whether new sites can choose it.
    """

    name: str
    slug: str
    keywords: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class IndustryData:
    """An industry with its sectors; ``language`` is that of the keywords."""

    name: str
    slug: str
    sectors: tuple[SectorData, ...]
    language: str = LANGUAGE
    is_active: bool = True


def industries() -> list[IndustryData]:
    """Every industry of the package, by name.

    :raises ReferenceDataInvalid: with the file and what is wrong in it.
    """
    return read_industries(_folder().joinpath("industries").iterdir())


def read_industries(files: Iterable[Traversable]) -> list[IndustryData]:
    """The industries of some files, by name; other files than TOML are left out.

    :raises ReferenceDataInvalid: with the file and what is wrong in it.
    """
    found = []
    for file in files:
        if not file.name.endswith(".toml"):
            continue
        try:
            found.append(_industry(tomllib.loads(file.read_text(encoding="utf-8"))))
        except (KeyError, TypeError, ValueError) as exc:
            raise ReferenceDataInvalid(f"{file.name}: {exc}") from exc
    _refuse_doubles("industry", [one.slug for one in found])
    return sorted(found, key=lambda one: one.name)


@cache
def countries() -> dict[str, str]:
    """Name by ISO 3166 code, in the order of the names."""
    text = _folder().joinpath("countries.tsv").read_text(encoding="utf-8")
    rows = [line.partition("\t") for line in text.splitlines()]
    return {code: name for code, _, name in sorted(rows, key=lambda row: row[2])}


def _folder() -> Traversable:
    return resources.files("igny8_core.data").joinpath("reference")


def _industry(data: dict[str, Any]) -> IndustryData:
    sectors = tuple(_sector(one) for one in data["sectors"])
    _refuse_doubles("sector", [one.slug for one in sectors])
    return IndustryData(
        name=data["name"],
        slug=data["slug"],
        sectors=sectors,
        language=data.get("language", LANGUAGE),
        is_active=data.get("is_active", True),
    )


def _sector(data: dict[str, Any]) -> SectorData:
    keywords, retired = _lines(data.get("keywords", "")), _lines(data.get("retired", ""))
    _refuse_doubles(f"keyword of {data['slug']}", [*keywords, *retired])
    return SectorData(
        name=data["name"],
        slug=data["slug"],
        keywords=keywords,
        retired=retired,
        is_active=data.get("is_active", True),
    )


def _lines(text: str) -> tuple[str, ...]:
    """One keyword a line, in its normal form."""
    found = tuple(normal_form(line) for line in text.splitlines() if line.strip())
    for keyword in found:
        if len(keyword) > MAX_KEYWORD or not is_readable(keyword):
            raise ValueError(f"{keyword[:50]!r} is no keyword")
    return found


def _refuse_doubles(what: str, names: list[str]) -> None:
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ReferenceDataInvalid(f"{what} twice: {', '.join(doubled)}")


PLANS: tuple[dict[str, Any], ...] = (
    {
        "code": "free",
        "name": "Free",
        "credits_per_period": 100,
        "max_sites": 1,
        "max_users": 1,
        "max_keywords": 1_000,
        "max_in_flight": 4,
    },
    {
        "code": "starter",
        "name": "Starter",
        "price_minor": 4_900,
        "credits_per_period": 1_000,
        "max_sites": 3,
        "max_users": 3,
        "max_keywords": 20_000,
        "max_in_flight": 8,
    },
    {
        "code": "agency",
        "name": "Agency",
        "price_minor": 19_900,
        "credits_per_period": 6_000,
        "max_sites": 25,
        "max_users": 15,
        "max_keywords": 200_000,
        "max_in_flight": 16,
        "weight": 2,
    },
)
