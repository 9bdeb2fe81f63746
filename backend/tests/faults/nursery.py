"""A process that has everything loaded and forks workers and tickers on request.

A fork is there in a moment where a start would take seconds of CPU, and what it makes is a
process like any other: with a group, a log and a number of its own, to be killed for real.
Orders come as JSON lines on standard input, the pids go back on standard output; at the end of
the input the nursery ends, and the kernel ends its children.
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


def worker(order: dict[str, Any]) -> None:
    """A thread worker of every class."""
    from tests.faults.worker_app import app

    flags = ["-P", "threads", "-c", str(order["slots"]), "--without-gossip", "--without-mingle"]
    app.worker_main(["worker", *flags, "-l", "INFO", "-Q", QUEUES, "-n", f"{order['name']}@test"])


def ticker(order: dict[str, Any]) -> None:
    """A ticker whose sweeps and schedules come as often as the order says."""
    from igny8_core.business.automation.management.commands import ticker as command

    command.SWEEP_SECONDS = float(order["sweep_seconds"])
    command.DUE_SECONDS = 5.0
    command.Command().handle()


ROLES = {"worker": worker, "ticker": ticker}


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
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
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
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import django

    django.setup()
    from tests.faults import worker_app, workload

    worker_app.app.loader.import_default_modules()
    workload.provider_of(0)  # the SDK, loaded once
    workload.provider_of.cache_clear()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        Path(order["log"]).touch()
        pid = os.fork()
        if not pid:
            child(order)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
