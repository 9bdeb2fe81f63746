"""What says, beside their wording, that keywords want the same page: shared results, one parent.

Pure. Lists are of keywords in one order; pairs are places in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np

from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

TOP_RESULTS = 10
SHARE, LEAST_SHARE, MOST_SHARE = 0.4, 0.2, 0.9
LEAST_SHARED = 2
COMMON_URL_LISTS = 1_000
"""A URL in more lists than this says nothing about any two of them."""

_TRACKING = ("utm_", "gclid", "fbclid", "msclkid", "srsltid", "mc_cid", "mc_eid")


@dataclass(frozen=True)
class Evidence:
    """What a list says of its keywords beside their wording.

    :ivar pairs: keywords that share results, as rows of two places.
    :ivar strength: of each pair, from 0 for just enough shared results to 1 for all.
    :ivar families: number of each keyword's parent; -1 for none. Empty: nothing is known.
    """

    pairs: NDArray[np.int64]
    strength: NDArray[np.float32]
    families: NDArray[np.int64]

    @property
    def is_empty(self) -> bool:
        """Whether wording is all there is."""
        return not len(self.pairs) and not (len(self.families) and self.families.max() >= 0)


def url_key(url: str) -> str:
    """A result's URL without scheme, ``www.``, fragment, tracking and trailing slash."""
    text = url.strip()
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
    except ValueError:
        return text.casefold()
    host = parts.netloc.casefold().removeprefix("www.")
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not name.casefold().startswith(_TRACKING)
    ]
    query = f"?{urlencode(kept)}" if kept else ""
    return f"{host}{parts.path.rstrip('/')}{query}"


def result_keys(urls: Iterable[str]) -> tuple[str, ...]:
    """The keys of a keyword's first ten results, once each."""
    found = dict.fromkeys(key for url in urls if (key := url_key(url)))
    return tuple(found)[:TOP_RESULTS]


def shared_results(
    lists: Sequence[Sequence[str]], *, share: float = SHARE
) -> list[tuple[int, int, int]]:
    """(keyword, keyword, shared results) of all pairs that share enough of them.

    :param lists: ``result_keys`` of each keyword; an empty one shares nothing.
    :param share: of the longer list; 0.4 is 4 of 10. At least 2 results are always asked for.
    :raises InvalidInput: a share outside 0.2 to 0.9.
    """
    if not LEAST_SHARE <= share <= MOST_SHARE:
        raise InvalidInput(
            f"between {LEAST_SHARE} and {MOST_SHARE} of the results", serp_share=share
        )
    holders: dict[str, list[int]] = defaultdict(list)
    for place, keys in enumerate(lists):
        for key in keys:
            holders[key].append(place)
    shared: Counter[tuple[int, int]] = Counter()
    for places in holders.values():
        if 1 < len(places) <= COMMON_URL_LISTS:
            shared.update(
                (one, other) for at, one in enumerate(places) for other in places[at + 1 :]
            )
    return sorted(
        (one, other, count)
        for (one, other), count in shared.items()
        if count >= LEAST_SHARED and count >= _wanted(lists[one], lists[other], share)
    )


def _wanted(one: Sequence[str], other: Sequence[str], share: float) -> float:
    """How many results two lists must share; a hair less, for what floats make of 0.3 * 10."""
    return share * max(len(one), len(other)) - 1e-9


def families_of(parents: Sequence[str]) -> NDArray[np.int64]:
    """The number of each keyword's parent, numbered by the alphabet; -1 for an empty one."""
    names = {name: number for number, name in enumerate(sorted({p for p in parents if p}))}
    return np.array([names.get(parent, -1) for parent in parents], np.int64)


def evidence_of(
    results: Sequence[Sequence[str]], parents: Sequence[str], *, share: float = SHARE
) -> Evidence:
    """What results and parents say of a list.

    :raises InvalidInput: a share outside 0.2 to 0.9.
    """
    found = shared_results(results, share=share)
    pairs = np.array([(one, other) for one, other, _ in found], np.int64).reshape(-1, 2)
    shares = np.array(
        [count / max(len(results[one]), len(results[other])) for one, other, count in found],
        np.float32,
    )
    strength = np.clip((shares - share) / (1 - share), 0, 1)
    return Evidence(pairs, strength, families_of(parents))
