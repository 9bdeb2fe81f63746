"""Celery as transport: early acknowledgement, no results, no ETA, declared queues.

A message is a hint of two ids; rows, leases and sweeps keep every promise (ADR 0004). There is
no beat schedule: the ticker reads ``PERIODIC`` (ADR 0006).
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "igny8_core.settings.local")

from celery import Celery, signals
from django.conf import settings
from kombu import Exchange, Queue

from igny8_core.common.tenancy.roles import RoleTooStrong
from igny8_core.common.threads import limit_blas_threads

limit_blas_threads(settings.DATA_DIR / "kernels")  # before a task imports numpy

QUEUES = ("interactive", "ai_text", "ai_image", "publish", "control", "planning_heavy")


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job on an interval.

    :param service: dotted path of a service that takes ``now`` and may run twice.
    """

    name: str
    every_seconds: int
    service: str


_BUSINESS = "igny8_core.business"
PERIODIC = (
    Periodic("ai.prune_pictures", 3600, "igny8_core.ai.services.prune_pictures"),
    Periodic("auth.prune_answers", 600, "igny8_core.auth.access.repeats.prune_answers"),
    Periodic("automation.prune", 3600, f"{_BUSINESS}.automation.services.sweeping.prune"),
    Periodic(
        "automation.prune_webhooks",
        3600,
        f"{_BUSINESS}.automation.services.webhooks.prune_webhooks",
    ),
    Periodic("automation.send_webhooks", 20, f"{_BUSINESS}.automation.services.webhooks.send_due"),
    Periodic(
        "automation.repeat_payable",
        60,
        f"{_BUSINESS}.automation.services.withheld.repeat_payable",
    ),
    Periodic("billing.audit_all", 86_400, f"{_BUSINESS}.billing.services.audit.audit_all"),
    Periodic("billing.audit_touched", 3600, f"{_BUSINESS}.billing.services.audit.audit_touched"),
    Periodic("billing.deliver_due", 300, f"{_BUSINESS}.billing.services.document_mail.deliver_due"),
    Periodic(
        "billing.handle_webhooks", 30, f"{_BUSINESS}.billing.services.webhooks.handle_due_webhooks"
    ),
    Periodic(
        "billing.purge_payloads", 86_400, f"{_BUSINESS}.billing.services.webhooks.purge_payloads"
    ),
    Periodic("billing.reconcile", 3600, f"{_BUSINESS}.billing.services.webhooks.reconcile"),
    Periodic("billing.finish_refunds", 300, f"{_BUSINESS}.billing.services.refunds.finish_refunds"),
    Periodic(
        "billing.push_subscriptions",
        60,
        f"{_BUSINESS}.billing.services.provider_subscriptions.push_due",
    ),
    Periodic("billing.renew_due", 60, f"{_BUSINESS}.billing.services.renewals.renew_due"),
    Periodic("billing.fix_prices", 3600, f"{_BUSINESS}.billing.services.period_prices.fix_due"),
    Periodic("billing.mail_prices", 300, f"{_BUSINESS}.billing.services.price_mail.mail_due"),
    Periodic("billing.chase_due", 600, f"{_BUSINESS}.billing.services.dunning.chase_due"),
    Periodic("billing.mail_dunning", 300, f"{_BUSINESS}.billing.services.dunning_mail.mail_due"),
    Periodic(
        "billing.finish_adjustments",
        300,
        f"{_BUSINESS}.billing.services.adjustments.finish_adjustments",
    ),
    Periodic("billing.expire_due", 60, f"{_BUSINESS}.billing.services.sweeping.expire_due"),
    Periodic("planning.purge", 3600, f"{_BUSINESS}.planning.services.retention.purge_planning"),
    Periodic(
        "billing.open_due_periods",
        60,
        f"{_BUSINESS}.billing.services.plan_periods.open_due_periods",
    ),
    Periodic(
        "billing.settle_withheld",
        300,
        f"{_BUSINESS}.billing.services.late_results.settle_withheld",
    ),
    Periodic(
        "billing.warn_low_balances",
        60,
        f"{_BUSINESS}.billing.services.low_balance.warn_low_balances",
    ),
    Periodic(
        "automation.publish_due",
        60,
        f"{_BUSINESS}.automation.services.due_articles.publish_due",
    ),
    Periodic("content.sweep_files", 3600, f"{_BUSINESS}.content.services.sweep_files.sweep_files"),
    Periodic("content.purge", 3600, f"{_BUSINESS}.content.services.bin.purge_deleted"),
    Periodic("content.rescore", 30, f"{_BUSINESS}.content.services.score_content.rescore"),
    Periodic("planning.imports", 30, f"{_BUSINESS}.planning.services.import_jobs.resume_imports"),
    Periodic(
        "integration.start_syncs", 60, f"{_BUSINESS}.integration.services.sync.start_due_syncs"
    ),
    Periodic(
        "integration.webhooks", 60, f"{_BUSINESS}.integration.services.inbound.send_due_webhooks"
    ),
    Periodic("publishing.send_due", 15, f"{_BUSINESS}.publishing.services.due.send_due"),
    Periodic(
        "integration.imports",
        30,
        f"{_BUSINESS}.integration.services.page_jobs.resume_page_imports",
    ),
    Periodic(
        "integration.prune",
        3600,
        f"{_BUSINESS}.integration.services.page_jobs.prune_page_imports",
    ),
    Periodic("planning.prune", 3600, f"{_BUSINESS}.planning.services.import_jobs.prune_imports"),
)


