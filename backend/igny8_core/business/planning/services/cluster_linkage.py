"""Average linkage on a neighbour graph: cluster sums, reciprocal best pairs, two cuts.

For unit vectors the mean similarity between two clusters is the inner product of their sums over
the product of their sizes, so exact average linkage needs one product for each candidate pair.
Rounds are serial and sums float32: the result does not depend on the number of threads.

Two things bend the similarity, both additive, so that it stays an average. A link lifts a pair to
what its evidence is worth: what is missing is the bonus of the pair, and bonuses add up as clusters
grow.
Nodes of different owners are never merged; those of one owner are one node before the second cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from igny8_core.business.planning.services.cluster_merging import (
    FREE,
    UNKNOWN,
    Edges,
    Graph,
    Record,
    Sums,
    both_ways,
    merge_nodes,
    merge_rounds,
    pair_products,
    unique_edges,
)

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from igny8_core.business.planning.services.cluster_neighbours import Neighbours

CONTRACT_AFTER = 0.3
"""Share of the nodes that merge before the graph is contracted."""

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


class Links(NamedTuple):
    """Pairs of nodes, once each, ``low < high``.

    :ivar least: what a pair counts as similar at the least.
    """

    low: NDArray[np.int32]
    high: NDArray[np.int32]
    least: NDArray[np.float32]


@dataclass(frozen=True)
class Linkage:
    """Two cuts of one tree.

    :ivar page: label of each node at the first cut.
    :ivar topic: label of each node at the second; a page lies inside one topic.
    """

    page: NDArray[np.int32]
    topic: NDArray[np.int32]
    tree: Tree


class _Agglomeration:
    """One run: the nodes that are left, and the tree so far."""

    def __init__(
        self,
        rows: NDArray[np.float32],
        lengths: NDArray[np.float32],
        sizes: NDArray[np.int64],
        owners: NDArray[np.int32],
        pool: Executor,
    ) -> None:
        n = len(lengths)
        spare = np.arange(len(rows) - 1, n - 1, -1)
        self.pool = pool
        self.sums = Sums(
            rows=rows,
            home=np.arange(n),
            factor=lengths.astype(np.float32),
            size=sizes.astype(np.float32),
            owner=owners.astype(np.int32),
            spare=spare,
            left=np.array([len(spare)]),
        )
        self.record = Record(
            anchor=np.arange(n, dtype=np.int32),
            lowest=np.ones(n, np.float32),
            parent=np.arange(n, dtype=np.int32),
            height=np.full(n, -1, np.float32),
        )

    def edges(self, before: Edges, label: NDArray[np.int32], touched: NDArray[np.bool_]) -> Edges:
        """Edges between the nodes that ``label`` gives the old ones, all weights known."""
        low, high, weight, bonus = unique_edges(before, label, touched)
        missing = np.flatnonzero(weight == UNKNOWN)
        sums = self.sums
        left, right = sums.home[low[missing]], sums.home[high[missing]]
        products = np.empty(len(missing), np.float32)
        blocks = [slice(s, s + _BLOCK) for s in range(0, len(missing), _BLOCK)]
        list(
            self.pool.map(
                lambda b: pair_products(sums.rows, left[b], right[b], products[b]), blocks
            )
        )
        share = sums.factor / sums.size
        weight[missing] = products * (share[low[missing]] * share[high[missing]])
        if len(bonus):
            pairs = sums.size[low[missing]] * sums.size[high[missing]]
            weight[missing] += bonus[missing] / pairs
        return self._without_strangers(Edges(low, high, weight, bonus))

    def _without_strangers(self, edges: Edges) -> Edges:
        """Only edges between nodes that may merge."""
        owner = self.sums.owner
        if owner.max(initial=FREE) == FREE:
            return edges
        left, right = owner[edges.low], owner[edges.high]
        keep = (left == right) | (left == FREE) | (right == FREE)
        return Edges(
            edges.low[keep], edges.high[keep], edges.weight[keep],
            edges.bonus[keep] if len(edges.bonus) else edges.bonus,
        )  # fmt: skip

    def lift(self, edges: Edges, links: Links) -> Edges:
        """The edges with those of the links among them, none of these below its least."""
        nodes = np.arange(len(self.sums.home), dtype=np.int32)
        both = Edges(
            np.concatenate([links.low.astype(np.int32), edges.low]),
            np.concatenate([links.high.astype(np.int32), edges.high]),
            np.concatenate([np.full(len(links.low), UNKNOWN), edges.weight]),
            np.concatenate([links.least.astype(np.float32), np.zeros_like(edges.weight)]),
        )
        marked = self.edges(both, nodes, np.zeros(len(nodes), bool))
        linked, least = marked.bonus > 0, marked.bonus
        pairs = self.sums.size[marked.low] * self.sums.size[marked.high]
        plain = np.where(linked, marked.weight - least / pairs, marked.weight)
        weight = np.where(linked, np.maximum(plain, least), plain)
        bonus = np.where(linked, (weight - plain) * pairs, np.float32(0))
        return Edges(marked.low, marked.high, weight.astype(np.float32), bonus.astype(np.float32))

    def merge_owners(self) -> NDArray[np.int32]:
        """Make one node of all nodes of each owner; returns the new number of each node."""
        owner = self.sums.owner
        n = len(owner)
        into = np.arange(n)
        first: dict[int, int] = {}
        for node in np.flatnonzero(owner != FREE).tolist():
            head = first.setdefault(int(owner[node]), node)
            if head != node:
                merge_nodes(self.sums, self.record, head, node, np.float32(1))
                into[node] = head
        alive = into == np.arange(n)
        renumbered = (np.cumsum(alive) - 1).astype(np.int32)[into]
        self._keep(alive)
        return renumbered

    def merge_down_to(self, edges: Edges, tau: float) -> NDArray[np.int32]:
        """Merge until no pair reaches ``tau``; returns the new number of each node."""
        label = np.arange(len(self.sums.home), dtype=np.int32)
        least = np.float32(tau)
        while len(edges.low):
            n = len(self.sums.home)
            graph = Graph(*both_ways(edges, n, least))
            limit = max(1, int(n * CONTRACT_AFTER))
            root, merges = merge_rounds(graph, self.sums, self.record, least, limit)
            if not merges:
                break
            alive = root == np.arange(n)
            renumbered = (np.cumsum(alive) - 1).astype(np.int32)[root]
            self._keep(alive)
            label = renumbered[label]
            strong = edges.weight >= least  # weaker ones never come back
            edges = self.edges(
                Edges(
                    edges.low[strong], edges.high[strong], edges.weight[strong],
                    edges.bonus[strong] if len(edges.bonus) else edges.bonus,
                ),
                renumbered,
                np.bincount(renumbered) > 1,
            )  # fmt: skip
        return label

    def _keep(self, alive: NDArray[np.bool_]) -> None:
        sums, record = self.sums, self.record
        home, factor, size = sums.home[alive], sums.factor[alive], sums.size[alive]
        owner = sums.owner[alive]
        self.sums = Sums(sums.rows, home, factor, size, owner, sums.spare, sums.left)
        anchor, lowest = record.anchor[alive], record.lowest[alive]
        self.record = Record(anchor, lowest, record.parent, record.height)

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
    owners: NDArray[np.int32] | None = None,
    links: Links | None = None,
) -> Linkage:
    """Pages and topics of the nodes whose unit vectors are the first ``len(lengths)`` rows.

    :param rows: the unit vectors and, behind them, at least half as many spare rows for sums.
    :param lengths: length of the sum of each node's members; ``sizes``: how many members.
    :param owners: number of each node's owner, or ``FREE``. Nodes of one owner share a topic,
        nodes of two never do.
    :param links: pairs of nodes that are more similar than their vectors say.
    """
    n, k = found.ids.shape
    owned = np.full(n, FREE, np.int32) if owners is None else owners
    run = _Agglomeration(rows, lengths, sizes, owned, pool)
    real = (found.similarities > -1).ravel()
    pairs = Edges(
        np.repeat(np.arange(n, dtype=np.int32), k)[real],
        found.ids.ravel()[real],
        found.similarities.ravel()[real],
        np.empty(0, np.float32),
    )
    edges = run.edges(pairs, np.arange(n, dtype=np.int32), np.ones(n, bool))
    if links is not None and len(links.low):
        edges = run.lift(edges, links)
    page = run.merge_down_to(edges, page_tau)
    run.end_level(page_tau)
    node = page
    if owners is not None:
        node = run.merge_owners()[page]
    between = run.edges(edges, node, np.bincount(node, minlength=1) > 1)
    topic = run.merge_down_to(between, topic_tau)
    return Linkage(
        page=page,
        topic=topic[node],
        tree=Tree(run.record.parent, run.record.height),
    )
