"""Average linkage on a neighbour graph: cluster sums, reciprocal best pairs, two cuts.

For unit vectors the mean similarity between two clusters is the inner product of their sums over
the product of their sizes, so exact average linkage needs one product for each candidate pair.
Rounds are serial and sums float32: the result does not depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from igny8_core.common.kernels import kernel

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from igny8_core.business.planning.services.cluster_neighbours import Neighbours

CONTRACT_AFTER = 0.3
"""Share of the nodes that merge before the graph is contracted."""

_UNKNOWN = np.float32(-9)
_BLOCK = 65_536


@dataclass(frozen=True)
class Tree:
    """Who merged into whom, and how similar they were.

    :ivar parent: for each node the smallest node of the cluster that took it in; itself for roots.
    :ivar height: mean similarity at that merge, never above an earlier merge inside; -1 for roots.
    """

    parent: NDArray[np.int32]
    height: NDArray[np.float32]

    def cut(self, tau: float) -> NDArray[np.int32]:
        """Labels at ``tau``, numbered by the smallest node of each cluster."""
        own = np.arange(len(self.parent), dtype=np.int32)
        root = np.where(self.height >= np.float32(tau), self.parent, own)
        while not np.array_equal(above := root[root], root):
            root = above
        return np.unique(root, return_inverse=True)[1].astype(np.int32)


@dataclass(frozen=True)
class Linkage:
    """Two cuts of one tree.

    :ivar page: label of each node at the first cut.
    :ivar topic: label of each node at the second; a page lies inside one topic.
    """

    page: NDArray[np.int32]
    topic: NDArray[np.int32]
    tree: Tree


class _Sums(NamedTuple):
    """Where the sum of each node is: ``factor * rows[home]``.

    A node that never merged has a vector of its own; the others have a spare row each.

    :ivar size: how many rows of the list are in the node.
    :ivar spare: numbers of the free rows; the first ``left[0]`` of them count.
    """

    rows: NDArray[np.float32]
    home: NDArray[np.int64]
    factor: NDArray[np.float32]
    size: NDArray[np.float32]
    spare: NDArray[np.int64]
    left: NDArray[np.int64]


class _Record(NamedTuple):
    """The tree so far.

    :ivar anchor: smallest original node in each node.
    :ivar lowest: smallest similarity of a merge inside each node.
    :ivar parent: by original node, as ``height``; see ``Tree``.
    """

    anchor: NDArray[np.int32]
    lowest: NDArray[np.float32]
    parent: NDArray[np.int32]
    height: NDArray[np.float32]


class _Graph(NamedTuple):
    """Adjacency: the neighbours of a node are ``adjacent[start[node]:start[node + 1]]``."""

    start: NDArray[np.int64]
    adjacent: NDArray[np.int32]
    weight: NDArray[np.float32]


class _Work(NamedTuple):
    """What the rounds remember of each node.

    :ivar parent: who took it in, or itself.
    :ivar following: the next member of the same cluster, ``tail`` the last one.
    :ivar best: its most similar neighbour, or one of the marks below; ``top`` how similar.
    :ivar seen: the look-up that last saw the node; ``stamp[0]`` is the current one.
    :ivar dirty: nodes whose best changed; ``merged`` those that grew in this round.
    """

    parent: NDArray[np.int64]
    following: NDArray[np.int64]
    tail: NDArray[np.int64]
    best: NDArray[np.int64]
    top: NDArray[np.float32]
    seen: NDArray[np.int64]
    stamp: NDArray[np.int64]
    dirty: NDArray[np.int64]
    merged: NDArray[np.int64]


_NONE = -1
_MERGED = -2
_OUTDATED = -3


@dataclass(frozen=True)
class _Edges:
    """Undirected edges once each, ``low < high``, with the similarity of the nodes' means."""

    low: NDArray[np.int32]
    high: NDArray[np.int32]
    weight: NDArray[np.float32]


@kernel(fastmath=True)
def _dot(rows: Any, a: int, b: int) -> Any:
    total = np.float32(0)
    for x in range(rows.shape[1]):
        total += rows[a, x] * rows[b, x]
    return total


