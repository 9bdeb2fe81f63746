"""Counters of this process, for whoever asks for its metrics. Nothing is kept over a restart."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Labels = tuple[tuple[str, str], ...]

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of a histogram, in seconds."""

SERIES_MOST = 1_000
"""Of one name; more would be labels that somebody else chooses."""


class Counters:
    """Counts and durations by name and labels; safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[Labels]] = defaultdict(Counter)
        self._buckets: dict[str, dict[Labels, list[int]]] = defaultdict(dict)
        self._sums: dict[str, Counter[Labels]] = defaultdict(Counter)

    def count(self, name: str, /, **labels: str) -> None:
        """One more."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            counts = self._counts[name]
            if key in counts or len(counts) < SERIES_MOST:
                counts[key] += 1

    def observe(self, name: str, seconds: float, /, **labels: str) -> None:
        """One duration."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            series = self._buckets[name]
            if key not in series:
                if len(series) >= SERIES_MOST:
                    return
                series[key] = [0] * (len(BOUNDS) + 1)
            series[key][bisect_left(BOUNDS, seconds)] += 1
            self._sums[name][key] += seconds  # type: ignore[assignment]  # a sum of seconds

    def counts(self) -> Mapping[str, Mapping[Labels, int]]:
        """Every count so far."""
        with self._lock:
            return {name: dict(series) for name, series in self._counts.items()}

    def histograms(self) -> Mapping[str, Mapping[Labels, tuple[list[int], float]]]:
        """Every histogram: how many lie in each bucket, the last one above all bounds; the sum."""
        with self._lock:
            return {
                name: {key: (list(found), float(self._sums[name][key])) for key, found in s.items()}
                for name, s in self._buckets.items()
            }


COUNTERS = Counters()
