"""Keywords -> pages inside topics. Pure: lists and arrays in, arrays out.

The work runs on the sorted distinct normal forms, so the order of the input means nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from igny8_core.business.planning.services.cluster_linkage import Links, Tree, link
from igny8_core.business.planning.services.cluster_merging import FREE
from igny8_core.business.planning.services.cluster_neighbours import (
    Search,
    cosines,
    neighbours,
    search_for,
    sum_rows,
)
from igny8_core.business.planning.services.cluster_text import (
    Bag,
    bag_of_words,
    base_language,
    duplicate_groups,
    normalise,
    split_parts,
    split_signs,
    stem_words,
)
from igny8_core.business.planning.services.cluster_vectors import (
    Frequencies,
    embed_groups,
    frequencies,
    number_stems,
)
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from igny8_core.business.planning.services.cluster_links import Evidence

VERSION = 2
"""Of the algorithm and its parameters; scores of two versions are not compared."""

THREADS = 2
FAMILY_IN_FULL, FAMILY_NEAREST = 12, 10
"""Keywords of one parent are linked in full, or each with its nearest in a larger family."""

_FAMILY_BLOCK = 1_024


@dataclass(frozen=True)
class Parameters:
    """What every list is clustered with."""

    page_tau: float = 0.60
    topic_tau: float = 0.40
    floor: float = 0.35
    topic_cap: int = 300
    cap_taus: tuple[float, ...] = (0.45, 0.50, 0.55)


PARAMETERS = Parameters()


@dataclass(frozen=True)
class Clustering:
    """Pages and topics of a list; arrays are in the order of the keywords given.

    Labels are numbered by the first normal form in alphabetical order.

    :ivar page: label of the keyword's page; a page lies inside one topic.
    :ivar topic: label of the keyword's topic.
    :ivar centrality: similarity of the keyword to the mean of its topic; 0 without known words.
    :ivar representative: place of the keyword that stands for its close variants: the highest
        volume, then the shortest, then the first in the alphabet.
    :ivar node: group of close variants that the keyword belongs to; they share one vector.
    :ivar nodes: unit vectors of the groups.
    :ivar tree: merges between groups; ``recut`` uses it.
    :ivar frequencies: of words and stems; what later keywords are weighed with.
    """

    page: NDArray[np.int64]
    topic: NDArray[np.int64]
    centrality: NDArray[np.float32]
    representative: NDArray[np.int64]
    node: NDArray[np.int32]
    nodes: NDArray[np.float32]
    tree: Tree
    frequencies: Frequencies
    language: str
    version: int
    parameters: dict[str, Any]

    @property
    def vectors(self) -> NDArray[np.float32]:
        """One unit vector for each keyword, in the order given: a copy."""
        return self.nodes[self.node]

    @property
    def heights(self) -> NDArray[np.float32]:
        """Mean similarity at which each group of close variants joined a larger cluster; or -1."""
        return self.tree.height

    def recut(self, tau: float) -> NDArray[np.int64]:
        """Labels at another threshold, at least ``topic_tau``; takes milliseconds."""
        return self.tree.cut(tau)[self.node].astype(np.int64)


@dataclass(frozen=True)
class Texts:
    """Distinct normal forms in alphabetical order, and where each given keyword is among them."""

    forms: list[str]
    row: NDArray[np.int64]
    bag: Bag
    stems: list[str]
    stem_of: NDArray[np.int32]
    group: NDArray[np.int32]
    language: str


def read_texts(keywords: Sequence[str], language: str) -> Texts:
    """Keywords as the rows that the work runs on."""
    language = base_language(language)
    given = [normalise(keyword) for keyword in keywords]
    forms = sorted(set(given))
    place = {form: row for row, form in enumerate(forms)}
    bag = bag_of_words(forms)
    stems, stem_of = number_stems(stem_words(bag.vocabulary, language))
    return Texts(
        forms=forms,
        row=np.array([place[form] for form in given], np.int64),
        bag=bag,
        stems=stems,
        stem_of=stem_of,
        group=duplicate_groups(bag, stem_of, language),
        language=language,
    )


def cluster_texts(
    keywords: Sequence[str],
    *,
    volumes: Sequence[int | None] | None = None,
    language: str = "en",
    threads: int = THREADS,
    search: Search | None = None,
    topic_tau: float = PARAMETERS.topic_tau,
    owners: Sequence[int] | None = None,
    evidence: Evidence | None = None,
) -> Clustering:
    """Group keywords into pages and topics. No number of clusters is asked for.

    The partition depends on the set of normal forms alone, with its owners and evidence: not on
    order, repeats, volumes or threads. Every keyword gets a page and a topic; what is like nothing
    else is alone.

    :param volumes: for ``representative`` alone; None is unknown.
    :param language: ISO 639-1; decides on stems, filler words and contrasts.
    :param search: how neighbours are looked for; by the length of the list unless a test says it.
    :param topic_tau: another granularity, between the two thresholds of ``PARAMETERS``.
    :param owners: for each keyword the cluster that a person put it into, or ``FREE``. Keywords
        of one owner share a topic, those of two owners never do; close variants follow.
    :param evidence: what else says that keywords belong together.
    """
    if not PARAMETERS.topic_tau <= topic_tau <= PARAMETERS.page_tau:
        raise InvalidInput("no such granularity", topic_tau=topic_tau)
    texts, owner = _owned(read_texts(keywords, language), owners)
    known = frequencies(texts.bag, texts.stems, texts.stem_of)
    count = int(texts.group.max(initial=-1)) + 1
    sizes = np.bincount(texts.group, minlength=count)
    search = search or search_for(count)
    with ThreadPoolExecutor(threads) as pool:
        rows, lengths = embed_groups(
            texts.bag, texts.stems, texts.stem_of, texts.group,
            known=known, spare_rows=count // 2 + 1, pool=pool,
        )  # fmt: skip
        found = neighbours(rows[:count], search=search, floor=PARAMETERS.floor, pool=pool)
        linked = link(
            rows, lengths, sizes, found,
            page_tau=PARAMETERS.page_tau, topic_tau=topic_tau, pool=pool,
            owners=owner, links=links_between(texts, evidence, rows, pool),
        )  # fmt: skip
    page = split_pages(linked.page, signs_of_groups(texts))
    topic = _cap_topics(linked.topic, sizes, linked.tree)
    sums = sum_rows(rows[:count], lengths, topic, int(topic.max(initial=-1)) + 1)
    node = texts.group[texts.row]
    return Clustering(
        page=page[node].astype(np.int64),
        topic=topic[node].astype(np.int64),
        centrality=cosines(rows[:count], sums, topic)[node],
        representative=_representatives(keywords, texts, volumes),
        node=node,
        nodes=rows[:count],
        tree=linked.tree,
        frequencies=known,
        language=texts.language,
        version=VERSION,
        parameters=asdict(PARAMETERS) | asdict(search) | {"topic_tau": topic_tau},
    )


def _owned(texts: Texts, owners: Sequence[int] | None) -> tuple[Texts, NDArray[np.int32] | None]:
    """The same texts, no group of close variants with two owners; and the owner of each group."""
    if owners is None:
        return texts, None
    given = np.asarray(owners, np.int64)
    of_row = np.full(len(texts.forms), np.iinfo(np.int64).max)
    np.minimum.at(of_row, texts.row[given != FREE], given[given != FREE])
    of_row[of_row == np.iinfo(np.int64).max] = FREE
    numbers = np.unique(of_row[of_row != FREE])
    own = np.where(of_row == FREE, FREE, np.searchsorted(numbers, of_row)).astype(np.int64)
    held: dict[int, list[int]] = {}
    for row in np.flatnonzero(own != FREE).tolist():
        held.setdefault(int(texts.group[row]), []).append(int(own[row]))
    chosen = np.array(
        [min(held.get(g, [FREE])) for g in range(int(texts.group.max(initial=-1)) + 1)]
    )
    apart = np.where(own == FREE, chosen[texts.group], own)
    group = _number_by_first(texts.group.astype(np.int64) * (len(numbers) + 1) + apart + 1)
    owner = np.full(int(group.max(initial=-1)) + 1, FREE, np.int32)
    owner[group] = apart
    return replace(texts, group=group), owner


def links_between(
    texts: Texts, evidence: Evidence | None, vectors: NDArray[np.float32], pool: Executor
) -> Links | None:
    """The evidence between groups of close variants; None when there is none.

    :param vectors: unit vectors of the groups.
    """
    if evidence is None or evidence.is_empty:
        return None
    node = texts.group[texts.row].astype(np.int64)
    tau = PARAMETERS.page_tau
    pairs = [node[evidence.pairs]]
    least = [tau + (1 - tau) * evidence.strength]
    if len(evidence.families):
        pairs += _family_pairs(node, evidence.families, vectors, pool)
        least += [np.full(len(found), tau, np.float32) for found in pairs[1:]]
    both = np.sort(np.concatenate(pairs).reshape(-1, 2), axis=1)
    known = np.concatenate(least)
    order = np.lexsort((-known, both[:, 1], both[:, 0]))
    order = order[both[order, 0] != both[order, 1]]
    once, first = np.unique(both[order], axis=0, return_index=True)
    return Links(
        once[:, 0].astype(np.int32), once[:, 1].astype(np.int32),
        known[order][first].astype(np.float32),
    )  # fmt: skip


def _family_pairs(
    node: NDArray[np.int64],
    families: NDArray[np.int64],
    vectors: NDArray[np.float32],
    pool: Executor,
) -> list[NDArray[np.int64]]:
    named = families >= 0
    members = np.unique(np.stack([families[named], node[named]], axis=1), axis=0)
    starts = np.flatnonzero(np.r_[True, members[1:, 0] != members[:-1, 0]])
    found: list[NDArray[np.int64]] = []
    for own in np.split(members[:, 1], starts[1:]) if len(members) else ():
        if len(own) <= FAMILY_IN_FULL:
            found.append(own[np.stack(np.triu_indices(len(own), 1), axis=1)])
        else:
            blocks = [slice(s, s + _FAMILY_BLOCK) for s in range(0, len(own), _FAMILY_BLOCK)]
            found += pool.map(lambda block, own=own: _nearest_of(own, vectors, block), blocks)
    return found


def _nearest_of(
    own: NDArray[np.int64], vectors: NDArray[np.float32], block: slice
) -> NDArray[np.int64]:
    """Pairs of the members in a block with those of their family that are nearest to them."""
    similar = vectors[own[block]] @ vectors[own].T
    similar[np.arange(len(similar)), np.arange(block.start, block.start + len(similar))] = -2
    near = np.argsort(-similar, axis=1, kind="stable")[:, :FAMILY_NEAREST]
    return np.stack([np.repeat(own[block], FAMILY_NEAREST), own[near].ravel()], axis=1)


def _representatives(
    keywords: Sequence[str], texts: Texts, volumes: Sequence[int | None] | None
) -> NDArray[np.int64]:
    """The keyword that stands for each one's close variants: volume, then length, then alphabet."""
    n = len(keywords)
    group = texts.group[texts.row]
    volume = np.array([v or 0 for v in volumes] if volumes is not None else [0] * n, np.int64)
    length = np.array([len(form) for form in texts.forms], np.int64)[texts.row]
    order = np.lexsort((np.arange(n), texts.row, length, -volume, group))
    best = np.zeros(int(group.max(initial=-1)) + 1, np.int64)
    best[group[order][::-1]] = order[::-1]  # the first of each group is written last
    return best[group]