@kernel()
def _pair_products(rows: Any, left: Any, right: Any, out: Any) -> None:
    """Inner products of pairs of rows."""
    for e in range(len(left)):
        out[e] = _dot(rows, left[e], right[e])


@kernel()
def _unique_edges(low: Any, high: Any, weight: Any, label: Any, touched: Any) -> Any:
    """Edges between labels, once each, without loops; the weight stays where nobody merged."""
    n = len(touched)
    start = np.zeros(n + 1, np.int64)
    for e in range(len(low)):
        a, b = label[low[e]], label[high[e]]
        if a != b:
            start[min(a, b) + 1] += 1
    for a in range(n):
        start[a + 1] += start[a]
    at = start[:n].copy()
    other = np.empty(start[n], np.int32)
    value = np.empty(start[n], np.float32)
    for e in range(len(low)):
        a, b = label[low[e]], label[high[e]]
        if a != b:
            if a > b:
                a, b = b, a
            other[at[a]] = b
            value[at[a]] = weight[e]
            at[a] += 1
    seen = np.full(n, -1, np.int32)
    left = np.empty(start[n], np.int32)
    count = 0
    for a in range(n):
        for e in range(start[a], start[a + 1]):
            b = other[e]
            if seen[b] == a:
                continue
            seen[b] = a
            left[count] = a
            other[count] = b
            value[count] = _UNKNOWN if touched[a] or touched[b] else value[e]
            count += 1
    return left[:count].copy(), other[:count].copy(), value[:count].copy()


@kernel()
def _both_ways(low: Any, high: Any, weight: Any, n: int, tau: Any) -> Any:
    """Adjacency of the edges of at least ``tau``: starts, neighbours, weights."""
    start = np.zeros(n + 1, np.int64)
    for e in range(len(low)):
        if weight[e] >= tau:
            start[low[e] + 1] += 1
            start[high[e] + 1] += 1
    for a in range(n):
        start[a + 1] += start[a]
    at = start[:n].copy()
    adjacent = np.empty(start[n], np.int32)
    value = np.empty(start[n], np.float32)
    for e in range(len(low)):
        if weight[e] >= tau:
            a, b = low[e], high[e]
            adjacent[at[a]], value[at[a]] = b, weight[e]
            adjacent[at[b]], value[at[b]] = a, weight[e]
            at[a] += 1
            at[b] += 1
    return start, adjacent, value