def transport_options(broker_url: str) -> dict[str, Any]:
    """What the transport of a broker needs."""
    if is_rabbitmq(broker_url):
        return {"confirm_publish": True}
    return {
        "visibility_timeout": 3600,
        "socket_keepalive": not broker_url.startswith("redis+socket"),
        "socket_timeout": 30,
        "socket_connect_timeout": 3,
        "health_check_interval": 25,
    }


def is_rabbitmq(broker_url: str) -> bool:
    """Whether queues are RabbitMQ's: quorum queues, declared with their arguments."""
    return broker_url.startswith(("amqp://", "amqps://"))


def queues(broker_url: str) -> list[Queue]:
    """The declared queues. RabbitMQ refuses to declare an existing one with other arguments."""
    arguments = None
    if is_rabbitmq(broker_url):
        arguments = {"x-queue-type": "quorum", "x-delivery-limit": 20}
    return [
        Queue(name, Exchange(name), routing_key=name, queue_arguments=arguments) for name in QUEUES
    ]


app = Celery("igny8", broker=settings.BROKER_URL)
app.conf.update(
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    result_backend=None,
    task_queues=queues(settings.BROKER_URL),
    task_default_queue="control",
    task_create_missing_queues=False,
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    task_publish_retry_policy={
        "max_retries": 2,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.5,
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options=transport_options(settings.BROKER_URL),
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_soft_shutdown_timeout=25,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_concurrency=settings.WORKER_THREADS,
)
app.set_default()
app.autodiscover_tasks()


def _workers() -> Any:
    """Loaded late: models exist only once Django is set up."""
    return import_module(f"{_BUSINESS}.automation.services.workers")


@signals.worker_init.connect
def _name_worker(sender: Any, **_: Any) -> None:
    """Before any fork, so that the children know who they are."""
    try:
        _workers().check_worker()
    except RoleTooStrong as exc:  # Celery would log it and go on
        raise SystemExit(str(exc)) from exc
    _workers().name_worker(
        node_name=sender.hostname,
        host=socket.gethostname(),
        slots=sender.concurrency,
        work_classes=sorted(sender.app.amqp.queues.consume_from),
    )


@signals.worker_ready.connect
def _start_worker(**_: Any) -> None:
    _workers().start_worker()


@signals.worker_shutting_down.connect
def _drain_worker(**_: Any) -> None:
    """Sent from a signal handler: what needs locks happens in a thread."""
    threading.Thread(target=_workers().drain_worker, name="igny8-drain", daemon=True).start()


@signals.worker_shutdown.connect
def _stop_worker(**_: Any) -> None:
    _workers().stop_worker()
