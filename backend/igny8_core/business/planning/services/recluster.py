"""A rebuild of a sector's clusters: a stored proposal with a diff that a person accepts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from igny8_core.ai.ports import Usage
from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.errors import NothingToRebuild, ProposalClosed
from igny8_core.business.planning.models import ClusterBuild, ClusterChange, ClusterProposal
from igny8_core.business.planning.services.apply_changes import apply_changes, keywords_to_charge
from igny8_core.business.planning.services.cluster_build import (
    run_settings,
    save_build,
    unpack_merges,
)
from igny8_core.business.planning.services.cluster_core import PARAMETERS, VERSION
from igny8_core.business.planning.services.cluster_diff import make_diff
from igny8_core.business.planning.services.cluster_inputs import read_inputs
from igny8_core.business.planning.services.cluster_keywords import check_unchanged
from igny8_core.business.planning.services.cluster_links import LEAST_SHARE, MOST_SHARE, SHARE
from igny8_core.business.planning.services.cluster_plan import clustered, spots_of
from igny8_core.business.planning.services.cluster_text import base_language
from igny8_core.business.planning.services.paid_work import released_on_error
from igny8_core.business.planning.services.sector_locks import lock_sector
from igny8_core.business.planning.states import PROPOSAL, ProposalStatus
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import current_actor, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from igny8_core.ai.ports import CreditPort, Hold
    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.services.cluster_core import Clustering
    from igny8_core.business.planning.services.cluster_diff import Diff
    from igny8_core.business.planning.services.cluster_inputs import Inputs

log = structlog.get_logger(__name__)

OPERATION = "clustering"
HOLD_TTL = timedelta(minutes=15)
USAGE = Usage(provider="local", model="wordllama")
CHANGES_PER_INSERT = 500
GRANULARITIES = (0.40, 0.44, 0.48, 0.52, 0.56, 0.60)
"""From broad topics, the standard, to as many topics as pages."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What the topics would be at one granularity.

    :ivar alone: topics of one keyword.
    :ivar largest: keywords of the largest topic.
    """

    topic_tau: float
    topics: int
    alone: int
    largest: int


def check_granularity(*, topic_tau: float | None, serp_share: float | None) -> None:
    """Refuse what no rebuild can be made with.

    :raises InvalidInput: names the option.
    """
    if topic_tau is not None and not PARAMETERS.topic_tau <= topic_tau <= PARAMETERS.page_tau:
        text = f"between {PARAMETERS.topic_tau:.2f} and {PARAMETERS.page_tau:.2f}"
        raise InvalidInput(text, topic_tau=[text])
    if serp_share is not None and not LEAST_SHARE <= serp_share <= MOST_SHARE:
        text = f"between {LEAST_SHARE} and {MOST_SHARE} of the results"
        raise InvalidInput(text, serp_share=[text])


def propose_rebuild(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    topic_tau: float | None = None,
    serp_share: float | None = SHARE,
    clock: Callable[[], datetime],
) -> ClusterProposal:
    """Cluster the whole sector again and store what that would change. Nothing else is written.

    Free of charge. Locked clusters keep their keywords, though others may be proposed to join
    them; pinned keywords stay; clusters keep their ids where they overlap most. An open proposal
    is replaced. Safe to repeat.

    :param topic_tau: granularity, from 0.40 (broad, the standard) to 0.60 (every page a topic);
        None: as the clusters were cut.
    :raises InvalidInput: no such granularity or share, or more keywords than a run takes.
    :raises NothingToRebuild: the sector has no keyword in a cluster.
    :raises StaleState: keywords or clusters changed while it computed; nothing was written.
    """
    check_granularity(topic_tau=topic_tau, serp_share=serp_share)
    inputs, base = _read(account=account, sector=sector)
    followers = {keyword.pk for keyword in inputs.followers()}
    keywords = [keyword for keyword in inputs.rebuilt if keyword.pk not in followers]
    if not any(keyword.cluster_id for keyword in inputs.rebuilt):
        raise NothingToRebuild("There is no cluster yet: cluster the keywords first.")
    changes: dict[str, Any] = {"known": None}
    if topic_tau is not None:
        changes["topic_tau"] = topic_tau
    settings = run_settings(site=site, build=base, serp_share=serp_share, **changes)
    owners = inputs.owners()
    found = clustered(keywords, settings, [owners[keyword.pk] for keyword in keywords])
    diff = make_diff(inputs, spots_of(keywords, found), settings)
    proposal = _store(
        account=account,
        sector=sector,
        inputs=inputs,
        keyword_ids=[keyword.pk for keyword in keywords],
        found=found,
        diff=diff,
        serp_share=serp_share,
        now=clock(),
    )
    log.info("planning.rebuild.proposed", sector_id=sector.pk, changes=len(diff.changes))
    return proposal


@tenant_atomic(durable=True)
def _read(*, account: Account, sector: Sector) -> tuple[Inputs, ClusterBuild | None]:
    inputs = read_inputs(account=account, sector_id=sector.pk)
    return inputs, cluster_selectors.base_build(account=account, sector_id=sector.pk)


@tenant_atomic(durable=True)
def _store(
    *,
    account: Account,
    sector: Sector,
    inputs: Inputs,
    keyword_ids: Sequence[int],
    found: Clustering,
    diff: Diff,
    serp_share: float | None,
    now: datetime,
) -> ClusterProposal:
    check_unchanged(account=account, sector_id=sector.pk, fingerprint=inputs.fingerprint)
    for earlier in cluster_selectors.open_proposals(account=account, sector_id=sector.pk):
        _close(earlier, now=now)
    scope = {"account": account, "site_id": sector.site_id, "sector": sector}
    build = save_build(
        account=account,
        sector=sector,
        keyword_ids=keyword_ids,
        found=found,
        input_fingerprint=inputs.fingerprint,
        serp_share=serp_share,
        applied_at=None,
    )
    proposal = ClusterProposal(
        **scope,
        build=build,
        input_fingerprint=inputs.fingerprint,
        summary=diff.summary,
        changes_count=len(diff.changes),
    )
    proposal.save()
    ClusterChange.unscoped.bulk_create(
        (
            ClusterChange(
                **scope,
                proposal=proposal,
                number=number,
                kind=change.kind,
                cluster_id=change.cluster_id,
                name=change.name,
                old_name=change.old_name,
                intent=change.intent,
                keywords_count=change.keywords_count,
                keywords_before=change.keywords_before,
                moved_count=change.moved_count,
                volume=change.volume,
                sources=[list(source) for source in change.sources],
                targets=[list(target) for target in change.targets],
                placements=change.placements,
            )
            for number, change in enumerate(diff.changes, start=1)
        ),
        batch_size=CHANGES_PER_INSERT,
    )
    return proposal


def _close(proposal: ClusterProposal, *, now: datetime) -> None:
    """An open proposal is over: applied as far as it was, or discarded."""
    status = ProposalStatus.APPLIED if proposal.changes_applied else ProposalStatus.DISCARDED
    advance(proposal, status, table=PROPOSAL, now=now, decided_at=now, decided_by=current_actor())


@tenant_atomic()
def discard_proposal(*, account: Account, proposal_id: int, now: datetime) -> ClusterProposal:
    """Refuse what is left of a proposal. A repeat returns it as it is.

    :raises NotFound: unknown, or another account's.
    """
    proposal = cluster_selectors.cluster_proposal(account=account, proposal_id=proposal_id)
    lock_sector(account=account, sector_id=proposal.sector_id)
    proposal.refresh_from_db()
    if proposal.status == ProposalStatus.OPEN:
        _close(proposal, now=now)
    return proposal


def accept_proposal(
    *,
    account: Account,
    proposal_id: int,
    numbers: Collection[int] | None = None,
    clock: Callable[[], datetime],
    credits: CreditPort | None,  # noqa: A002 - the word of the domain
) -> ClusterProposal:
    """Make changes of a proposal real: all that are left, or some of them by number.

    Charged by the keywords that get another cluster. Changes that were accepted before
    are skipped, so a repeat is harmless. A cluster that loses its last keyword goes into the bin
    unless it has contents or ideas or is locked; then it stays and is shown as empty.

    :raises NotFound: unknown proposal, or a number that it does not have.
    :raises ProposalClosed: it was discarded.
    :raises StaleState: keywords or clusters changed since it was made; nothing was written.
    :raises InsufficientCredits: nothing was written.
    """
    proposal, wanted = _wanted(account=account, proposal_id=proposal_id, numbers=numbers)
    if not wanted:
        return proposal
    hold: Hold | None = None
    count = keywords_to_charge(wanted)
    if credits is not None and count:
        chosen = "all" if numbers is None else "-".join(str(change.number) for change in wanted)
        hold = credits.reserve(
            operation=OPERATION,
            quantities={"per_items": count},
            idempotency_key=f"rebuild:{proposal.pk}:{proposal.changes_applied}:{chosen}"[:64],
            related_type="sector",
            related_id=proposal.sector_id,
            ttl=HOLD_TTL,
            now=clock(),
        )
    with released_on_error(credits, hold, clock=clock):
        proposal = _accept(
            account=account,
            proposal_id=proposal.pk,
            numbers=[change.number for change in wanted],
            charge=(credits, hold, count),
            now=clock(),
        )
    log.info("planning.rebuild.accepted", proposal_id=proposal.pk, changes=len(wanted))
    return proposal


@tenant_atomic(durable=True)
def _wanted(
    *, account: Account, proposal_id: int, numbers: Collection[int] | None
) -> tuple[ClusterProposal, list[ClusterChange]]:
    proposal = cluster_selectors.cluster_proposal(account=account, proposal_id=proposal_id)
    rows = cluster_selectors.cluster_changes(account=account, proposal_id=proposal_id)
    if numbers is not None:
        rows = rows.filter(number__in=numbers)
    changes = list(rows)
    if missing := set(numbers or ()) - {change.number for change in changes}:
        raise NotFound("the proposal has no such change", number=min(missing))
    left = [change for change in changes if change.applied_at is None]
    if left and proposal.status != ProposalStatus.OPEN:
        raise ProposalClosed("The proposal is closed: make a new one.", status=proposal.status)
    return proposal, left


@tenant_atomic(durable=True)
def _accept(
    *,
    account: Account,
    proposal_id: int,
    numbers: Sequence[int],
    charge: tuple[CreditPort | None, Hold | None, int],
    now: datetime,
) -> ClusterProposal:
    """Everything or nothing, and the charge with it, as the last statement."""
    proposal, changes = _wanted_again(account, proposal_id, numbers)
    inputs = check_unchanged(
        account=account,
        sector_id=proposal.sector_id,
        fingerprint=proposal.input_fingerprint,
    )
    apply_changes(
        account=account,
        sector=proposal.sector,
        changes=changes,
        inputs=inputs,
        now=now,
    )
    proposal.changes_applied += len(changes)
    after = read_inputs(account=account, sector_id=proposal.sector_id)
    proposal.input_fingerprint, proposal.updated_at = after.fingerprint, now
    proposal.save(update_fields=["changes_applied", "input_fingerprint", "updated_at"])
    if proposal.changes_applied == proposal.changes_count:
        build = proposal.build
        build.applied_at = now
        build.save(update_fields=["applied_at"])
        _close(proposal, now=now)
    credits, hold, count = charge  # noqa: A001 - the word of the domain
    if credits is not None and hold is not None:
        credits.capture(hold, quantities={"per_items": count}, usage=USAGE, now=now)
    return proposal


def _wanted_again(
    account: Account, proposal_id: int, numbers: Sequence[int]
) -> tuple[ClusterProposal, list[ClusterChange]]:
    """The same under the sector's lock: another accepter may have been faster."""
    proposal = cluster_selectors.cluster_proposal(account=account, proposal_id=proposal_id)
    lock_sector(account=account, sector_id=proposal.sector_id)
    proposal.refresh_from_db()
    if proposal.status != ProposalStatus.OPEN:
        raise ProposalClosed("The proposal is closed: make a new one.", status=proposal.status)
    rows = cluster_selectors.cluster_changes(account=account, proposal_id=proposal_id)
    return proposal, list(rows.filter(number__in=numbers, applied_at=None))


@tenant_atomic()
def granularities(*, account: Account, site: Site, sector: Sector) -> list[Cut]:
    """What the sector's topics would be, from broad to fine, by the merges of its base.

    Takes milliseconds: nothing is clustered. Keywords that came after the base are not counted.

    :returns: nothing without a base of this clusterer and language.
    """
    build = cluster_selectors.base_build(account=account, sector_id=sector.pk)
    if (
        build is None
        or not build.merges
        or build.clusterer_version != VERSION
        or build.language != base_language(site.language)
    ):
        return []
    merges = unpack_merges(bytes(build.merges))
    cuts = []
    for tau in GRANULARITIES:
        sizes = np.bincount(merges.topics(tau))
        cuts.append(Cut(tau, len(sizes), int((sizes == 1).sum()), int(sizes.max(initial=0))))
    return cuts
