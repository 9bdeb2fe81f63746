"""Why two keywords are together, or apart: wording, shared results, the tool, a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from igny8_core.business.planning import cluster_selectors, selectors
from igny8_core.business.planning.services.cluster_build import run_settings
from igny8_core.business.planning.services.cluster_core import PARAMETERS
from igny8_core.business.planning.services.cluster_increments import base_of
from igny8_core.business.planning.services.cluster_links import (
    LEAST_SHARED,
    SHARE,
    TOP_RESULTS,
    result_keys,
)
from igny8_core.business.planning.services.cluster_text import (
    duplicate_key,
    grouping_words,
    normalise,
    opposite,
    split_signs_of,
    stem_words,
    words,
)
from igny8_core.business.planning.states import ClusterRole, ClusterSource
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import Keywords
    from igny8_core.business.planning.services.cluster_plan import Settings

MEMBERS_LOOKED_AT = 2_000


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that binds two keywords, or keeps them apart.

    :ivar code: ``variant``, ``wording``, ``results``, ``parent``, ``person``, ``file``,
        ``neighbours``, ``numbers``, ``contrast``.
    :ivar is_for: whether it speaks for them being together.
    """

    code: str
    is_for: bool
    text: str


@dataclass(frozen=True)
class Explanation:
    """Why two keywords are where they are.

    :ivar similarity: of their wording, from about 0 to 1; pages are cut at 0.60 and topics at 0.40
        of the mean over all pairs.
    :ivar shared_results: the results that both have.
    """

    is_same_cluster: bool
    is_same_page: bool
    similarity: float
    shared_results: tuple[str, ...]
    reasons: tuple[Reason, ...]


@tenant_atomic()
def why_together(*, account: Account, keyword_id: int, other_id: int) -> Explanation:
    """Explain a pair of keywords. Nothing is written.

    :raises NotFound: a keyword is unknown, deleted or another account's.
    """
    one = selectors.keyword(account=account, keyword_id=keyword_id)
    other = selectors.keyword(account=account, keyword_id=other_id)
    same_cluster = one.cluster_id is not None and one.cluster_id == other.cluster_id
    same_page = same_cluster and one.page is not None and one.page == other.page
    build = cluster_selectors.base_build(account=account, sector_id=one.sector_id)
    settings = run_settings(site=one.sector.site, build=build, serp_share=SHARE)
    similarity, means = _similarities(account, one, other, settings)
    shared = _shared(one, other)
    reasons = [
        *_of_wording(one.keyword, other.keyword, similarity, settings.language),
        *_of_evidence(one, other, shared),
    ]
    if same_cluster:
        reasons += _of_people(one, other)
        is_bound = any(r.is_for and r.code in {"results", "parent"} for r in reasons)
        if not is_bound and similarity < settings.topic_tau <= min(means):
            text = (
                f"Each is near the rest of the cluster: {means[0]:.2f} and {means[1]:.2f} on "
                "average, though not near the other."
            )
            reasons.append(Reason("neighbours", is_for=True, text=text))
    return Explanation(same_cluster, same_page, round(similarity, 3), shared, tuple(reasons))


def _similarities(
    account: Account, one: Keywords, other: Keywords, settings: Settings
) -> tuple[float, tuple[float, float]]:
    """(of the two, of each to the others in the first one's cluster, on average)."""
    texts = [one.keyword, other.keyword]
    if one.cluster_id is not None:
        members = selectors.cluster_keywords(account=account, cluster_id=one.cluster_id)
        texts += [k.keyword for k in members.only("keyword")[:MEMBERS_LOOKED_AT]]
    base = base_of(
        texts,
        page=[0] * len(texts),
        topic=[0] * len(texts),
        language=settings.language,
        known=settings.known,
    )
    left, right = base.vectors[base.row[0]], base.vectors[base.row[1]]
    others = sorted({int(row) for row in base.row[2:]} - {int(row) for row in base.row[:2]})
    mean = base.vectors[others].mean(axis=0) if others else np.zeros_like(left)
    return float(left @ right), (float(left @ mean), float(right @ mean))


def _shared(one: Keywords, other: Keywords) -> tuple[str, ...]:
    lists = [
        result_keys(url for url in row.attributes.get("serp_urls", ()) if isinstance(url, str))
        for row in (one, other)
    ]
    return tuple(key for key in lists[0] if key in set(lists[1]))


def _of_wording(one: str, other: str, similarity: float, language: str) -> list[Reason]:
    forms = normalise(one), normalise(other)
    found: list[Reason] = []
    if duplicate_key(forms[0], language) == duplicate_key(forms[1], language):
        text = "The same words in another form or order: close variants share one page."
        found.append(Reason("variant", is_for=True, text=text))
    special = grouping_words(language)
    filler = special.filler if special else frozenset[str]()
    stems = [
        set(stem_words([w for w in words(form) if w not in filler], language)) for form in forms
    ]
    common = sorted(stems[0] & stems[1])
    level = (
        "enough for one page"
        if similarity >= PARAMETERS.page_tau
        else "enough for one topic"
        if similarity >= PARAMETERS.topic_tau
        else "too little on its own"
    )
    shared = f", with {_listed(common)} in both" if common else ", without a word in common"
    found.append(
        Reason(
            "wording",
            is_for=similarity >= PARAMETERS.topic_tau,
            text=f"Wording: {similarity:.2f} similar{shared}: {level}.",
        )
    )
    return found + _of_signs(forms, language)


