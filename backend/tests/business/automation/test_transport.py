"""What must never change in the transport, and what code must not use of it."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from django.conf import settings

import igny8_core
from igny8_core import celery_app
from igny8_core.business.automation.states import WorkClass
from igny8_core.celery_app import PERIODIC, app, queues, transport_options
from igny8_core.common.tasks import ServiceTask

SOURCES = sorted(Path(igny8_core.__file__).parent.rglob("*.py"))
FORBIDDEN = {
    r"\bcountdown\s*=": "delays are columns",
    r"\beta\s*=": "delays are columns",
    r"\bchord\(|celery import.*\b(chain|chord|group)\b": "no canvas",
    r"\bAsyncResult\b|\.revoke\(": "the row is the truth",
    r"\bdelay_on_commit\b|\bapply_async_on_commit\b": "a dead broker would make it fail",
    r"\.delay\(|\.apply_async\(": "common.queue sends messages",
    r"\bautoretry_for\b|\.retry\(": "retries are columns",
    r"\bbeat_schedule\b": "schedules are the ticker's",
}


def test_versions_are_those_that_were_tried() -> None:
    assert [version(name).split(".")[:2] for name in ("celery", "kombu")] == [["5", "7"]] * 2


def test_messages_are_acknowledged_early_and_have_no_results() -> None:
    wanted: dict[str, object] = {
        "task_acks_late": False,
        "worker_prefetch_multiplier": 1,
        "task_ignore_result": True,
        "result_backend": None,
        "worker_disable_prefetch": False,
        "beat_schedule": {},
        "accept_content": ["json"],
        "broker_connection_max_retries": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_create_missing_queues": False,
    }

    assert {name: app.conf[name] for name in wanted} == wanted


def test_every_class_of_work_has_a_declared_queue_and_no_other_is_made() -> None:
    declared = {queue.name: queue for queue in app.conf.task_queues}

    assert set(declared) == set(WorkClass.values) == set(celery_app.QUEUES)
    for name, queue in declared.items():
        assert (queue.exchange.name, queue.routing_key) == (name, name)


def test_rabbitmq_gets_quorum_queues_and_confirms() -> None:
    (queue, *_) = queues("amqp://broker/")

    assert queue.queue_arguments == {"x-queue-type": "quorum", "x-delivery-limit": 20}
    assert transport_options("amqps://broker/") == {"confirm_publish": True}
    assert queues("redis://broker/0")[0].queue_arguments is None


@pytest.mark.parametrize(
    ("url", "keepalive"), [("redis://h/0", True), ("redis+socket:///run/v.sock", False)]
)
def test_keepalive_is_not_for_unix_sockets(url: str, *, keepalive: bool) -> None:
    options = transport_options(url)

    assert options["socket_keepalive"] is keepalive
    assert options["visibility_timeout"] == 3600


def test_every_task_is_a_service_task_with_a_name_of_its_domain() -> None:
    app.loader.import_default_modules()
    ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}

    assert {"automation.run_item", "automation.advance_run", "automation.run_periodic"} <= set(ours)
    for name, task in ours.items():
        assert isinstance(task, ServiceTask), name
        assert (task.acks_late, task.max_retries, task.ignore_result) == (False, 0, True)
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name), name


def test_periodic_jobs_are_named_once_and_exist() -> None:
    from django.utils.module_loading import import_string

    names = [job.name for job in PERIODIC]

    assert len(set(names)) == len(names)
    for job in PERIODIC:
        assert callable(import_string(job.service)), job.service
        assert 10 <= job.every_seconds <= 86_400


def test_gevent_is_not_installed() -> None:
    import importlib.util

    assert importlib.util.find_spec("gevent") is None
    assert importlib.util.find_spec("eventlet") is None


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_code_uses_nothing_that_the_broker_would_have_to_keep(pattern: str) -> None:
    found = [
        f"{path.name}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line)
    ]

    assert found == [], FORBIDDEN[pattern]


def test_workers_give_up_their_locks_when_they_freeze() -> None:
    options = settings.DATABASES["default"]["OPTIONS"]["options"]

    assert "idle_in_transaction_session_timeout=15s" in options
    assert "statement_timeout=30s" in options
    assert "lock_timeout=3s" in options
    assert settings.LEASE_SECONDS >= 3 * settings.HEARTBEAT_SECONDS
