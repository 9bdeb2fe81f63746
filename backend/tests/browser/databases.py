"""A database of the browser tests' own: the server sees committed rows, and nobody else does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Every connection of this process leads to another database."""
    before = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    _lead_to(dict.fromkeys(before, name))
    try:
        yield
    finally:
        _lead_to(before)


def _lead_to(names: dict[str, str]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
