"""Clusters that a person changes, and what is seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.models import ClusterEdit, Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services import cluster_edits, edit_clusters
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.make_ideas import make_ideas
from igny8_core.business.planning.services.recluster import accept_proposal, propose_rebuild
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.auth.models import Sector

SOFAS = ["grey sofa", "grey sofas", "grey sofa bed", "dark grey sofa"]
LAMPS = ["desk lamp", "led desk lamp", "desk lamp for office"]
HOSES = ["garden hose", "garden hose reel", "expandable garden hose"]


def clustered_sector() -> Sector:
    """A sector with three topics, clustered."""
    made = make_planning.sector()
    for at, text in enumerate([*SOFAS, *LAMPS, *HOSES]):
        make_planning.keyword(made, text, volume=900 - 10 * at)
    cluster(made)
    return made


def cluster(sector: Sector) -> None:
    cluster_keywords(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )


def rebuild(sector: Sector) -> None:
    """Propose and accept everything."""
    found = propose_rebuild(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW
    )
    accept_proposal(account=sector.account, proposal_id=found.pk, clock=lambda: NOW, credits=None)


def ideas(sector: Sector) -> list[ContentIdeas]:
    return make_ideas(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )


def keyword(sector: Sector, text: str) -> Keywords:
    return Keywords.unscoped.select_related("cluster").get(sector=sector, keyword=text)


def cluster_of(sector: Sector, text: str) -> Clusters:
    found: Clusters | None = keyword(sector, text).cluster
    assert found is not None
    return found


def ids(sector: Sector, texts: Iterable[str]) -> list[int]:
    return [keyword(sector, text).pk for text in texts]


def texts_of(cluster: Clusters) -> set[str]:
    rows = Keywords.unscoped.filter(cluster=cluster, deleted_at=None)
    return set(rows.values_list("keyword", flat=True))


def merge(sector: Sector, into: str, *others: str, **fields: Any) -> ClusterEdit:
    return edit_clusters.merge_clusters(
        account=sector.account,
        cluster_id=cluster_of(sector, into).pk,
        other_ids=[cluster_of(sector, text).pk for text in others],
        carry=lambda _replaced: {},
        now=NOW,
        **fields,
    )


def undo(edit: ClusterEdit) -> ClusterEdit:
    return cluster_edits.undo_edit(
        account=edit.account, edit_id=edit.pk, carry_back=lambda _carried: None, now=NOW
    )


def state(sector: Sector) -> dict[str, list[tuple[object, ...]]]:
    """Everything that an edit can change."""
    keywords = Keywords.unscoped.filter(sector=sector).order_by("keyword_norm")
    clusters = Clusters.unscoped.filter(sector=sector, deleted_at=None).order_by("pk")
    ideas = ContentIdeas.unscoped.filter(sector=sector, deleted_at=None).order_by("pk")
    return {
        "keywords": list(
            keywords.values_list(
                "keyword", "cluster_id", "page", "page_place", "role", "is_pinned", "status"
            )
        ),
        "clusters": list(
            clusters.values_list(
                "pk", "name", "is_named", "is_locked", "is_disabled", "keywords_count", "volume",
                "status",
            )
        ),
        "ideas": list(ideas.values_list("pk", "cluster_id", "page", "target_keyword", "volume")),
    }  # fmt: skip
