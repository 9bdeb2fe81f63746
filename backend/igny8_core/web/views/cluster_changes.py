"""Clusters split by hand, and clustered anew as a proposal that a person accepts or refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation import selectors as automation
from igny8_core.business.automation.services import requests
from igny8_core.business.automation.states import OPEN_ITEM
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.estimates import Work, estimate
from igny8_core.business.planning import cluster_selectors, selectors
from igny8_core.business.planning.services import edit_clusters, recluster
from igny8_core.business.planning.services.apply_changes import keywords_to_charge
from igny8_core.business.planning.states import ChangeKind, ProposalStatus
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.lists import ids_of, one_of, page_number, page_of, text
from igny8_core.web.screens import SectorRequest, dialog, done, go_to, render_screen, screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

KEYWORDS_SHOWN: Final = 500
MAX_AT_ONCE: Final = 2_000
FLOWS_SHOWN: Final = 4
KINDS: Final = {
    ChangeKind.KEPT: ("Pages change", ""),
    ChangeKind.MOVED: ("Keywords move", "info"),
    ChangeKind.MERGED: ("Merged", "violet"),
    ChangeKind.SPLIT: ("Split off", "warn"),
    ChangeKind.NEW: ("New", "ok"),
    ChangeKind.VANISHED: ("Goes", "bad"),
}


def rebuild_state(request: SectorRequest) -> dict[str, Any]:
    """Whether the sector has a proposal that is open, and whether one is being made."""
    account, sector = request.account, request.sector
    items = automation.items(account=account, kind="planning.rebuild", statuses=OPEN_ITEM)
    proposals = cluster_selectors.cluster_proposals(
        account=account, sector=sector, status=ProposalStatus.OPEN
    )
    return {
        "proposal": proposals.first(),
        "is_rebuilding": items.filter(related_id=sector.pk).exists(),
    }


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def split(request: SectorRequest, cluster_id: int) -> HttpResponse:
    """Some keywords of a cluster become one of their own: which ones is asked first."""
    found = selectors.cluster(account=request.account, cluster_id=cluster_id)
    if found.sector_id != request.sector.pk:
        raise NotFound("no such cluster", cluster_id=cluster_id)
    if request.POST.get("confirmed") != "1":
        return _split_dialog(request, found)
    ids = ids_of(",".join(request.POST.getlist("keywords")), limit=MAX_AT_ONCE)
    try:
        edit = edit_clusters.split_cluster(
            account=request.account,
            cluster_id=found.pk,
            parts=[edit_clusters.Part(ids, text(request.POST, "name"))],
            now=timezone.now(),
        )
    except (InvalidInput, Conflict) as exc:
        return _split_dialog(request, found, error=exc)
    here = [request.site.pk, request.sector.pk]
    undo = {"label": "Undo", "url": reverse("cluster_undo", args=[*here, edit.pk]), "values": {}}
    said = f"{edit.summary}."
    to = reverse("cluster", args=[*here, found.pk])
    return done(request, said, to=to, event="clusters-changed", undo=undo)


def _split_dialog(
    request: SectorRequest, found: Any, *, error: InvalidInput | Conflict | None = None
) -> HttpResponse:
    keywords = selectors.cluster_keywords(account=request.account, cluster_id=found.pk)
    pages: dict[int | None, list[Any]] = {}
    for keyword in keywords.filter(is_disabled=False)[:KEYWORDS_SHOWN]:
        pages.setdefault(keyword.page, []).append(keyword)
    context = {
        "cluster": found,
        "pages": list(pages.values()),
        "is_cut": found.keywords_count > KEYWORDS_SHOWN,
        "shown": KEYWORDS_SHOWN,
        "chosen": request.POST.getlist("keywords"),
        "name": text(request.POST, "name"),
        "error": error,
    }
    status = error.http_status if error else 200
    return dialog(request, "planning/split_dialog.html", context=context, status=status)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def cluster_again(request: SectorRequest) -> HttpResponse:
    """Have the sector clustered anew as a proposal: free, and nothing changes by it."""
    account, sector = request.account, request.sector
    here = reverse("clusters", args=[request.site.pk, sector.pk])
    if request.POST.get("confirmed") == "1":
        given = text(request.POST, "granularity")
        known = {f"{tau:.2f}": tau for tau in recluster.GRANULARITIES}
        requests.request_rebuild(
            account=account, sector=sector, topic_tau=known.get(given), now=timezone.now()
        )
        said = "A proposal is being made. It shows up above the list."
        return done(request, said, to=here, event="clusters-changed")
    cuts = recluster.granularities(account=account, site=request.site, sector=sector)
    context = {"cuts": [(f"{cut.topic_tau:.2f}", cut) for cut in cuts], **rebuild_state(request)}
    return dialog(request, "planning/again_dialog.html", context=context)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def proposal(request: SectorRequest, proposal_id: int) -> HttpResponse:
    """The difference: what would become of each cluster that does not stay as it is."""
    found = _found(request, proposal_id)
    kind = one_of(request.GET, "kind", ChangeKind.values)
    changes = cluster_selectors.cluster_changes(account=request.account, proposal_id=found.pk)
    rows = changes.filter(kind=kind) if kind else changes
    page = page_of(rows.defer("placements"), page_number(request.GET))
    context = {
        "proposal": found,
        "page": page,
        "rows": [_change(row) for row in page.rows],
        "kind": kind,
        "kinds": [(one.value, KINDS[one][0], found.summary.get(one.value, 0))
                  for one in ChangeKind if found.summary.get(one.value)],
        "query": request.GET.urlencode(),
        "is_open": found.status == ProposalStatus.OPEN,
        "left": found.changes_count - found.changes_applied,
        "may_edit": request.role.includes(Role.EDITOR) and found.status == ProposalStatus.OPEN,
    }  # fmt: skip
    return render_screen(request, "planning/proposal.html", part="table", context=context)


def _change(row: Any) -> dict[str, Any]:
    word, tone = KINDS[ChangeKind(row.kind)]
    sources = [(name or "no cluster", count) for pk, name, count in row.sources
               if pk != row.cluster_id]  # fmt: skip
    targets = [(name, count) for _, name, count in row.targets]
    return {
        "row": row,
        "word": word,
        "tone": tone,
        "sources": sources[:FLOWS_SHOWN],
        "more_sources": max(0, len(sources) - FLOWS_SHOWN),
        "targets": targets[:FLOWS_SHOWN],
        "is_renamed": bool(row.old_name) and row.old_name != row.name,
    }


@require_POST
@screen(role=Role.EDITOR, in_sector=True, opens_block=False)
def accept(request: SectorRequest, proposal_id: int) -> HttpResponse:
    """Make changes real, all that are left or some: what it costs first. It can be undone."""
    account, given = request.account, request.POST.get("ids", "")
    numbers = ids_of(given, limit=MAX_AT_ONCE)
    with tenant(account.pk, read_only=True):
        found = _found(request, proposal_id)
        if request.POST.get("confirmed") != "1":
            return _accept_dialog(request, found, numbers, given)
    done_with = recluster.accept_proposal(
        account=account,
        proposal_id=found.pk,
        numbers=numbers or None,
        clock=timezone.now,
        credits=AccountCredits(account),
    )
    count = done_with.changes_applied - found.changes_applied
    said = f"{count:,} change{'' if count == 1 else 's'} made."
    return go_to(request, _address(request, found.pk), said)


def _accept_dialog(
    request: SectorRequest, found: Any, numbers: Sequence[int], given: str
) -> HttpResponse:
    account = request.account
    rows = cluster_selectors.cluster_changes(
        account=account, proposal_id=found.pk, is_applied=False
    )
    chosen = list((rows.filter(number__in=numbers) if numbers else rows).defer("placements"))
    if not chosen:
        raise Conflict("Nothing of it is left to accept.")
    count = keywords_to_charge(chosen)
    price = None
    if count:
        works = [Work("clustering", {"per_items": count})]
        price = estimate(account=account, works=works, now=timezone.now())
    context = {
        "proposal": found,
        "changes": len(chosen),
        "keywords": count,
        "price": price,
        "ids": given,
    }
    return dialog(request, "planning/proposal_dialog.html", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def discard(request: SectorRequest, proposal_id: int) -> HttpResponse:
    """Refuse what is left of it; another one can be made for free."""
    found = _found(request, proposal_id)
    recluster.discard_proposal(account=request.account, proposal_id=found.pk, now=timezone.now())
    to = reverse("clusters", args=[request.site.pk, request.sector.pk])
    return go_to(request, to, "Discarded. The clusters stay as they are.")


def _found(request: SectorRequest, proposal_id: int) -> Any:
    found = cluster_selectors.cluster_proposal(account=request.account, proposal_id=proposal_id)
    if found.sector_id != request.sector.pk:
        raise NotFound("no such proposal", proposal_id=proposal_id)
    return found


def _address(request: SectorRequest, proposal_id: int) -> str:
    return reverse("cluster_proposal", args=[request.site.pk, request.sector.pk, proposal_id])
