"""Proposals of a rebuild: asked for, accepted, and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.services.recluster import (
    accept_proposal,
    propose_rebuild,
)
from tests.business.planning.edited import (
    HOSES,
    LAMPS,
    SOFAS,
    cluster,
)
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from collections.abc import Collection

    from igny8_core.auth.models import Sector
    from igny8_core.business.planning.models import (
        ClusterChange,
        ClusterProposal,
    )


def propose(sector: Sector, **options: Any) -> ClusterProposal:
    return propose_rebuild(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, **options
    )


def accept(
    proposal: ClusterProposal,
    numbers: Collection[int] | None = None,
    credits: Any = None,  # noqa: A002
) -> ClusterProposal:
    return accept_proposal(
        account=proposal.account,
        proposal_id=proposal.pk,
        numbers=numbers,
        clock=lambda: NOW,
        credits=credits,
    )


def changes(proposal: ClusterProposal) -> list[ClusterChange]:
    return list(
        cluster_selectors.cluster_changes(account=proposal.account, proposal_id=proposal.pk)
    )


def kinds(proposal: ClusterProposal) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for change in changes(proposal):
        found.setdefault(change.kind, []).append(change.name)
    return found


def three_topics() -> Sector:
    """A sector with three topics, clustered."""
    made = make_planning.sector()
    for at, text in enumerate([*SOFAS, *LAMPS, *HOSES]):
        make_planning.keyword(made, text, volume=900 - 10 * at)
    cluster(made)
    return made
