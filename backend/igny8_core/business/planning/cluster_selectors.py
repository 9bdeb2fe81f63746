"""What can be read of how clusters came to be: builds, proposals, edits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.planning.models import (
    ClusterBuild,
    ClusterChange,
    ClusterEdit,
    ClusterProposal,
)
from igny8_core.business.planning.states import ProposalStatus
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Sector


def base_build(*, account: Account, sector_id: int) -> ClusterBuild | None:
    """The build that the sector's clusters rest on."""
    rows = ClusterBuild.objects.for_account(account).filter(
        sector_id=sector_id, applied_at__isnull=False
    )
    found: ClusterBuild | None = rows.order_by("-applied_at", "-pk").first()
    return found


def cluster_proposals(*, account: Account, sector: Sector) -> QuerySet[ClusterProposal]:
    """Proposals for the sector's clusters, the newest first."""
    rows = ClusterProposal.objects.for_account(account).filter(sector=sector)
    return rows.select_related("build").defer("build__merges", "build__frequencies").order_by("-pk")


def open_proposals(*, account: Account, sector_id: int) -> QuerySet[ClusterProposal]:
    """The one that nobody has decided on yet, if there is one."""
    rows = ClusterProposal.objects.for_account(account).filter(sector_id=sector_id)
    return rows.filter(status=ProposalStatus.OPEN).order_by("pk")


def cluster_proposal(*, account: Account, proposal_id: int) -> ClusterProposal:
    """One proposal with its sector.

    :raises NotFound: unknown, or another account's.
    """
    rows = ClusterProposal.objects.for_account(account).filter(pk=proposal_id)
    found: ClusterProposal | None = rows.select_related("sector__site").first()
    if found is None:
        raise NotFound("no such proposal", proposal_id=proposal_id)
    return found


def cluster_changes(
    *, account: Account, proposal_id: int, kind: str = ""
) -> QuerySet[ClusterChange]:
    """The changes of a proposal in their order."""
    rows = ClusterChange.objects.for_account(account).filter(proposal_id=proposal_id)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.order_by("number")


def cluster_edits(*, account: Account, sector: Sector) -> QuerySet[ClusterEdit]:
    """What people did to the sector's clusters, the newest first; without the rows for an undo."""
    rows = ClusterEdit.objects.for_account(account).filter(sector=sector)
    return rows.defer("before", "after").order_by("-pk")


def cluster_edit(*, account: Account, edit_id: int) -> ClusterEdit:
    """One edit with what it takes to undo it.

    :raises NotFound: unknown, or another account's.
    """
    rows = ClusterEdit.objects.for_account(account).filter(pk=edit_id)
    found: ClusterEdit | None = rows.select_related("sector__site").first()
    if found is None:
        raise NotFound("no such edit", edit_id=edit_id)
    return found
