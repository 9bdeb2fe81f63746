"""How each kind of fault is done. Each function breaks, waits, mends, and returns how many items
workers held at the moment of a kill: so many calls may be paid twice.
"""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import redis
from celery import Celery

from igny8_core.celery_app import queues
from tests.faults import provider as providers
from tests.faults.machine import is_alive, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.machine import Machine
    from tests.faults.plan import Fault
    from tests.faults.provider import Provider

QUEUES = ("interactive", "ai_text", "ai_image", "publish", "control")
CRASH_SECONDS = 6.0


def held_by(machine: Machine, node: str | None = None) -> int:
    """Items that a worker holds, or all of them."""
    ((count,),) = machine.query(
        "SELECT count(*) FROM automation_workitem WHERE status = 'running'"
        " AND (%s::text IS NULL OR lease_node = %s)",
        f"{node}@test" if node else None,
        f"{node}@test" if node else None,
    )
    return int(count)


def some_worker(machine: Machine, fault: Fault) -> str:
    """One that lives; the same for the same fault."""
    names = sorted(name for name in machine.pids if name.startswith("worker"))
    return names[fault.after % len(names)]


def kill_worker(machine: Machine, _provider: Provider, fault: Fault) -> int:
    name = some_worker(machine, fault)
    machine.kill(name)
    held = held_by(machine, name)
    time.sleep(fault.seconds / 2)
    machine.start(name)
    return held


def lose_host(machine: Machine, _provider: Provider, fault: Fault) -> int:
    """A worker that does not come back: what it held is taken back when its leases run out."""
    name = some_worker(machine, fault)
    machine.kill(name)
    held = held_by(machine, name)
    limit = machine.pace["lease"] + 2 * machine.pace["sweep"] + 5
    machine.taken_back = max(
        machine.taken_back,
        wait_until(lambda: held_by(machine, name) == 0, seconds=limit, what=f"leases of {name}"),
    )
    machine.start(name)
    return held


def kill_all_workers(machine: Machine, _provider: Provider, fault: Fault) -> int:
    names = [name for name in machine.pids if name.startswith("worker")]
    for name in names:
        machine.kill(name)
    held = held_by(machine)
    time.sleep(fault.seconds / 2)
    for name in names:
        machine.start(name)
    return held


def kill_postgres(machine: Machine, _provider: Provider, fault: Fault) -> int:
    held = held_by(machine)
    machine.kill_postgres()
    time.sleep(fault.seconds / 2)
    machine.start_postgres()
    return max(held, held_by(machine))


def kill_valkey(machine: Machine, _provider: Provider, fault: Fault, *, wipe: bool = False) -> int:
    held = held_by(machine)  # 5.7.0 on Redis: a worker may end itself when the broker goes
    machine.kill_broker(wipe=wipe)
    time.sleep(fault.seconds)
    held = max(held, held_by(machine))
    machine.start_broker()
    return held


def wipe_valkey(machine: Machine, provider: Provider, fault: Fault) -> int:
    return kill_valkey(machine, provider, fault, wipe=True)


def kill_ticker(machine: Machine, _provider: Provider, fault: Fault) -> int:
    names = [name for name in machine.pids if name.startswith("ticker")]
    for name in names:
        machine.kill(name)
    time.sleep(fault.seconds)
    for name in names:
        machine.start(name)
    return 0


def kill_web(machine: Machine, _provider: Provider, fault: Fault) -> int:
    if machine.has_web:
        machine.kill_web()
        time.sleep(fault.seconds / 4)
        machine.start_web()
    return 0


def freeze_worker(machine: Machine, _provider: Provider, fault: Fault) -> int:
    """Past its leases; when it thaws its results are late."""
    name = some_worker(machine, fault)
    machine.send(name, signal.SIGSTOP)
    held = held_by(machine, name)
    time.sleep(machine.pace["lease"] + fault.seconds)
    machine.send(name, signal.SIGCONT)
    return held


def lose_messages(machine: Machine, _provider: Provider, _fault: Fault) -> int:
    """Every message that waits in the broker now."""
    if machine.rabbitmq is None:
        with machine.client() as client:
            client.delete(*QUEUES)
        return 0
    with client_app(machine).connection_for_write() as connection:
        for queue in queues(machine.broker_url):
            queue.bind(connection.default_channel).purge()
    return 0


