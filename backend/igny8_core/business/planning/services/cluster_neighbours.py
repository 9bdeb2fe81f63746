"""Nearest neighbours by inner product: exact tiles for short lists, else cells and joins.

Tiles, slices and blocks have fixed sizes, so the result does not depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from igny8_core.common.kernels import kernel

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import NDArray

_EXACT_UP_TO = 20_000
_CAREFUL_UP_TO = 300_000
_TILE_ROWS = 1_024
_TILE_COLUMNS = 2_048
_BLOCK = 4_096
_JOINED_ROWS = 8_192
_SLICES = 2
"""Queries of one cell go in so many parts, each to one thread."""

_SAMPLE = 32
_ROUNDS = 4


@dataclass(frozen=True)
class Search:
    """How neighbours are looked for.

    :ivar k: neighbours of a row.
    :ivar cell: rows of a cell; 0 compares every pair.
    :ivar probes: cells that a row looks into.
    :ivar joins: rounds over neighbours' neighbours.
    :ivar reach: how many forward and backward neighbours take part in a join.
    """

    k: int
    cell: int = 0
    probes: int = 0
    joins: int = 0
    reach: int = 8


@dataclass(frozen=True)
class Neighbours:
    """Neighbours of each row, best first, ties by number.

    An unused slot holds the row itself and the similarity -1.
    """

    ids: NDArray[np.int32]
    similarities: NDArray[np.float32]


def search_for(rows: int) -> Search:
    """The one fixed choice of parameters by the length of the list."""
    if rows <= _EXACT_UP_TO:
        return Search(k=15)
    if rows <= _CAREFUL_UP_TO:
        return Search(k=10, cell=256, probes=8, joins=2)
    return Search(k=10, cell=512, probes=6, joins=1)


@kernel(fastmath=True)
def _push(ids: Any, sims: Any, row: int, item: int, sim: Any) -> None:
    """Replace the smallest of a row that is a binary min-heap."""
    width = ids.shape[1]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= width:
            break
        if child + 1 < width and sims[row, child + 1] < sims[row, child]:
            child += 1
        if sims[row, child] >= sim:
            break
        sims[row, i] = sims[row, child]
        ids[row, i] = ids[row, child]
        i = child
    sims[row, i] = sim
    ids[row, i] = item


@kernel(fastmath=True)
def _merge_block(block: Any, queries: Any, members: Any, ids: Any, sims: Any) -> None:
    """Take what beats a query's smallest neighbour; most stretches of 16 are skipped whole."""
    columns = block.shape[1]
    for r in range(block.shape[0]):
        q = queries[r]
        low = sims[q, 0]
        for first in range(0, columns, 16):
            last = min(first + 16, columns)
            top = block[r, first]
            for j in range(first, last):
                top = max(top, block[r, j])
            if top <= low:
                continue
            for j in range(first, last):
                if block[r, j] > low and members[j] != q:
                    _push(ids, sims, q, members[j], block[r, j])
                    low = sims[q, 0]


@kernel()
def _sort_rows(ids: Any, sims: Any) -> None:
    """Best first, ties by number; slots that hold their own row are emptied."""
    width = ids.shape[1]
    for row in range(ids.shape[0]):
        for j in range(width):
            if ids[row, j] == row:
                sims[row, j] = -1
        for j in range(1, width):
            item, sim = ids[row, j], sims[row, j]
            t = j
            while t > 0 and (
                sims[row, t - 1] < sim or (sims[row, t - 1] == sim and ids[row, t - 1] > item)
            ):
                ids[row, t], sims[row, t] = ids[row, t - 1], sims[row, t - 1]
                t -= 1
            ids[row, t], sims[row, t] = item, sim


@kernel()
def _add_rows(vectors: Any, weight: Any, label: Any, out: Any) -> None:
    for row in range(len(label)):
        a = label[row]
        if a >= 0:
            for x in range(vectors.shape[1]):
                out[a, x] += weight[row] * vectors[row, x]


def sum_rows(
    vectors: NDArray[np.float32], weight: NDArray[np.float32], label: NDArray[Any], count: int
) -> NDArray[np.float32]:
    """Weighted sums of the rows of each label, in order of the rows; -1 is no label."""
    out = np.zeros((count, vectors.shape[1]), np.float32)
    _add_rows(vectors, weight, label.astype(np.int64), out)
    return out


