"""Which new group is which old one: by the greatest overlap, each old one once. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

New = TypeVar("New", int, tuple[int, int])


def match_groups(
    pairs: Iterable[tuple[New, int | None]],
    *,
    forced: Mapping[New, int] | None = None,
    first: Collection[int] = (),
) -> dict[New, int]:
    """The old group that each new group is; new ones that are none of them have no entry.

    Greedy by Jaccard overlap; ties go to the smaller old one, then to the smaller new one.

    :param pairs: of every member: its new group, and its old one, if it had any.
    :param forced: what is settled already.
    :param first: old groups that choose before the others.
    """
    members = list(pairs)
    new_size = Counter(new for new, _ in members)
    old_size = Counter(old for _, old in members if old is not None)
    shared = Counter((new, old) for new, old in members if old is not None)
    order = sorted(
        shared,
        key=lambda pair: (
            pair[1] not in first,
            -shared[pair] / (new_size[pair[0]] + old_size[pair[1]] - shared[pair]),
            pair[1],
            pair[0],
        ),
    )
    found: dict[New, int] = dict(forced or {})
    taken = set(found.values())
    for new, old in order:
        if new not in found and old not in taken:
            found[new] = old
            taken.add(old)
    return found


def plurality(values: Sequence[int]) -> int:
    """The most frequent value, the smallest of several."""
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value))