@kernel()
def _find(parent: Any, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel()
def _merge(sums: Any, record: Any, a: int, b: int, sim: Any) -> None:
    """Put node ``b`` into node ``a``."""
    rows, home, factor = sums.rows, sums.home, sums.factor
    own = len(record.parent)  # rows before this one are vectors, not sums
    i, j = home[a], home[b]
    into = i if i >= own else j
    if i >= own and j >= own:
        sums.spare[sums.left[0]] = j
        sums.left[0] += 1
    elif into < own:
        sums.left[0] -= 1
        into = sums.spare[sums.left[0]]
    for x in range(rows.shape[1]):
        rows[into, x] = factor[a] * rows[i, x] + factor[b] * rows[j, x]
    home[a], factor[a] = into, np.float32(1)
    sums.size[a] += sums.size[b]
    height = min(record.lowest[a], record.lowest[b], sim)
    record.lowest[a] = height
    record.parent[record.anchor[b]] = record.anchor[a]
    record.height[record.anchor[b]] = height


@kernel()
def _first_best(graph: Any, work: Any) -> None:
    for i in range(len(work.best)):
        for e in range(graph.start[i], graph.start[i + 1]):
            w = graph.weight[e]
            if w > work.top[i] or (w == work.top[i] and graph.adjacent[e] < work.best[i]):
                work.top[i] = w
                work.best[i] = graph.adjacent[e]


@kernel()
def _merge_pairs(work: Any, sums: Any, record: Any, dirty_count: int) -> int:
    """Merge all pairs that are each other's best; returns how many."""
    parent, best = work.parent, work.best
    count = 0
    for x in range(dirty_count):
        i = work.dirty[x]
        j = best[i]
        if parent[i] != i or j < 0 or best[j] != i or parent[j] != j:
            continue
        a, b = min(i, j), max(i, j)
        _merge(sums, record, a, b, work.top[i])
        parent[b] = a
        work.following[work.tail[a]] = b
        work.tail[a] = work.tail[b]
        best[a] = best[b] = _MERGED
        work.merged[count] = a
        count += 1
    return count


@kernel()
def _list_dirty(graph: Any, work: Any, merged_count: int) -> int:
    """List the nodes that grew and those whose best neighbour did; returns how many."""
    parent, best = work.parent, work.best
    count = merged_count
    for x in range(merged_count):
        work.dirty[x] = work.merged[x]  # a slice would take two seconds to compile
    for x in range(merged_count):
        node = work.merged[x]
        while node >= 0:
            for e in range(graph.start[node], graph.start[node + 1]):
                r = _find(parent, graph.adjacent[e])
                if r != work.merged[x] and best[r] >= 0:
                    b = best[r]
                    if best[b] == _MERGED or parent[b] != b:
                        best[r] = _OUTDATED
                        work.dirty[count] = r
                        count += 1
            node = work.following[node]
    return count


@kernel()
def _look_up(graph: Any, work: Any, sums: Any, a: int, tau: Any) -> None:
    """Find the best neighbour of ``a`` again; ties go to the smaller number."""
    best, top = _NONE, _UNKNOWN
    own = sums.factor[a] / sums.size[a]
    work.stamp[0] += 1
    work.seen[a] = work.stamp[0]
    node = a
    while node >= 0:
        for e in range(graph.start[node], graph.start[node + 1]):
            r = _find(work.parent, graph.adjacent[e])
            if work.seen[r] == work.stamp[0]:
                continue
            work.seen[r] = work.stamp[0]
            sim = graph.weight[e]
            if work.following[a] >= 0 or work.following[r] >= 0:
                product = _dot(sums.rows, sums.home[a], sums.home[r])
                sim = product * (own * (sums.factor[r] / sums.size[r]))
            if sim >= tau and (sim > top or (sim == top and r < best)):
                top = sim
                best = r
        node = work.following[node]
    work.best[a], work.top[a] = best, top


@kernel()
def _merge_rounds(graph: Any, sums: Any, record: Any, tau: Any, limit: int) -> Any:
    """Merge reciprocal best pairs until none is left or ``limit`` merges are done; serial."""
    n = len(graph.start) - 1
    work = _Work(
        np.arange(n), np.full(n, _NONE), np.arange(n), np.full(n, _NONE),
        np.full(n, _UNKNOWN), np.zeros(n, np.int64), np.zeros(1, np.int64), np.arange(n),
        np.empty(n, np.int64),
    )  # fmt: skip
    _first_best(graph, work)
    dirty_count, merges = n, 0
    while dirty_count > 0 and merges < limit:
        merged_count = _merge_pairs(work, sums, record, dirty_count)
        if merged_count == 0:
            break
        merges += merged_count
        dirty_count = _list_dirty(graph, work, merged_count)
        for x in range(dirty_count):
            _look_up(graph, work, sums, work.dirty[x], tau)
    for i in range(n):
        work.parent[i] = _find(work.parent, i)
    return work.parent, merges


class _Agglomeration:
    """One run: the nodes that are left, and the tree so far."""

    def __init__(
        self,
        rows: NDArray[np.float32],
        lengths: NDArray[np.float32],
        sizes: NDArray[np.int64],
        pool: Executor,
    ) -> None:
        n = len(lengths)
        spare = np.arange(len(rows) - 1, n - 1, -1)
        self.pool = pool
        self.sums = _Sums(
            rows=rows,
            home=np.arange(n),
            factor=lengths.astype(np.float32),
            size=sizes.astype(np.float32),
            spare=spare,
            left=np.array([len(spare)]),
        )
        self.record = _Record(
            anchor=np.arange(n, dtype=np.int32),
            lowest=np.ones(n, np.float32),
            parent=np.arange(n, dtype=np.int32),
            height=np.full(n, -1, np.float32),
        )

    def edges(self, before: _Edges, label: NDArray[np.int32], touched: NDArray[np.bool_]) -> _Edges:
        """Edges between the nodes that ``label`` gives the old ones, all weights known."""
        low, high, weight = _unique_edges(before.low, before.high, before.weight, label, touched)
        missing = np.flatnonzero(weight == _UNKNOWN)
        sums = self.sums
        left, right = sums.home[low[missing]], sums.home[high[missing]]
        products = np.empty(len(missing), np.float32)
        blocks = [slice(s, s + _BLOCK) for s in range(0, len(missing), _BLOCK)]
        list(
            self.pool.map(
                lambda b: _pair_products(sums.rows, left[b], right[b], products[b]), blocks
            )
        )
        share = sums.factor / sums.size
        weight[missing] = products * (share[low[missing]] * share[high[missing]])
        return _Edges(low, high, weight)

    def merge_down_to(self, edges: _Edges, tau: float) -> NDArray[np.int32]:
        """Merge until no pair reaches ``tau``; returns the new number of each node."""
        label = np.arange(len(self.sums.home), dtype=np.int32)
        least = np.float32(tau)
        while len(edges.low):
            n = len(self.sums.home)
            graph = _Graph(*_both_ways(edges.low, edges.high, edges.weight, n, least))
            limit = max(1, int(n * CONTRACT_AFTER))
            root, merges = _merge_rounds(graph, self.sums, self.record, least, limit)
            if not merges:
                break
            alive = root == np.arange(n)
            renumbered = (np.cumsum(alive) - 1).astype(np.int32)[root]
            self._keep(alive)
            label = renumbered[label]
            strong = edges.weight >= least  # weaker ones never come back
            edges = self.edges(
                _Edges(edges.low[strong], edges.high[strong], edges.weight[strong]),
                renumbered,
                np.bincount(renumbered) > 1,
            )
        return label

    def _keep(self, alive: NDArray[np.bool_]) -> None:
        sums, record = self.sums, self.record
        home, factor, size = sums.home[alive], sums.factor[alive], sums.size[alive]
        self.sums = _Sums(sums.rows, home, factor, size, sums.spare, sums.left)
        anchor, lowest = record.anchor[alive], record.lowest[alive]
        self.record = _Record(anchor, lowest, record.parent, record.height)

    def end_level(self, tau: float) -> None:
        """Later merges are recorded below ``tau``, whatever rounding says."""
        below = np.nextafter(np.float32(tau), np.float32(0))
        np.minimum(self.record.lowest, below, out=self.record.lowest)


def link(
    rows: NDArray[np.float32],
    lengths: NDArray[np.float32],
    sizes: NDArray[np.int64],
    found: Neighbours,
    *,
    page_tau: float,
    topic_tau: float,
    pool: Executor,
) -> Linkage:
    """Pages and topics of the nodes whose unit vectors are the first ``len(lengths)`` rows.

    :param rows: the unit vectors and, behind them, at least half as many spare rows for sums.
    :param lengths: length of the sum of each node's members; ``sizes``: how many members.
    """
    n, k = found.ids.shape
    run = _Agglomeration(rows, lengths, sizes, pool)
    real = (found.similarities > -1).ravel()
    pairs = _Edges(
        np.repeat(np.arange(n, dtype=np.int32), k)[real],
        found.ids.ravel()[real],
        found.similarities.ravel()[real],
    )
    edges = run.edges(pairs, np.arange(n, dtype=np.int32), np.ones(n, bool))
    page = run.merge_down_to(edges, page_tau)
    run.end_level(page_tau)
    between = run.edges(edges, page, np.bincount(page, minlength=1) > 1)
    topic = run.merge_down_to(between, topic_tau)
    return Linkage(
        page=page,
        topic=topic[page],
        tree=Tree(run.record.parent, run.record.height),
    )