def cosines(
    vectors: NDArray[np.float32], sums: NDArray[np.float32], label: NDArray[Any]
) -> NDArray[np.float32]:
    """Similarity of each unit row to the direction of its label's sum; 0 where either is 0."""
    length = np.maximum(np.sqrt(np.einsum("ij,ij->i", sums, sums)), np.float32(1e-6))
    out = np.empty(len(vectors), np.float32)
    for s in range(0, len(vectors), _BLOCK):
        b = slice(s, s + _BLOCK)
        out[b] = np.einsum("ij,ij->i", vectors[b], sums[label[b]]) / length[label[b]]
    return np.clip(out, -1, 1)


@kernel()
def _best_cells(block: Any, out: Any) -> None:
    count = out.shape[1]
    best = np.empty(count, np.float32)
    for i in range(block.shape[0]):
        best[:] = -9
        for j in range(block.shape[1]):
            if block[i, j] > best[count - 1]:
                t = count - 1
                while t > 0 and best[t - 1] < block[i, j]:
                    best[t] = best[t - 1]
                    out[i, t] = out[i, t - 1]
                    t -= 1
                best[t] = block[i, j]
                out[i, t] = j


@kernel()
def _backward(ids: Any, sims: Any, reach: int) -> Any:
    """The ``reach`` rows that hold a row most dearly, best first, ties by number; -1: none."""
    n, width = ids.shape
    rows = np.full((n, reach), -1, np.int32)
    values = np.full((n, reach), -1, np.float32)
    for source in range(n):
        for j in range(width):
            target, sim = ids[source, j], sims[source, j]
            if sim <= values[target, reach - 1]:
                continue
            t = reach - 1
            while t > 0 and values[target, t - 1] < sim:
                values[target, t] = values[target, t - 1]
                rows[target, t] = rows[target, t - 1]
                t -= 1
            values[target, t] = sim
            rows[target, t] = source
    return rows


class _Snapshot(NamedTuple):
    """What a join reads: unit vectors, neighbours best first, and who holds each row dearly."""

    vectors: NDArray[np.float32]
    ids: NDArray[np.int32]
    backward: NDArray[np.int32]


@kernel(fastmath=True)
def _join_rows(snapshot: Any, ids: Any, sims: Any, first: int) -> None:
    """Try the neighbours' neighbours, forward and backward, of a block of rows."""
    vectors, old, backward = snapshot.vectors, snapshot.ids, snapshot.backward
    n, dims = vectors.shape
    width, reach = ids.shape[1], backward.shape[1]
    seen = np.full(n, -1, np.int32)
    for q in range(first, min(first + _JOINED_ROWS, n)):
        seen[q] = q
        for j in range(width):
            seen[ids[q, j]] = q
        for j in range(2 * reach):
            middle = old[q, j] if j < reach else backward[q, j - reach]
            if middle < 0 or middle == q:
                continue
            for t in range(reach + 1):
                c = old[middle, t] if t < reach else middle
                if seen[c] == q:
                    continue
                seen[c] = q
                sim = np.float32(0)
                for x in range(dims):
                    sim += vectors[q, x] * vectors[c, x]
                if sim > sims[q, 0]:
                    _push(ids, sims, q, c, sim)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    length[length == 0] = 1
    return rows / length


def _centres(vectors: NDArray[np.float32], count: int, pool: Executor) -> NDArray[np.float32]:
    """Centres of a spherical k-means on a seeded sample; an empty centre keeps its place."""
    random = np.random.RandomState(1)
    sample = vectors[np.sort(random.permutation(len(vectors))[: count * _SAMPLE])]
    centres = sample[np.random.RandomState(1).permutation(len(sample))[:count]]
    ones = np.ones(len(sample), np.float32)
    for _ in range(_ROUNDS):
        parts = pool.map(
            lambda s, c=centres: (sample[s : s + _BLOCK] @ c.T).argmax(1),
            range(0, len(sample), _BLOCK),
        )
        home = np.concatenate(list(parts))
        sums = sum_rows(sample, ones, home, len(centres))
        centres = _unit(
            np.where(np.bincount(home, minlength=len(centres))[:, None] > 0, sums, centres)
        )
    return centres


