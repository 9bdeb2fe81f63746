"""Compiled loops of the linkage: merging reciprocal best pairs of a graph. One module: the disk
cache of compiled code watches one file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from igny8_core.common.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

FREE = -1
"""Owner of a node that has none."""

UNKNOWN = np.float32(-9)


class Sums(NamedTuple):
    """Where the sum of each node is: ``factor * rows[home]``.

    A node that never merged has a vector of its own; the others have a spare row each.

    :ivar size: how many rows of the list are in the node.
    :ivar owner: number of its owner, or ``FREE``.
    :ivar spare: numbers of the free rows; the first ``left[0]`` of them count.
    """

    rows: NDArray[np.float32]
    home: NDArray[np.int64]
    factor: NDArray[np.float32]
    size: NDArray[np.float32]
    owner: NDArray[np.int32]
    spare: NDArray[np.int64]
    left: NDArray[np.int64]


class Record(NamedTuple):
    """The tree so far.

    :ivar anchor: smallest original node in each node.
    :ivar lowest: smallest similarity of a merge inside each node.
    :ivar parent: by original node, as ``height``; see ``Tree``.
    """

    anchor: NDArray[np.int32]
    lowest: NDArray[np.float32]
    parent: NDArray[np.int32]
    height: NDArray[np.float32]


class Edges(NamedTuple):
    """Undirected edges once each, ``low < high``, with the similarity of the nodes' means.

    :ivar bonus: what links add to the sum over all pairs of rows; empty without links.
    """

    low: NDArray[np.int32]
    high: NDArray[np.int32]
    weight: NDArray[np.float32]
    bonus: NDArray[np.float32]


class Graph(NamedTuple):
    """Adjacency: the neighbours of a node are ``adjacent[start[node]:start[node + 1]]``.

    :ivar bonus: of each edge; empty when the list has no links.
    """

    start: NDArray[np.int64]
    adjacent: NDArray[np.int32]
    weight: NDArray[np.float32]
    bonus: NDArray[np.float32]


class Work(NamedTuple):
    """What the rounds remember of each node.

    :ivar parent: who took it in, or itself.
    :ivar following: the next member of the same cluster, ``tail`` the last one.
    :ivar best: its most similar neighbour, or one of the marks below; ``top`` how similar.
    :ivar seen: the look-up that last saw the node; ``stamp[0]`` is the current one.
    :ivar dirty: nodes whose best changed; ``merged`` those that grew in this round.
    :ivar extra: sum of the bonuses between a node and the one that looks.
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
    extra: NDArray[np.float32]


_NONE = -1
_MERGED = -2
_OUTDATED = -3


@kernel(fastmath=True)
def _dot(rows: Any, a: int, b: int) -> Any:
    total = np.float32(0)
    for x in range(rows.shape[1]):
        total += rows[a, x] * rows[b, x]
    return total


@kernel()
def pair_products(rows: Any, left: Any, right: Any, out: Any) -> None:
    """Inner products of pairs of rows."""
    for e in range(len(left)):
        out[e] = _dot(rows, left[e], right[e])


@kernel()
def _by_low(edges: Any, label: Any, n: int) -> Any:
    """Edges between labels, both directions as one, sorted by the smaller: starts, the other
    label, weight, bonus. Those inside a label are left out.
    """
    has_bonus = len(edges.bonus) > 0
    start = np.zeros(n + 1, np.int64)
    for e in range(len(edges.low)):
        a, b = label[edges.low[e]], label[edges.high[e]]
        if a != b:
            start[min(a, b) + 1] += 1
    for a in range(n):
        start[a + 1] += start[a]
    at = start[:n].copy()
    other = np.empty(start[n], np.int32)
    value = np.empty(start[n], np.float32)
    added = np.empty(start[n] if has_bonus else 0, np.float32)
    for e in range(len(edges.low)):
        a, b = label[edges.low[e]], label[edges.high[e]]
        if a != b:
            if a > b:
                a, b = b, a
            other[at[a]] = b
            value[at[a]] = edges.weight[e]
            if has_bonus:
                added[at[a]] = edges.bonus[e]
            at[a] += 1
    return start, other, value, added


