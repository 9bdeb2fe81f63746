"""What can be read of clusters and of how they came to be: builds, proposals, edits."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db.models import Model

from igny8_core.business.planning.models import (
    ClusterBuild,
    ClusterChange,
    ClusterEdit,
    ClusterProposal,
    Clusters,
)
from igny8_core.business.planning.states import ProposalStatus
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Sector, Site

M = TypeVar("M", bound=Model)


def cluster_alone(*, account: Account, cluster_id: int) -> Clusters:
    """A live cluster without its sector and its site, to narrow a list down with.

    :raises NotFound: unknown, deleted, or another account's.
    """
    rows = Clusters.objects.for_account(account).filter(pk=cluster_id, deleted_at=None)
    found: Clusters | None = rows.first()
    if found is None:
        raise NotFound("no such cluster", cluster_id=cluster_id)
    return found


def base_build(*, account: Account, sector_id: int) -> ClusterBuild | None:
    """The build that the sector's clusters rest on."""
    rows = ClusterBuild.objects.for_account(account).filter(
        sector_id=sector_id, applied_at__isnull=False
    )
    found: ClusterBuild | None = rows.order_by("-applied_at", "-pk").first()
    return found


def cluster_proposals(
    *,
    account: Account,
    sector: Sector | None = None,
    site: Site | None = None,
    status: str = "",
) -> QuerySet[ClusterProposal]:
    """Proposals for the clusters of a sector, else of a site, else of all; the newest first."""
    rows = _within(ClusterProposal.objects.for_account(account), sector, site)
    if status:
        rows = rows.filter(status=status)
    return rows.select_related("build").defer("build__merges", "build__frequencies").order_by("-pk")


def _within(rows: QuerySet[M], sector: Sector | None, site: Site | None) -> QuerySet[M]:
    if site is not None:
        rows = rows.filter(site=site)
    if sector is not None:
        rows = rows.filter(sector=sector, site_id=sector.site_id)
    return rows


def open_proposals(*, account: Account, sector_id: int) -> QuerySet[ClusterProposal]:
    """The one that nobody has decided on yet, if there is one."""
    rows = ClusterProposal.objects.for_account(account).filter(sector_id=sector_id)
    return rows.filter(status=ProposalStatus.OPEN).order_by("pk")


def cluster_proposal(*, account: Account, proposal_id: int) -> ClusterProposal:
    """One proposal with its sector.

    :raises NotFound: unknown, or another account's.
    """
    rows = ClusterProposal.objects.for_account(account).filter(pk=proposal_id)
    rows = rows.select_related("sector__site", "build")
    found: ClusterProposal | None = rows.defer("build__merges", "build__frequencies").first()
    if found is None:
        raise NotFound("no such proposal", proposal_id=proposal_id)
    return found


def cluster_changes(
    *, account: Account, proposal_id: int, kind: str = "", is_applied: bool | None = None
) -> QuerySet[ClusterChange]:
    """The changes of a proposal in their order."""
    rows = ClusterChange.objects.for_account(account).filter(proposal_id=proposal_id)
    if kind:
        rows = rows.filter(kind=kind)
    if is_applied is not None:
        rows = rows.filter(applied_at__isnull=not is_applied)
    return rows.order_by("number")


def cluster_edits(
    *,
    account: Account,
    sector: Sector | None = None,
    site: Site | None = None,
    kind: str = "",
    is_undone: bool | None = None,
) -> QuerySet[ClusterEdit]:
    """What people did to clusters of a sector, of a site, of all; the newest first.

    Without the rows that an undo takes.
    """
    rows = _within(ClusterEdit.objects.for_account(account), sector, site)
    if kind:
        rows = rows.filter(kind=kind)
    if is_undone is not None:
        rows = rows.filter(undone_at__isnull=not is_undone)
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
