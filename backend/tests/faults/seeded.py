"""Runs that are broken as a seed says, and then held against an undisturbed one.

A run of seven stages on real processes, broken as its seed says (:mod:`tests.faults.plan`), and
then held against an undisturbed run: outputs item for item, calls that the provider was paid for,
credits against captured results, rows left over, the product's own audits.
Started by ``python -m tests.faults``.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from operator import le
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connections
from django.utils import timezone

from igny8_core.auth.access.api_keys import create_api_key
from igny8_core.auth.states import KeyScope, Role
from igny8_core.business.automation.services import runs
from igny8_core.business.automation.services.audit import pipeline_problems
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.common.errors import TransitionNotAllowed
from tests import make
from tests.faults import breaking, workload
from tests.faults.machine import DATABASE, wait_until
from tests.faults.programs import Program
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.plugins.engines import make_database

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account
    from tests.faults.machine import Machine
    from tests.faults.plan import Fault
    from tests.faults.provider import Provider

CREDITS = 100_000
RESULTS = sum(count for _, _, count in workload.STAGES.values())
RUN_SECONDS = 90.0
SETTLE_SECONDS = 0.3
WEB_SECONDS = 0.02
WORKERS = ("worker-1", "worker-2")
TICKERS = ("ticker-1", "ticker-2")


@dataclass
class Seeded:
    """What became of one seed.

    :ivar in_flight: items that workers held at the moments when they were killed.
    :ivar repeated: provider calls beyond one for each paid row.
    :ivar back_seconds: the longest time from a fault to the next stored result.
    :ivar taken_back_seconds: the longest time until what a lost host held was taken back.
    """

    seed: int
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    in_flight: int = 0
    repeated: int = 0
    back_seconds: float = 0.0
    taken_back_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def patiently(act: Callable[[], Any]) -> Any:
    """Do something that needs the database, which may be starting again."""
    for _ in range(600):
        try:
            return act()
        except OperationalError:
            connections.close_all()
            time.sleep(0.1)
    return act()


class Runner:
    """Runs one seed after the other on one machine."""

    def __init__(self, machine: Machine, provider: Provider) -> None:
        self.machine, self.provider = machine, provider
        self.expected: dict[int, str] = {}

    def one(self, seed: int, faults: list[Fault]) -> Seeded:
        """One run with these faults; what was wrong with it."""
        found = Seeded(seed, [f"{f.kind}@{f.after} {f.detail}".strip() for f in faults])
        account, site_id = patiently(self._open)
        began = time.monotonic()
        kills_web = any(fault.kind == "kill_web" for fault in faults)
        run_id = self._start(account, site_id, kills_web=kills_web)
        try:
            for fault in faults:
                self._wait_for(account, partial(le, fault.after), run_id)
                stored = self._stored(account)
                found.in_flight += breaking.BREAK[fault.kind](self.machine, self.provider, fault)
                found.in_flight += self._paused(account, run_id) if fault.kind == "pause" else 0
                target = min(stored + 1, RESULTS)
                back = self._wait_for(account, partial(le, target), run_id)
                found.back_seconds = max(found.back_seconds, round(back, 2))
            self._wait_for(account, partial(le, RESULTS), run_id)
            self._finish(run_id)
        except TimeoutError as exc:
            found.problems.append(str(exc))
        found.seconds = round(time.monotonic() - began, 2)
        found.taken_back_seconds, self.machine.taken_back = round(self.machine.taken_back, 2), 0.0
        found.problems += patiently(lambda: self._problems(account, run_id, found))
        breaking.mend(self.machine, self.provider, WORKERS, TICKERS)
        return found

    def cancelled(self) -> Seeded:
        """A run that is cancelled half-way: nothing begins any more, what runs ends within a
        heartbeat and an item, and what is charged is what is stored.
        """
        found = Seeded(-1, ["cancel"])
        account, site_id = patiently(self._open)
        run_id = self._start(account, site_id, kills_web=False)
        try:
            self._wait_for(account, partial(le, RESULTS // 2), run_id)
            patiently(lambda: runs.cancel_run(account=account, run_id=run_id, now=timezone.now()))
            asked = self.provider.calls_of(account.pk).total()
            under_way = self._running(run_id)
            limit = self.machine.pace["heartbeat"] + 4
            found.back_seconds = round(
                wait_until(
                    lambda: self._running(run_id) == 0,
                    seconds=limit,
                    what=f"end of the items of run {run_id}",
                ),
                2,
            )
            time.sleep(SETTLE_SECONDS)
            if (late := self.provider.calls_of(account.pk).total() - asked) > under_way:
                found.problems.append(f"{late} calls after the cancel, {under_way} under way")
        except TimeoutError as exc:
            found.problems.append(str(exc))
        found.problems += patiently(lambda: self._books_of_cancelled(account, run_id))
        return found

    def listened(self) -> Seeded:
        """A page that shows a run hears of its changes, through the real web server."""
        found = Seeded(-2, ["listen"])
        account, site_id = patiently(self._open)
        program = self._program(account)
        run_id = program.start_run(site_id)
        stream = program.progress(run_id)["stream"]
        versions = program.versions(stream, count=4, seconds=30)
        if versions != sorted(versions) or len(set(versions)) == 1:
            found.problems.append(f"versions of the stream: {versions}")
        self._wait_for(account, partial(le, RESULTS), run_id)
        self._finish(run_id)
        shown = program.progress(run_id)
        if (shown["run"]["status"], shown["items"]["done"]) != ("completed", RESULTS):
            found.problems.append(f"progress at the end: {shown['run']} {shown['items']}")
        return found

    def _books_of_cancelled(self, account: Account, run_id: int) -> list[str]:
        """Credits of the results that are stored, and nothing else; nothing that waits."""
        rows = self.machine.query(CANCELLED, {"account": account.pk, "run": run_id})
        problems = [] if rows == [(0, 0, True)] else [f"waiting, held, paid for: {rows}"]
        connections.close_all()
        return [*problems, *pipeline_problems(), *ledger_problems()]

    def _open(self) -> tuple[Account, int]:
        """An account with credits, and a site."""
        plan = make_automation.plan(max_in_flight=40)
        account = make.account(plan=plan, slug=f"seed-{time.monotonic_ns()}")
        make_billing.credits(
            account, CREDITS, now=timezone.now(), idempotency_key=f"seed-{account.pk}"
        )
        return account, make.site(account, slug=f"site-{account.pk}").pk

    def _start(self, account: Account, site_id: int, *, kills_web: bool) -> int:
        """Through the API where there is a web server, asked again until it answers."""
        if not self.machine.has_web:
            return int(
                patiently(
                    lambda: runs.start_run(account=account, site_id=site_id, now=timezone.now()).pk
                )
            )
        breaker = threading.Thread(target=self._restart_web)
        if kills_web:
            breaker.start()
        run_id = self._program(account).start_run(site_id)
        if kills_web:
            breaker.join()
        return run_id

    def _program(self, account: Account) -> Program:
        _, key = patiently(
            lambda: create_api_key(
                account=account,
                name="faults",
                scope=KeyScope.WRITE,
                created_by=None,
                granting=Role.OWNER,
                now=timezone.now(),
            )
        )
        return Program(self.machine, account_id=account.pk, key=key)

    def _restart_web(self) -> None:
        """While a request to start a run may be under way."""
        time.sleep(WEB_SECONDS)
        self.machine.kill_web()
        self.machine.start_web()

    def _stored(self, account: Account) -> int:
        ((count,),) = self.machine.query(
            "SELECT count(*) FROM automation_runevent WHERE account_id = %s AND code = %s",
            account.pk,
            workload.EFFECT,
        )
        return int(count)

    def _wait_for(self, account: Account, reached: Callable[[int], bool], run_id: int) -> float:
        """Until so many results are stored. Nobody waits for the time after failures and crashes,
        and what ended by itself is started again.
        """

        def look() -> bool:
            self.machine.supervise()
            self.machine.query(
                "UPDATE automation_workitem SET not_before = NULL WHERE account_id = %s"
                " AND status = 'ready' AND not_before > now() + interval '300 milliseconds'",
                account.pk,
            )
            return reached(self._stored(account))

        return wait_until(look, seconds=RUN_SECONDS, what=lambda: self._where(run_id))

    def _where(self, run_id: int) -> str:
        rows = self.machine.query(
            "SELECT r.status || '/' || r.current_stage || ' ' || coalesce(string_agg("
            " i.status || ':' || i.stage || ':' || i.error, ', '), '')"
            "  FROM automation_automationrun r LEFT JOIN automation_workitem i"
            "    ON i.run_id = r.id AND i.status NOT IN ('done') WHERE r.id = %s"
            " GROUP BY r.id",
            run_id,
        )
        return str(rows)[:600]

    def _paused(self, account: Account, run_id: int) -> int:
        """Pause and resume: nothing begins in between. Raises what began as a problem."""
        try:
            patiently(lambda: runs.pause_run(account=account, run_id=run_id, now=timezone.now()))
        except TransitionNotAllowed:
            return 0  # it was faster
        began = time.monotonic()
        wait_until(
            lambda: self._running(run_id) == 0, seconds=30, what=f"run {run_id} comes to rest"
        )
        calls = self.provider.calls_of(account.pk).total()
        time.sleep(SETTLE_SECONDS)
        assert self.provider.calls_of(account.pk).total() == calls, "a call began while paused"
        assert time.monotonic() - began < 30
        patiently(lambda: runs.resume_run(account=account, run_id=run_id, now=timezone.now()))
        return 0

    def _running(self, run_id: int) -> int:
        ((count,),) = self.machine.query(
            "SELECT count(*) FROM automation_workitem WHERE run_id = %s AND status = 'running'",
            run_id,
        )
        return int(count)

    def _finish(self, run_id: int) -> None:
        wait_until(
            lambda: (
                self.machine.query(
                    "SELECT status FROM automation_automationrun WHERE id = %s", run_id
                )
                == [("completed",)]
            ),
            seconds=30,
            what=lambda: self._where(run_id),
        )
        time.sleep(SETTLE_SECONDS)  # a late result would come now

    def _problems(self, account: Account, run_id: int, found: Seeded) -> list[str]:
        """Everything that differs from an undisturbed run."""
        problems = self._outputs(account)
        calls = self.provider.calls_of(account.pk)
        found.repeated = calls.total() - workload.PAID_ROWS
        if found.repeated > found.in_flight:
            problems.append(f"{found.repeated} repeated calls, {found.in_flight} were in flight")
        for what, statement, wanted in CHECKS:
            rows = self.machine.query(statement, {"account": account.pk, "run": run_id})
            if rows != [wanted]:
                problems.append(f"{what}: {rows}, not {wanted}")
        connections.close_all()
        return [*problems, *pipeline_problems(), *ledger_problems()]

    def _outputs(self, account: Account) -> list[str]:
        rows = self.machine.query(
            "SELECT (data->>'row')::bigint, data->>'text' FROM automation_runevent"
            " WHERE account_id = %s AND code = %s ORDER BY 1",
            account.pk,
            workload.EFFECT,
        )
        outputs = {int(row): str(text) for row, text in rows}
        problems = [] if len(rows) == len(outputs) else ["a result was stored twice"]
        if not self.expected:
            self.expected = outputs
        if outputs != self.expected:
            missing = sorted(set(self.expected) - set(outputs))
            problems.append(f"outputs differ from the undisturbed run; missing: {missing}")
        return problems


CHECKS: list[tuple[str, str, tuple[Any, ...]]] = [
    (
        "items that are not done",
        "SELECT count(*) FROM automation_workitem WHERE run_id = %(run)s AND status <> 'done'",
        (0,),
    ),
    (
        "credits: deducted, logged, of the run, of the items, held",
        "SELECT (SELECT -coalesce(sum(amount), 0) FROM billing_credittransaction"
        "         WHERE account_id = %(account)s AND type = 'deduction') = s.logged,"
        "       r.total_credits_used = s.logged,"
        "       (SELECT coalesce(sum(credits_charged), 0) FROM automation_workitem"
        "         WHERE run_id = %(run)s) = s.logged,"
        "       s.logs,"
        "       (SELECT count(*) FROM billing_creditreservation"
        "         WHERE account_id = %(account)s AND status = 'held')"
        "  FROM automation_automationrun r, LATERAL (SELECT count(*) AS logs,"
        "       coalesce(sum(credits_used), 0) AS logged FROM billing_creditusagelog"
        "       WHERE account_id = %(account)s) s WHERE r.id = %(run)s",
        (True, True, True, workload.PAID_ROWS, 0),
    ),
    (
        "runs of the account",
        "SELECT count(*) FROM automation_automationrun WHERE account_id = %(account)s",
        (1,),
    ),
]


CANCELLED = f"""
SELECT (SELECT count(*) FROM automation_workitem
         WHERE run_id = %(run)s AND status NOT IN ('done', 'cancelled', 'failed')),
       (SELECT count(*) FROM billing_creditreservation
         WHERE account_id = %(account)s AND status = 'held'),
       (SELECT count(*) FROM billing_creditusagelog WHERE account_id = %(account)s)
       = (SELECT count(*) FROM automation_runevent e
           WHERE e.account_id = %(account)s AND e.code = '{workload.EFFECT}'
             AND e.data->>'text' LIKE 'Text%%')
"""


def prepare(machine: Machine, *, has_web: bool) -> None:
    """Start everything."""
    machine.start_postgres()
    make_database(DATABASE)
    connections["default"].ensure_connection()
    make_billing.prices()
    machine.start_valkey()
    if machine.rabbitmq is not None:
        machine.start_broker()
    machine.start_nursery()
    for name in (*WORKERS, *TICKERS):
        machine.start(name)
    if has_web:
        machine.start_web()
    wait_until(
        lambda: machine.query("SELECT count(*) FROM automation_workernode") == [(len(WORKERS),)],
        seconds=60,
        what="workers",
    )


def close() -> None:
    """Let go of the database before it ends."""
    connections.close_all()
