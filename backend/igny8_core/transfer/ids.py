"""Which new id stands for which old one."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

UNKNOWN: Final = -1


class IdMap:
    """Sixteen bytes a row: an account may bring millions. Old ids are added in rising order."""

    def __init__(self) -> None:
        self._old, self._new = array("q"), array("q")

    def add(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Further pairs.

        :raises ValueError: an old id that does not rise: twice, or out of order.
        """
        for old, new in pairs:
            if self._old and old <= self._old[-1]:
                raise ValueError("ids are twice or out of order")
            self._old.append(old)
            self._new.append(new)

    def get(self, old: int) -> int | None:
        """The new id; None for an old one that was not added."""
        place = bisect_left(self._old, old)
        is_there = place < len(self._old) and self._old[place] == old
        return self._new[place] if is_there else None

    def __len__(self) -> int:
        return len(self._old)


class Ids:
    """The maps of an import, by model.

    :ivar account_id: the account that is made.
    """

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        self._maps: dict[str, IdMap] = {}

    def of(self, label: str) -> IdMap:
        """The map of a model."""
        return self._maps.setdefault(label, IdMap())

    def get(self, label: str, old: object) -> int | None:
        """The new id of a row; None when the old one is none, or is of no row that came along."""
        is_id = isinstance(old, int) and not isinstance(old, bool)
        return self.of(label).get(old) if is_id else None  # type: ignore[arg-type]  # an int here
