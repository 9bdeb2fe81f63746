from __future__ import annotations

from itertools import product

import pytest

from igny8_core.business.integration.states import SYNC, SyncStatus
from igny8_core.business.optimization.states import OPTIMIZATION, OptimizationStatus
from igny8_core.business.publishing.states import (
    DEPLOYMENT,
    PUBLISHING,
    DeploymentStatus,
    PublishingStatus,
)

PUBLISHING_EDGES = {
    ("pending", "publishing"),
    ("publishing", "published"),
    ("publishing", "failed"),
    ("publishing", "pending"),
    ("failed", "pending"),
}
DEPLOYMENT_EDGES = {
    ("pending", "deploying"),
    ("deploying", "deployed"),
    ("deploying", "failed"),
    ("deploying", "pending"),
    ("deployed", "rolled_back"),
}
OPTIMIZATION_EDGES = {
    ("pending", "running"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "pending"),
    ("failed", "pending"),
}
SYNC_EDGES = {
    ("idle", "syncing"),
    ("idle", "paused"),
    ("idle", "auth_failed"),
    ("syncing", "idle"),
    ("syncing", "paused"),
    ("syncing", "auth_failed"),
    ("paused", "idle"),
    ("auth_failed", "idle"),
}


@pytest.mark.parametrize(("source", "target"), list(product(PublishingStatus, repeat=2)))
def test_edges_of_publishing(source: PublishingStatus, target: PublishingStatus) -> None:
    assert PUBLISHING.allows(source, target) is ((source, target) in PUBLISHING_EDGES)


@pytest.mark.parametrize(("source", "target"), list(product(DeploymentStatus, repeat=2)))
def test_edges_of_a_deployment(source: DeploymentStatus, target: DeploymentStatus) -> None:
    assert DEPLOYMENT.allows(source, target) is ((source, target) in DEPLOYMENT_EDGES)


@pytest.mark.parametrize(("source", "target"), list(product(OptimizationStatus, repeat=2)))
def test_edges_of_an_optimization(source: OptimizationStatus, target: OptimizationStatus) -> None:
    assert OPTIMIZATION.allows(source, target) is ((source, target) in OPTIMIZATION_EDGES)


@pytest.mark.parametrize(("source", "target"), list(product(SyncStatus, repeat=2)))
def test_edges_of_a_synchronisation(source: SyncStatus, target: SyncStatus) -> None:
    assert SYNC.allows(source, target) is ((source, target) in SYNC_EDGES)
