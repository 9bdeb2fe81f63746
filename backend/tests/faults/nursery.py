"""A process that has everything loaded and forks workers and tickers on request.

A fork is there in a moment where a start would take seconds of CPU, and what it makes is a
process like any other: with a group, a log and a number of its own, to be killed for real.
Orders come as JSON lines on standard input, the pids go back on standard output; so does the exit
status of a child that is asked for. At the end of the input the nursery ends, and the kernel ends
its children. :mod:`tests.faults.forks` gives the orders.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
QUEUES = "interactive,ai_text,ai_image,publish,control"
HEAVY_QUEUE = "planning_heavy"


def worker(order: dict[str, Any]) -> None:
    """A worker of every class but the heavy one, which has a worker of its own: prefork."""
    from tests.faults import worker_app

    worker_app.POISON = int(order.get("poison", 0))
    pool = order.get("pool", "threads")
    queues = HEAVY_QUEUE if pool == "prefork" else QUEUES
    flags = ["-P", pool, "-c", str(order["slots"]), "--without-gossip", "--without-mingle"]
    name = f"{order['name']}@test"
    worker_app.app.worker_main(["worker", *flags, "-l", "INFO", "-Q", queues, "-n", name])


def ticker(order: dict[str, Any]) -> None:
    """A ticker; its sweeps and schedules come as often as the order says."""
    from igny8_core.business.automation.management.commands import ticker as command

    if "sweep_seconds" in order:
        command.SWEEP_SECONDS = float(order["sweep_seconds"])
        command.DUE_SECONDS = 5.0
    command.Command().handle()


def command(order: dict[str, Any]) -> None:
    """``igny8`` with the order's arguments."""
    from igny8_core.cli.main import main as igny8

    os.chdir(order["cwd"])
    sys.argv = ["igny8", *order["arguments"]]
    igny8()


ROLES = {"worker": worker, "ticker": ticker, "command": command}


def jump(seconds: float) -> None:
    """This process's wall clock is wrong by so much."""
    from django.utils import timezone

    right, offset = timezone.now, timedelta(seconds=seconds)
    timezone.now = lambda: right() + offset


def child(order: dict[str, Any]) -> None:
    """Become what the order names; never returns."""
    status = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        errors = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        output = os.open(order.get("output", order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (errors, 2)):
            os.dup2(source, target)
        from django.conf import settings

        settings.CRASH_AT = order.get("crash_at")
        jump(order.get("clock_offset", 0))
        ROLES[order["role"]](order)
        status = 0
    except SystemExit as exc:
        status = int(exc.code or 0) if not isinstance(exc.code, str) else 1
    except BaseException:  # noqa: BLE001 - a forked child must never return
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


ENDED: dict[int, int] = {}


def status_of(pid: int) -> str:
    """The exit status of a child as :mod:`subprocess` has it; the dead wait until it is asked."""
    if pid not in ENDED:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return "runs"
        ENDED[pid] = os.waitstatus_to_exitcode(status)
    return str(ENDED[pid])


def carried_out(order: dict[str, Any]) -> str:
    """What is said to an order: the pid of a new child, or what has become of one."""
    if "status_of" in order:
        return status_of(order["status_of"])
    Path(order["log"]).touch()
    pid = os.fork()
    if not pid:
        child(order)
    return str(pid)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import django

    django.setup()
    from tests.faults import worker_app

    worker_app.app.loader.import_default_modules()
    if "TEST_PROVIDER_URL" in os.environ:
        from tests.faults import workload

        workload.provider_of(0)  # the SDK, loaded once
        workload.provider_of.cache_clear()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(f"{carried_out(json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
