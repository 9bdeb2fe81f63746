"""Keyword lists of the clustering tests, and how two partitions are compared."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from igny8_core.cli.benches.clustering import PACKAGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WORDS = (
    "red", "blue", "shoe", "shoes", "coat", "coats", "winter", "car", "hire", "rental", "cheap",
    "best", "for", "the", "to", "from", "men", "women", "paris", "london", "15", "16", "2025",
    "running", "how", "clean", "vs", "with", "without",
)  # fmt: skip

keyword_lists = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join), max_size=40
)


def packaged() -> tuple[list[str], list[str]]:
    """(keywords, labels) of the list that ships with the product."""
    with PACKAGED.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["keyword"] for row in rows], [row["label"] for row in rows]


def groups(keywords: Sequence[str], labels: Iterable[int]) -> set[frozenset[str]]:
    """A partition without its numbers."""
    found: dict[int, set[str]] = {}
    for keyword, label in zip(keywords, labels, strict=True):
        found.setdefault(int(label), set()).add(keyword)
    return {frozenset(members) for members in found.values()}


def is_inside(inner: Iterable[int], outer: Iterable[int]) -> bool:
    """Whether each group of one partition lies in one group of the other."""
    pairs = {(int(a), int(b)) for a, b in zip(inner, outer, strict=True)}
    return len(pairs) == len({a for a, _ in pairs})


def shuffled(keywords: Sequence[str], seed: int) -> list[str]:
    """The same keywords in another order."""
    return [keywords[i] for i in np.random.default_rng(seed).permutation(len(keywords))]
