"""The state of the engine in figures: one look at the rows of all accounts for each question.

Figures of what ended are of the last five minutes: they are read from the rows, so they survive
every restart and mean the same whichever process is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.business.automation.services.crossing import staff_cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW_MINUTES = 5
NODE_ALIVE_SECONDS = 60
NEWEST_ROWS = 100_000
"""Of tables that are not indexed by time, at most so many of the newest rows are looked at."""


@dataclass(frozen=True, slots=True)
class Question:
    """A statement whose rows are labels, then one figure for each metric.

    :ivar labels: names of the first columns.
    :ivar metrics: name and meaning of the columns after them.
    """

    labels: tuple[str, ...]
    metrics: tuple[tuple[str, str], ...]
    statement: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the answer: all of them are gauges."""

    name: str
    meaning: str
    labels: tuple[tuple[str, str], ...]
    value: float


QUESTIONS = (
    Question(
        ("work_class", "status"),
        (
            ("igny8_items", "Work items that have not ended."),
            ("igny8_items_oldest_seconds", "How long the oldest of them has been due."),
            ("igny8_items_accounts", "Accounts that have some."),
        ),
        """
        SELECT work_class, status, count(*),
               coalesce(extract(epoch FROM now() - min(CASE status
                   WHEN 'ready' THEN coalesce(not_before, updated_at)
                   WHEN 'queued' THEN queued_at ELSE started_at END)
                   FILTER (WHERE not_before IS NULL OR not_before <= now())), 0),
               count(DISTINCT account_id)
          FROM automation_workitem WHERE status IN ('ready', 'queued', 'running') GROUP BY 1, 2
        """,
    ),
    Question(
        (),
        (
            ("igny8_leases_expired", "Items whose lease ran out and was not taken back yet."),
            ("igny8_lease_left_seconds", "Time left of the lease that runs out first."),
            ("igny8_items_crashed", "Open items that were with a worker when it died."),
            ("igny8_items_deferred", "Items that wait for their next attempt."),
        ),
        """
        SELECT count(*) FILTER (WHERE status = 'running' AND lease_expires_at < now()),
               coalesce(extract(epoch FROM min(lease_expires_at)
                   FILTER (WHERE status = 'running') - now()), 0),
               count(*) FILTER (WHERE crashes > 0),
               count(*) FILTER (WHERE status = 'ready' AND not_before > now())
          FROM automation_workitem WHERE status IN ('ready', 'queued', 'running')
        """,
    ),
    Question(
        ("work_class",),
        (
            ("igny8_worker_slots", "Slots of the workers that are alive."),
            ("igny8_class_contended", "1 while accounts wait for slots that others hold."),
        ),
        """
        SELECT c.name, coalesce((SELECT sum(n.slots) FROM automation_workernode n
                 WHERE c.name = ANY (n.work_classes) AND NOT n.is_draining
                   AND n.heartbeat_at > now() - make_interval(secs => %(alive)s)), 0),
               c.is_contended::int
          FROM automation_workclass c
        """,
    ),
    Question(
        (),
        (
            ("igny8_workers", "Workers that are alive."),
            ("igny8_worker_heartbeat_seconds", "Age of the oldest heartbeat of a living worker."),
        ),
        """
        SELECT count(*), coalesce(extract(epoch FROM now() - min(heartbeat_at)), 0)
          FROM automation_workernode
         WHERE heartbeat_at > now() - make_interval(secs => %(alive)s)
        """,
    ),
    Question(
        (),
        (
            ("igny8_ticker_lag_seconds", "How late the latest of the periodic jobs is."),
            ("igny8_schedule_lag_seconds", "How late the latest of the due schedules is."),
            ("igny8_schedules", "Schedules that are switched on."),
        ),
        """
        SELECT greatest(0, (SELECT coalesce(max(extract(epoch FROM now() - next_run_at)), 0)
                  FROM automation_periodicjob WHERE last_run_at IS NOT NULL)),
               greatest(0, coalesce(max(extract(epoch FROM now() - next_run_at)), 0)), count(*)
          FROM automation_automationconfig WHERE is_enabled
        """,
    ),
    Question(
        ("status", "reason"),
        (("igny8_runs", "Runs that have not ended, by why they are paused."),),
        """
        SELECT status, pause_reason, count(*) FROM automation_automationrun
         WHERE status IN ('running', 'paused') GROUP BY 1, 2
        """,
    ),
    Question(
        ("kind", "status"),
        (
            ("igny8_items_ended_recently", "Items that ended in the last five minutes."),
            ("igny8_item_seconds_mean", "What their last attempt took."),
            ("igny8_item_seconds_p95", "What 95 % of them stayed below."),
        ),
        """
        SELECT kind, status, count(*),
               coalesce(extract(epoch FROM avg(ended_at - started_at)), 0),
               coalesce(extract(epoch FROM percentile_disc(0.95)
                   WITHIN GROUP (ORDER BY ended_at - started_at)), 0)
          FROM automation_workitem WHERE ended_at > now() - make_interval(mins => %(window)s)
         GROUP BY 1, 2
        """,
    ),
    Question(
        ("provider", "status", "error_class"),
        (
            ("igny8_provider_calls_recently", "Calls that began in the last five minutes."),
            ("igny8_provider_call_seconds_mean", "What they took."),
        ),
        """
        SELECT provider, status, error_class, count(*),
               coalesce(extract(epoch FROM avg(ended_at - started_at)), 0)
          FROM ai_aicall WHERE started_at > now() - make_interval(mins => %(window)s)
           AND id > (SELECT max(id) FROM ai_aicall) - %(newest)s
         GROUP BY 1, 2, 3
        """,
    ),
    Question(
        (),
        (
            ("igny8_credits_available", "Credits of all accounts that are free."),
            ("igny8_credits_held", "Credits of all accounts that are set aside."),
        ),
        """
        SELECT coalesce(sum(balance - held), 0), coalesce(sum(held), 0)
          FROM billing_creditwallet
        """,
    ),
    Question(
        ("operation",),
        (("igny8_credits_captured_recently", "Credits charged in the last five minutes."),),
        """
        SELECT operation_type, sum(credits_used) FROM billing_creditusagelog
         WHERE created_at > now() - make_interval(mins => %(window)s)
           AND id > (SELECT max(id) FROM billing_creditusagelog) - %(newest)s
         GROUP BY 1
        """,
    ),
)


def engine_figures() -> list[Figure]:
    """Every figure, over all accounts; no label names an account."""
    return list(_figures())


def _figures() -> Iterator[Figure]:
    values: dict[str, Any] = {
        "window": WINDOW_MINUTES,
        "alive": NODE_ALIVE_SECONDS,
        "newest": NEWEST_ROWS,
    }
    with staff_cursor() as cursor:
        for question in QUESTIONS:
            cursor.execute(question.statement, values)
            width = len(question.labels)
            for row in cursor.fetchall():
                labels = tuple(zip(question.labels, map(str, row[:width]), strict=True))
                for (name, meaning), value in zip(question.metrics, row[width:], strict=True):
                    yield Figure(name, meaning, labels, float(value))