def _all_pairs(
    vectors: NDArray[np.float32], ids: NDArray[np.int32], sims: NDArray[np.float32], pool: Executor
) -> None:
    n = len(vectors)
    own = np.arange(n, dtype=np.int32)

    def rows(first: int) -> None:
        mine = slice(first, min(first + _TILE_ROWS, n))
        for column in range(0, n, _TILE_COLUMNS):
            others = slice(column, min(column + _TILE_COLUMNS, n))
            _merge_block(vectors[mine] @ vectors[others].T, own[mine], own[others], ids, sims)

    list(pool.map(rows, range(0, n, _TILE_ROWS)))


def _by_cells(
    vectors: NDArray[np.float32],
    ids: NDArray[np.int32],
    sims: NDArray[np.float32],
    search: Search,
    pool: Executor,
) -> None:
    n = len(vectors)
    centres = _centres(vectors, max(search.probes, n // search.cell), pool)
    probed = np.zeros((n, search.probes), np.int32)
    starts = range(0, n, _BLOCK)
    list(
        pool.map(
            lambda s: _best_cells(vectors[s : s + _BLOCK] @ centres.T, probed[s : s + _BLOCK]),
            starts,
        )
    )
    by_home = np.argsort(probed[:, 0], kind="stable").astype(np.int32)
    cells = np.arange(len(centres) + 1)
    bounds = np.searchsorted(probed[by_home, 0], cells)

    def walk(part: int) -> None:
        """Every cell, for the queries of one slice: only this thread writes their neighbours."""
        mine = by_home[n * part // _SLICES : n * (part + 1) // _SLICES]
        flat = probed[mine].ravel()
        order = np.argsort(flat, kind="stable")
        first = np.searchsorted(flat[order], cells)
        rows = mine[order // search.probes]
        for cell in range(len(centres)):
            members = by_home[bounds[cell] : bounds[cell + 1]]
            block = vectors[members].T
            for s in range(first[cell], first[cell + 1], _BLOCK):
                queries = rows[s : min(s + _BLOCK, first[cell + 1])]
                _merge_block(vectors[queries] @ block, queries, members, ids, sims)

    list(pool.map(walk, range(_SLICES)))


def _join(
    vectors: NDArray[np.float32], found: Neighbours, floor: float, reach: int, pool: Executor
) -> Neighbours:
    snapshot = _Snapshot(vectors, found.ids, _backward(found.ids, found.similarities, reach))
    ids = found.ids[:, ::-1].copy()  # ascending rows are min-heaps
    sims = np.maximum(found.similarities[:, ::-1], np.float32(floor))
    starts = range(0, len(ids), _JOINED_ROWS)
    list(pool.map(lambda first: _join_rows(snapshot, ids, sims, first), starts))
    _sort_rows(ids, sims)
    return Neighbours(ids, sims)


def neighbours(
    vectors: NDArray[np.float32], *, search: Search, floor: float, pool: Executor
) -> Neighbours:
    """Neighbours of unit rows whose inner product is above ``floor``."""
    n = len(vectors)
    own = np.arange(n, dtype=np.int32)
    ids = np.repeat(own[:, None], search.k, axis=1)
    sims = np.full((n, search.k), floor, np.float32)
    if search.cell:
        _by_cells(vectors, ids, sims, search, pool)
    else:
        _all_pairs(vectors, ids, sims, pool)
    _sort_rows(ids, sims)
    found = Neighbours(ids, sims)
    for _ in range(search.joins):
        found = _join(vectors, found, floor, min(search.reach, search.k), pool)
    return found


def neighbours_in(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    *,
    k: int,
    floor: float,
    pool: Executor,
) -> Neighbours:
    """The rows of ``vectors`` nearest to each query, exactly; an unused slot holds 0 and -1."""
    m, n = len(queries), len(vectors)
    ids = np.full((m, k), -1, np.int32)
    sims = np.full((m, k), floor, np.float32)
    own = np.arange(m, dtype=np.int32)
    others = np.arange(m, m + n, dtype=np.int32)  # no query is its own neighbour here

    def rows(first: int) -> None:
        mine = slice(first, min(first + _TILE_ROWS, m))
        for column in range(0, n, _TILE_COLUMNS):
            part = slice(column, min(column + _TILE_COLUMNS, n))
            _merge_block(queries[mine] @ vectors[part].T, own[mine], others[part], ids, sims)

    list(pool.map(rows, range(0, m, _TILE_ROWS)))
    sims[ids < 0] = -1
    _sort_rows(ids, sims)
    return Neighbours(np.maximum(ids - m, 0), sims)
