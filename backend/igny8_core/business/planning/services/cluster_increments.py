"""New keywords -> the pages and topics that are there; what fits nowhere makes new ones.

Pure, and independent of order: everything is held against the base, which does not move.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from igny8_core.business.planning.services.cluster_core import (
    PARAMETERS,
    THREADS,
    Texts,
    links_between,
    read_texts,
    signs_of_groups,
    split_pages,
)
from igny8_core.business.planning.services.cluster_linkage import Linkage, Links, link
from igny8_core.business.planning.services.cluster_links import Evidence
from igny8_core.business.planning.services.cluster_neighbours import (
    Neighbours,
    cosines,
    neighbours,
    neighbours_in,
    search_for,
    sum_rows,
)
from igny8_core.business.planning.services.cluster_text import (
    duplicate_key,
    split_parts,
    split_signs,
)
from igny8_core.business.planning.services.cluster_vectors import (
    Frequencies,
    embed_groups,
    frequencies,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

NEAREST = 15
NOWHERE = -1

_CLOSE_VARIANT = 0.7
"""Close variants share their stems, so in a long list they are at least so similar. In a short one
every word is a head word; there the keys of all rows are compared."""

_KEYED_ROWS = 5_000

_BLOCK = 8_192


@dataclass(frozen=True)
class _Clusters:
    """Clusters of the base at one level.

    :ivar label: cluster of each row, as a place in ``names``; ``NOWHERE``: none, as the last one.
    :ivar names: the callers' labels, ascending.
    """

    label: NDArray[np.int64]
    names: NDArray[np.int64]
    sums: NDArray[np.float32]
    sizes: NDArray[np.int64]


@dataclass(frozen=True)
class Base:
    """Keywords that have their place: what ``assign_texts`` holds new ones against.

    :ivar row: place of each keyword, in the order given, among ``forms`` and ``vectors``.
    """

    forms: list[str]
    row: NDArray[np.int64]
    vectors: NDArray[np.float32]
    page: _Clusters
    topic: _Clusters
    signs: dict[int, frozenset[str]]
    known: Frequencies
    language: str


@dataclass(frozen=True)
class Assignment:
    """Places of new keywords, in the order given.

    :ivar page: label of the base, or a new one from ``first_new_page`` on.
    :ivar topic: label of the base, or a new one from ``first_new_topic`` on.
    :ivar centrality: similarity to the mean of the topic.
    """

    page: NDArray[np.int64]
    topic: NDArray[np.int64]
    centrality: NDArray[np.float32]
    first_new_page: int
    first_new_topic: int


def base_of(
    keywords: Sequence[str],
    *,
    page: Sequence[int],
    topic: Sequence[int],
    language: str = "en",
    known: Frequencies | None = None,
    threads: int = THREADS,
) -> Base:
    """Prepare placed keywords. Labels may be any numbers from 0 on; a page is in one topic.

    :param page: -1 for a keyword that has a topic but no page.
    :param known: of the run that made the clusters; else those of these keywords.
    """
    texts = read_texts(keywords, language)
    first = np.lexsort((np.asarray(page), np.asarray(topic), texts.row))
    first = first[np.unique(texts.row[first], return_index=True)[1]]
    known = known or frequencies(texts.bag, texts.stems, texts.stem_of)
    with ThreadPoolExecutor(threads) as pool:
        vectors, _ = embed_groups(
            texts.bag, texts.stems, texts.stem_of, np.arange(len(texts.forms), dtype=np.int32),
            known=known, spare_rows=0, pool=pool,
        )  # fmt: skip
    return Base(
        forms=texts.forms,
        row=texts.row,
        vectors=vectors,
        page=_clusters(vectors, np.asarray(page, np.int64)[first]),
        topic=_clusters(vectors, np.asarray(topic, np.int64)[first]),
        signs=split_signs(texts.bag, texts.language),
        known=known,
        language=texts.language,
    )


def _clusters(vectors: NDArray[np.float32], given: NDArray[np.int64]) -> _Clusters:
    placed = np.flatnonzero(given >= 0)
    names, label = np.unique(given[placed], return_inverse=True)
    everywhere = np.full(len(given) + 1, NOWHERE, np.int64)
    everywhere[placed] = label
    sums = sum_rows(vectors, np.ones(len(given), np.float32), everywhere[:-1], len(names))
    return _Clusters(everywhere, names.astype(np.int64), sums, np.bincount(label))


def assign_texts(
    base: Base,
    keywords: Sequence[str],
    *,
    threads: int = THREADS,
    topic_tau: float = PARAMETERS.topic_tau,
    evidence: Evidence | None = None,
) -> Assignment:
    """Place new keywords: the nearest cluster whose mean is near enough, else new clusters.

    The base's labels never change, and no keyword's place depends on the order of the others.
    A keyword that the base holds, or a close variant of one, gets that one's place.

    :param topic_tau: what the base's topics were cut at.
    :param evidence: of the base's keywords, in their order, with these behind them.
    """
    texts = read_texts(keywords, base.language)
    count = int(texts.group.max(initial=-1)) + 1
    sizes = np.bincount(texts.group, minlength=count)
    with ThreadPoolExecutor(threads) as pool:
        vectors, lengths = embed_groups(
            texts.bag, texts.stems, texts.stem_of, texts.group,
            known=base.known, spare_rows=0, pool=pool,
        )  # fmt: skip
        near = neighbours_in(vectors, base.vectors, k=NEAREST, floor=PARAMETERS.floor, pool=pool)
        signs = signs_of_groups(texts)
        lifts = _lifts(base, texts, vectors, evidence)
        topic, page = _places(
            base, texts, vectors, near, signs=signs, lifts=lifts, topic_tau=topic_tau
        )
        rest = np.flatnonzero(page == NOWHERE)
        own = _among(links_between(texts, _of_new(base, evidence), vectors, pool), rest, count)
        apart = _link_rest(
            vectors[rest], lengths[rest], sizes[rest], topic[rest],
            links=own, topic_tau=topic_tau, pool=pool,
        )  # fmt: skip
    own_signs = {at: signs[node] for at, node in enumerate(rest.tolist()) if node in signs}
    page_name = np.append(base.page.names, NOWHERE)[page]
    topic_name = np.append(base.topic.names, NOWHERE)[topic]
    first_page = int(base.page.names.max(initial=-1)) + 1
    first_topic = int(base.topic.names.max(initial=-1)) + 1
    page_name[rest] = first_page + split_pages(apart.page, own_signs)
    alone = topic[rest] == NOWHERE
    new_topic = np.unique(apart.topic[alone], return_inverse=True)[1]
    topic_name[rest[alone]] = first_topic + new_topic
    node = texts.group[texts.row]
    lone = rest[alone]
    new_sums = sum_rows(vectors[lone], lengths[lone], new_topic, int(new_topic.max(initial=-1)) + 1)
    held = topic.copy()
    held[lone] = len(base.topic.sums) + new_topic
    sums = np.concatenate([base.topic.sums, new_sums])
    return Assignment(
        page=page_name[node],
        topic=topic_name[node],
        centrality=cosines(vectors, sums, held)[node],
        first_new_page=first_page,
        first_new_topic=first_topic,
    )


def _places(
    base: Base,
    texts: Texts,
    vectors: NDArray[np.float32],
    near: Neighbours,
    *,
    signs: dict[int, frozenset[str]],
    lifts: _Lifts,
    topic_tau: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(topic, page) of each new group, as places in the base's names, or ``NOWHERE``."""
    topic = _nearest(vectors, near, base.topic, tau=topic_tau, lifts=lifts)
    inside = base.topic.label[near.ids] == topic[:, None]
    held = base.topic.label[lifts.row] == topic[lifts.node]
    lifts = _Lifts(lifts.node[held], lifts.row[held], lifts.bonus[held])
    page = _nearest(vectors, near, base.page, tau=PARAMETERS.page_tau, lifts=lifts, allowed=inside)
    variants = _variants(base, texts, near)
    for node, row in variants.items():
        if base.topic.label[row] != NOWHERE:
            topic[node], page[node] = base.topic.label[row], base.page.label[row]
    _refuse_misfits(base, page, signs, set(variants))
    return topic, page