@kernel()
def unique_edges(edges: Any, label: Any, touched: Any) -> Any:
    """Edges between labels, once each, without loops: low, high, weight, bonus.

    The weight stays where nobody merged. Bonuses of edges that become one are added up.
    """
    n = len(touched)
    start, other, value, added = _by_low(edges, label, n)
    has_bonus = len(added) > 0
    seen = np.full(n, -1, np.int32)
    place = np.empty(n if has_bonus else 0, np.int64)
    left = np.empty(start[n], np.int32)
    count = 0
    for a in range(n):
        for e in range(start[a], start[a + 1]):
            b = other[e]
            if seen[b] == a:
                if has_bonus:
                    added[place[b]] += added[e]
                continue
            seen[b] = a
            if has_bonus:
                place[b] = count
                added[count] = added[e]
            left[count] = a
            other[count] = b
            value[count] = UNKNOWN if touched[a] or touched[b] else value[e]
            count += 1
    kept = added[:count].copy() if has_bonus else added
    return left[:count].copy(), other[:count].copy(), value[:count].copy(), kept


@kernel()
def both_ways(edges: Any, n: int, tau: Any) -> Any:
    """Adjacency of the edges of at least ``tau``: starts, neighbours, weights, bonuses."""
    has_bonus = len(edges.bonus) > 0
    start = np.zeros(n + 1, np.int64)
    for e in range(len(edges.low)):
        if edges.weight[e] >= tau:
            start[edges.low[e] + 1] += 1
            start[edges.high[e] + 1] += 1
    for a in range(n):
        start[a + 1] += start[a]
    at = start[:n].copy()
    adjacent = np.empty(start[n], np.int32)
    value = np.empty(start[n], np.float32)
    added = np.empty(start[n] if has_bonus else 0, np.float32)
    for e in range(len(edges.low)):
        if edges.weight[e] >= tau:
            a, b = edges.low[e], edges.high[e]
            adjacent[at[a]], value[at[a]] = b, edges.weight[e]
            adjacent[at[b]], value[at[b]] = a, edges.weight[e]
            if has_bonus:
                added[at[a]] = added[at[b]] = edges.bonus[e]
            at[a] += 1
            at[b] += 1
    return start, adjacent, value, added


@kernel()
def _find(parent: Any, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel()
def merge_nodes(sums: Any, record: Any, a: int, b: int, sim: Any) -> None:
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
    sums.owner[a] = max(sums.owner[a], sums.owner[b])
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
        merge_nodes(sums, record, a, b, work.top[i])
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
def _add_up(graph: Any, work: Any, a: int) -> None:
    """Write the bonuses between ``a`` and each of its neighbours into ``extra``."""
    work.stamp[0] += 1
    node = a
    while node >= 0:
        for e in range(graph.start[node], graph.start[node + 1]):
            r = _find(work.parent, graph.adjacent[e])
            if work.seen[r] != work.stamp[0]:
                work.seen[r] = work.stamp[0]
                work.extra[r] = 0
            work.extra[r] += graph.bonus[e]
        node = work.following[node]


@kernel()
def _look_up(graph: Any, work: Any, sums: Any, a: int, tau: Any) -> None:
    """Find the best neighbour of ``a`` again; ties go to the smaller number."""
    best, top = _NONE, UNKNOWN
    own = sums.factor[a] / sums.size[a]
    has_bonus = len(graph.bonus) > 0
    if has_bonus:
        _add_up(graph, work, a)
    work.stamp[0] += 1
    work.seen[a] = work.stamp[0]
    node = a
    while node >= 0:
        for e in range(graph.start[node], graph.start[node + 1]):
            r = _find(work.parent, graph.adjacent[e])
            if work.seen[r] == work.stamp[0]:
                continue
            work.seen[r] = work.stamp[0]
            if sums.owner[a] != sums.owner[r] and sums.owner[a] >= 0 and sums.owner[r] >= 0:
                continue
            sim = graph.weight[e]
            if work.following[a] >= 0 or work.following[r] >= 0:
                product = _dot(sums.rows, sums.home[a], sums.home[r])
                sim = product * (own * (sums.factor[r] / sums.size[r]))
                if has_bonus:
                    sim += work.extra[r] / (sums.size[a] * sums.size[r])
            if sim >= tau and (sim > top or (sim == top and r < best)):
                top = sim
                best = r
        node = work.following[node]
    work.best[a], work.top[a] = best, top


@kernel()
def merge_rounds(graph: Any, sums: Any, record: Any, tau: Any, limit: int) -> Any:
    """Merge reciprocal best pairs until none is left or ``limit`` merges are done; serial."""
    n = len(graph.start) - 1
    work = Work(
        np.arange(n), np.full(n, _NONE), np.arange(n), np.full(n, _NONE),
        np.full(n, UNKNOWN), np.zeros(n, np.int64), np.zeros(1, np.int64), np.arange(n),
        np.empty(n, np.int64), np.empty(n if len(graph.bonus) > 0 else 0, np.float32),
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