def double_messages(machine: Machine, _provider: Provider, fault: Fault) -> int:
    """Hints for items that may be in any state, some of them three times."""
    rows = machine.query(
        "SELECT account_id, id, work_class FROM automation_workitem"
        " ORDER BY (status = 'running') DESC, id DESC LIMIT 20"
    )
    chance = random.Random(fault.after)  # noqa: S311 - repeatable on purpose
    for account_id, item_id, work_class in rows:
        for _ in range(chance.randint(1, 3)):
            send(machine, "automation.run_item", work_class, account_id=account_id, item_id=item_id)
    runs = machine.query(
        "SELECT account_id, id FROM automation_automationrun ORDER BY id DESC LIMIT 3"
    )
    for account_id, run_id in runs * 4:
        send(machine, "automation.advance_run", "control", account_id=account_id, run_id=run_id)
    return 0


def send(machine: Machine, name: str, queue: str, **ids: int) -> None:
    """As the product's own messages."""
    app = client_app(machine)
    with app.connection_for_write() as connection:
        app.send_task(name, kwargs=ids, queue=queue, ignore_result=True, connection=connection)


def client_app(machine: Machine) -> Celery:
    """A client of the machine's broker, with the product's queues."""
    app = Celery(broker=machine.broker_url, set_as_current=False)
    app.conf.task_queues = queues(machine.broker_url)
    return app


def _provider_is(mode: str) -> Callable[[Machine, Provider, Fault], int]:
    def broken(machine: Machine, provider: Provider, fault: Fault) -> int:
        provider.mode = mode
        time.sleep(fault.seconds)
        provider.mode = providers.OK
        close_circuits(machine)
        return 0

    return broken


def close_circuits(machine: Machine) -> None:
    """As if half a minute had gone by: the breaker's probe would find the provider well."""
    try:
        with machine.client(1) as client:
            for key in client.scan_iter("igny8:ai:*"):
                client.delete(key)
    except redis.RedisError:
        pass


def jump_clock(machine: Machine, _provider: Provider, fault: Fault) -> int:
    """A worker and both tickers come back with a clock that is wrong."""
    name = some_worker(machine, fault)
    held = 0
    for wrong in (name, *[n for n in machine.pids if n.startswith("ticker")]):
        machine.offsets[wrong] = float(fault.detail)
        machine.kill(wrong)
        held += held_by(machine, wrong)
        machine.start(wrong)
    return held


def pause(_machine: Machine, _provider: Provider, _fault: Fault) -> int:
    """Done by the runner, which knows the run."""
    return 0


def crash_at(machine: Machine, _provider: Provider, fault: Fault) -> int:
    """A worker that ends itself at a named place, if it comes by within a few seconds."""
    name = some_worker(machine, fault)
    machine.kill(name)
    held = held_by(machine, name)
    pid = machine.start(name, crash_at=fault.detail)
    try:
        wait_until(lambda: not is_alive(pid), seconds=CRASH_SECONDS, what=fault.detail)
    except TimeoutError:
        machine.kill(name)
    held += held_by(machine, name)
    machine.start(name)
    return held


BREAK: dict[str, Callable[[Machine, Provider, Fault], int]] = {
    "kill_worker": kill_worker,
    "kill_all_workers": kill_all_workers,
    "lose_host": lose_host,
    "kill_postgres": kill_postgres,
    "kill_valkey": kill_valkey,
    "wipe_valkey": wipe_valkey,
    "kill_ticker": kill_ticker,
    "kill_web": kill_web,
    "freeze_worker": freeze_worker,
    "lose_messages": lose_messages,
    "double_messages": double_messages,
    "provider_slow": _provider_is(providers.SLOW),
    "provider_down": _provider_is(providers.DOWN),
    "provider_limit": _provider_is(providers.RATE),
    "jump_clock": jump_clock,
    "pause": pause,
    "crash_at": crash_at,
}


def mend(
    machine: Machine, provider: Provider, workers: tuple[str, ...], tickers: tuple[str, ...]
) -> None:
    """Everything runs again and every clock is right, before the next seed."""
    provider.mode = providers.OK
    for name in list(machine.offsets):
        del machine.offsets[name]
        if name in machine.pids:
            machine.kill(name)
            machine.start(name)
    for name in (*workers, *tickers):
        if name not in machine.pids:
            machine.start(name)
