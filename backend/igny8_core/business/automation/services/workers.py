"""One life of a worker process: who it is, its row, its heartbeat, what it takes back at boot."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError, connections

from igny8_core.business.automation.services import leases, sweeping
from igny8_core.business.automation.services.items import Worker
from igny8_core.common.tenancy.roles import assert_runtime_role

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger(__name__)

BOOT_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Node:
    """What a worker says of itself.

    :ivar worker: its name is stable and unique: reclaim at boot depends on it.
    """

    worker: Worker
    host: str
    slots: int
    work_classes: Sequence[str]


class Heartbeat(threading.Thread):
    """One thread per worker process: the boot, then beats; waits for a database that is away."""

    def __init__(self, node: Node, *, is_boot: bool) -> None:
        super().__init__(name="igny8-heartbeat", daemon=True)
        self.node, self.is_boot = node, is_boot
        self._stop_asked = threading.Event()

    def run(self) -> None:
        wait = 0.0
        while not self._stop_asked.wait(wait):
            wait = float(settings.HEARTBEAT_SECONDS)
            try:
                self._beat()
            except DatabaseError as exc:
                log.warning("automation.heartbeat.failed", error=type(exc).__name__)
                wait = min(wait, BOOT_RETRY_SECONDS)
            except Exception:  # without its beats the worker would lose all its leases
                log.exception("automation.heartbeat.error")
            finally:
                connections.close_all()

    def stop(self) -> None:
        """End after the beat that is under way."""
        self._stop_asked.set()

    def _beat(self) -> None:
        node = self.node
        if self.is_boot:
            sweeping.reclaim(worker=node.worker, host=node.host)
            leases.register_worker(
                worker=node.worker,
                host=node.host,
                pid=os.getpid(),
                slots=node.slots,
                work_classes=node.work_classes,
            )
            self.is_boot = False
            return
        found = leases.beat(worker=node.worker)
        if found.lost or found.cancelled:
            log.info(
                "automation.heartbeat.found",
                lost=list(found.lost),
                cancelled=list(found.cancelled),
            )


class _Process:
    """The worker that this process is, if it is one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.node: Node | None = None
        self.heartbeat: Heartbeat | None = None
        self.pid = 0
        self.local = Worker(node="local", boot_id=uuid4())


_PROCESS = _Process()


def check_worker() -> None:
    """Before anything is consumed: the login must be one that row-level security holds.

    :raises RoleTooStrong: it is not.
    """
    try:
        assert_runtime_role()
    finally:
        connections.close_all()
        connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's backend


def name_worker(*, node_name: str, host: str, slots: int, work_classes: Sequence[str]) -> None:
    """This process, and every one that it forks, is one life of a worker from now on."""
    worker = Worker(node=node_name, boot_id=uuid4())
    _PROCESS.node = Node(worker=worker, host=host, slots=slots, work_classes=work_classes)


def start_worker() -> None:
    """The worker consumes: its reclaim and its row come with the first beat."""
    if _PROCESS.node is None:
        raise RuntimeError("name_worker comes first")
    _start_heartbeat(_PROCESS.node, is_boot=True)


def this_worker() -> Worker:
    """Who takes leases here. A forked child gets a heartbeat of its own with its first item."""
    node = _PROCESS.node
    if node is None:
        return _PROCESS.local
    if _PROCESS.pid != os.getpid():
        with _PROCESS.lock:
            if _PROCESS.pid != os.getpid():
                _start_heartbeat(node, is_boot=False)
    return node.worker


def drain_worker() -> None:
    """Nothing more is dispatched for this worker's slots; its items go on to their end."""
    if _PROCESS.node is not None:
        _quietly_retire(_PROCESS.node.worker, is_gone=False)


def stop_worker() -> None:
    """The worker has ended in order."""
    if _PROCESS.heartbeat is not None:
        _PROCESS.heartbeat.stop()
    if _PROCESS.node is not None:
        _quietly_retire(_PROCESS.node.worker, is_gone=True)
        _PROCESS.node = None


def _start_heartbeat(node: Node, *, is_boot: bool) -> None:
    _PROCESS.pid = os.getpid()
    _PROCESS.heartbeat = Heartbeat(node, is_boot=is_boot)
    _PROCESS.heartbeat.start()


def _quietly_retire(worker: Worker, *, is_gone: bool) -> None:
    try:
        leases.retire_worker(worker=worker, is_gone=is_gone)
    except DatabaseError as exc:  # the row goes stale by itself
        log.warning("automation.worker.not_retired", error=type(exc).__name__)
    finally:
        connections.close_all()