def _of_signs(forms: tuple[str, str], language: str) -> list[Reason]:
    """What makes two pages of one topic: numbers and opposite words."""
    signs = [split_signs_of(form, language) for form in forms]
    numbers = [
        {sign.partition(":")[2] for sign in own if sign.startswith("number:")} for own in signs
    ]
    found: list[Reason] = []
    if numbers[0] and numbers[1] and not (numbers[0] <= numbers[1] or numbers[1] <= numbers[0]):
        text = f"Other numbers: {_listed(sorted(numbers[0]))} and {_listed(sorted(numbers[1]))}."
        found.append(Reason("numbers", is_for=False, text=text))
    if any(opposite(sign) in signs[1] for sign in signs[0]):
        text = "Opposite words, which one article does not serve."
        found.append(Reason("contrast", is_for=False, text=text))
    return found


def _of_evidence(one: Keywords, other: Keywords, shared: tuple[str, ...]) -> list[Reason]:
    found: list[Reason] = []
    if shared:
        most = max(
            len(result_keys(row.attributes.get("serp_urls", ())[:TOP_RESULTS]))
            for row in (one, other)
        )
        is_enough = len(shared) >= LEAST_SHARED and len(shared) >= SHARE * most - 1e-9
        text = f"Search results: {len(shared)} of {most} are the same."
        found.append(Reason("results", is_for=is_enough, text=text))
    parents = [str(row.attributes.get("parent_keyword") or "").casefold() for row in (one, other)]
    if parents[0] and parents[0] == parents[1]:
        text = f"The tool names the same parent keyword: \u201c{parents[0]}\u201d."
        found.append(Reason("parent", is_for=True, text=text))
    return found


def _of_people(one: Keywords, other: Keywords) -> list[Reason]:
    found: list[Reason] = []
    pinned = [row.keyword for row in (one, other) if row.is_pinned]
    if pinned:
        text = f"A person put {_listed([_quoted(text) for text in pinned])} here."
        found.append(Reason("person", is_for=True, text=text))
    if one.cluster is not None and one.cluster.source == ClusterSource.IMPORT:
        found.append(Reason("file", is_for=True, text="The cluster came with a file."))
    return found


def _quoted(text: str) -> str:
    return f"\u201c{text}\u201d"


def _listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


@dataclass(frozen=True)
class Whereabouts:
    """A keyword beside another one of its cluster.

    :ivar other: None: there is nothing to compare it with.
    :ivar similarity: None without another one.
    """

    keyword: Keywords
    other: Keywords | None
    is_same_cluster: bool = False
    is_same_page: bool = False
    similarity: float | None = None
    shared_results: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


@tenant_atomic()
def why_here(*, account: Account, keyword_id: int, other_id: int | None = None) -> Whereabouts:
    """Why a keyword is where it is: beside another one. Nothing is written.

    :param other_id: by default the target of its page; of a target, that of the cluster's hub, or
        of the next page.
    :raises NotFound: a keyword is unknown, deleted or another account's.
    """
    keyword = selectors.keyword(account=account, keyword_id=keyword_id)
    if other_id is None:
        other_id = _nearest_of_note(account, keyword)
    if other_id is None or other_id == keyword.pk:
        return Whereabouts(keyword, None, reasons=(_alone(keyword),))
    found = why_together(account=account, keyword_id=keyword.pk, other_id=other_id)
    return Whereabouts(
        keyword,
        selectors.keyword(account=account, keyword_id=other_id),
        is_same_cluster=found.is_same_cluster,
        is_same_page=found.is_same_page,
        similarity=found.similarity,
        shared_results=found.shared_results,
        reasons=found.reasons,
    )


def _nearest_of_note(account: Account, keyword: Keywords) -> int | None:
    """The target of the keyword's page, else of its cluster's hub, else the cluster's next one."""
    if keyword.cluster_id is None:
        return None
    members = selectors.cluster_keywords(account=account, cluster_id=keyword.cluster_id)
    others = members.exclude(pk=keyword.pk).only("pk")
    if keyword.page is not None and keyword.page_place:
        target = others.filter(page=keyword.page).first()
        if target is not None:
            return int(target.pk)
    hub = others.filter(role=ClusterRole.HUB).first() or others.first()
    return None if hub is None else int(hub.pk)


def _alone(keyword: Keywords) -> Reason:
    if keyword.cluster_id is not None:
        return Reason("alone", is_for=True, text="It is the only keyword of its cluster.")
    if keyword.is_pinned:
        return Reason("person", is_for=False, text="A person took it out of its cluster.")
    return Reason("waiting", is_for=False, text="It has no cluster yet: cluster the keywords.")
