"""What is live, and what its cluster counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igny8_core.business.planning.models import Clusters


def live(model: Any) -> set[int]:
    return set(model.unscoped.filter(deleted_at=None).values_list("pk", flat=True))


def counts(cluster: Clusters) -> tuple[int, int]:
    cluster.refresh_from_db()
    return cluster.keywords_count, cluster.volume