def signs_of_groups(texts: Texts) -> dict[int, frozenset[str]]:
    """What may split a page, for the groups of close variants that hold any."""
    signs: dict[int, frozenset[str]] = {}
    for row, found in split_signs(texts.bag, texts.language).items():
        node = int(texts.group[row])
        signs[node] = signs.get(node, frozenset()) | found
    return signs


def split_pages(page: NDArray[Any], signs: dict[int, frozenset[str]]) -> NDArray[np.int32]:
    """Cut pages whose members bear different numbers or opposite words; a topic stays whole.

    :param signs: of the nodes that bear any.
    """
    members: dict[int, list[int]] = {}
    for node in sorted(signs):
        members.setdefault(int(page[node]), []).append(node)
    part = np.zeros(len(page), np.int64)
    for nodes in members.values():
        part[nodes] = split_parts([signs[node] for node in nodes])
    return _number_by_first(page * (part.max(initial=0) + 1) + part)


def _cap_topics(topic: NDArray[np.int32], weight: NDArray[Any], tree: Tree) -> NDArray[np.int32]:
    """Cut topics of too many keywords at the lowest height that makes every part small enough.

    A part that is too large at the last height stays so.
    """
    sizes = np.bincount(topic, weights=weight)
    out = topic.astype(np.int64)
    unused = len(topic)
    for label in np.flatnonzero(sizes > PARAMETERS.topic_cap):
        inside = np.flatnonzero(topic == label)
        for tau in PARAMETERS.cap_taus:
            parts = tree.cut(tau)[inside]
            if np.bincount(parts, weights=weight[inside]).max() <= PARAMETERS.topic_cap:
                break
        out[inside] = unused + parts
        unused += int(parts.max()) + 1
    return _number_by_first(out)


def _number_by_first(label: NDArray[Any]) -> NDArray[np.int32]:
    """The same partition, numbered by first appearance."""
    _, first, place = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[place]


def warm_up(*, long_lists: bool = False) -> None:
    """Load the model and compile; later processes find the kernels on disk.

    :param long_lists: also what lists of more than 20,000 keywords need.
    """
    sample = ["red shoe", "red shoes for men", "blue coat", "blue winter coat", "car hire"]
    cluster_texts(sample, owners=[1, 1, 1, FREE, FREE])
    if long_lists:
        cluster_texts(sample, search=Search(k=2, cell=2, probes=2, joins=1))