def _nearest(
    vectors: NDArray[np.float32],
    near: Neighbours,
    clusters: _Clusters,
    *,
    tau: float,
    lifts: _Lifts,
    allowed: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """The cluster of a neighbour with the greatest mean similarity of at least ``tau``.

    Clusters of linked keywords are looked at too, and what links add counts.
    """
    label = np.where(near.similarities > -1, clusters.label[near.ids], NOWHERE)
    if allowed is not None:
        label = np.where(allowed, label, NOWHERE)
    names = max(1, len(clusters.names))
    row, place = np.nonzero(label != NOWHERE)
    linked = clusters.label[lifts.row]
    known = linked != NOWHERE
    by_link = lifts.node[known] * names + linked[known]
    pair = np.unique(np.concatenate([row * names + label[row, place], by_link]))
    row, cluster = pair // names, pair % names
    mean = np.empty(len(pair), np.float32)
    for s in range(0, len(pair), _BLOCK):
        b = slice(s, s + _BLOCK)
        mean[b] = np.einsum("ij,ij->i", vectors[row[b]], clusters.sums[cluster[b]])
    np.add.at(mean, np.searchsorted(pair, by_link), lifts.bonus[known])
    mean /= clusters.sizes[cluster]
    order = np.lexsort((cluster, -mean, row))
    order = order[mean[order] >= np.float32(tau)]
    found, first = np.unique(row[order], return_index=True)
    out = np.full(len(vectors), NOWHERE, np.int64)
    out[found] = cluster[order[first]]
    return out


def _variants(base: Base, texts: Texts, near: Neighbours) -> dict[int, int]:
    """The row of the base that each new group repeats, or is a close variant of."""
    held = {form: row for row, form in enumerate(base.forms)}
    found: dict[int, int] = {}
    for form, node in zip(texts.forms, texts.group.tolist(), strict=True):
        if form in held:
            found.setdefault(node, held[form])
    first = np.unique(texts.group, return_index=True)[1]
    if len(base.forms) <= _KEYED_ROWS:
        keys = [duplicate_key(form, base.language) for form in base.forms]
        row_of = {key: row for row, key in reversed(list(enumerate(keys)))}
        for node, row in enumerate(first.tolist()):
            key = duplicate_key(texts.forms[row], base.language)
            if key in row_of:
                found.setdefault(node, row_of[key])
        return found
    for node in np.flatnonzero(near.similarities[:, 0] >= _CLOSE_VARIANT).tolist():
        if node in found:
            continue
        key = duplicate_key(texts.forms[first[node]], base.language)
        rows = near.ids[node, near.similarities[node] >= _CLOSE_VARIANT].tolist()
        same = [row for row in rows if duplicate_key(base.forms[row], base.language) == key]
        if same:
            found[node] = min(same)
    return found


def _refuse_misfits(
    base: Base, page: NDArray[np.int64], signs: dict[int, frozenset[str]], sure: set[int]
) -> None:
    """Take new groups out of pages in which their numbers or opposite words would stand out."""
    comers: dict[int, list[int]] = {}
    for node in sorted(signs):
        if page[node] != NOWHERE and node not in sure:
            comers.setdefault(int(page[node]), []).append(node)
    if not comers:
        return
    nothing: frozenset[str] = frozenset()
    asked = np.flatnonzero(np.isin(base.page.label, list(comers)))
    held: dict[int, list[frozenset[str]]] = {}
    for row in asked.tolist():
        held.setdefault(int(base.page.label[row]), []).append(base.signs.get(row, nothing))
    for label, nodes in comers.items():
        members = held[label]
        parts = split_parts([*members, *(signs[node] for node in nodes)])
        for node, part in zip(nodes, parts[len(members) :], strict=True):
            if part not in parts[: len(members)]:
                page[node] = NOWHERE


class _Lifts(NamedTuple):
    """What evidence adds between a new group and a row of the base."""

    node: NDArray[np.int64]
    row: NDArray[np.int64]
    bonus: NDArray[np.float32]


def _lifts(
    base: Base, texts: Texts, vectors: NDArray[np.float32], evidence: Evidence | None
) -> _Lifts:
    """By shared results, and with every row of the base that has the same parent."""
    nothing = np.empty(0, np.int64)
    if evidence is None or evidence.is_empty:
        return _Lifts(nothing, nothing, np.empty(0, np.float32))
    old, tau = len(base.row), PARAMETERS.page_tau
    node = texts.group[texts.row].astype(np.int64)
    pairs = np.sort(evidence.pairs, axis=1)
    across = (pairs[:, 0] < old) & (pairs[:, 1] >= old)
    left, right = [node[pairs[across, 1] - old]], [base.row[pairs[across, 0]]]
    least = [tau + (1 - tau) * evidence.strength[across]]
    if len(evidence.families):
        rows_of: dict[int, NDArray[np.int64]] = {
            family: base.row[evidence.families[:old] == family]
            for family in np.unique(evidence.families[old:]).tolist()
            if family >= 0
        }
        for at, family in enumerate(evidence.families[old:].tolist()):
            rows = np.unique(rows_of.get(family, nothing))
            left.append(np.full(len(rows), node[at]))
            right.append(rows)
            least.append(np.full(len(rows), tau, np.float32))
    both = np.stack([np.concatenate(left), np.concatenate(right)], axis=1)
    known = np.concatenate(least).astype(np.float32)
    order = np.lexsort((-known, both[:, 1], both[:, 0]))
    once, first = np.unique(both[order], axis=0, return_index=True)
    similar = np.einsum("ij,ij->i", vectors[once[:, 0]], base.vectors[once[:, 1]])
    return _Lifts(once[:, 0], once[:, 1], np.maximum(known[order][first] - similar, 0))


def _of_new(base: Base, evidence: Evidence | None) -> Evidence | None:
    """The evidence among the new keywords alone."""
    if evidence is None:
        return None
    old = len(base.row)
    own = (evidence.pairs >= old).all(axis=1)
    return Evidence(evidence.pairs[own] - old, evidence.strength[own], evidence.families[old:])


def _among(links: Links | None, rest: NDArray[np.int64], count: int) -> Links | None:
    """The links between some of the groups, by their places among these."""
    if links is None:
        return None
    place = np.full(count, NOWHERE, np.int32)
    place[rest] = np.arange(len(rest), dtype=np.int32)
    low, high = place[links.low], place[links.high]
    both = (low != NOWHERE) & (high != NOWHERE)
    return Links(low[both], high[both], links.least[both])


def _link_rest(
    vectors: NDArray[np.float32],
    lengths: NDArray[np.float32],
    sizes: NDArray[np.int64],
    topic: NDArray[np.int64],
    *,
    links: Links | None,
    topic_tau: float,
    pool: Executor,
) -> Linkage:
    """Cluster what found no page among itself; rows of two topics never share a page."""
    n = len(vectors)
    search = search_for(n)
    found = neighbours(vectors, search=search, floor=PARAMETERS.floor, pool=pool)
    apart = topic[found.ids] != topic[:, None]
    kept = Neighbours(
        np.where(apart, np.arange(n, dtype=np.int32)[:, None], found.ids),
        np.where(apart, np.float32(-1), found.similarities),
    )
    rows = np.empty((n + n // 2 + 1, vectors.shape[1]), np.float32)
    rows[:n] = vectors
    if links is not None:
        near = topic[links.low] == topic[links.high]
        links = Links(links.low[near], links.high[near], links.least[near])
    return link(
        rows, lengths, sizes, kept,
        page_tau=PARAMETERS.page_tau, topic_tau=topic_tau, pool=pool, links=links,
    )  # fmt: skip
