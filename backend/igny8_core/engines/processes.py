"""Facts about processes from the kernel, and the end of whole sessions.

Each child leads a session of its own. What it leaves behind is found by the session number,
which the kernel does not give out again while a member lives. Linux answers from ``/proc``; where
there is none, only process groups can be ended.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PROC = Path("/proc")
SPAWN = Path(__file__).with_name("spawn.py")
END_ROUNDS = 20
"""How often a session is searched for members that were started while it was ended."""


@dataclass(frozen=True)
class SystemUser:
    """Whom a child becomes."""

    name: str
    user_id: int
    group_id: int


def child_command(
    argv: Sequence[str], *, death_signal: signal.Signals, user: SystemUser | None = None
) -> list[str]:
    """The command of a child that gets a signal when the thread that starts it ends.

    :param user: whom it becomes; None keeps ours.
    """
    ids = (user.user_id, user.group_id) if user else (-1, -1)
    words = [os.getpid(), int(death_signal), *ids]
    return [sys.executable, "-I", "-S", str(SPAWN), *map(str, words), *argv]


@dataclass(frozen=True)
class ProcessFacts:
    """What identifies a process: a recycled pid has another start time.

    :ivar started: start in clock ticks since boot, as the kernel writes it.
    """

    session: int
    started: str
    is_zombie: bool


def process_facts(pid: int) -> ProcessFacts | None:
    """The kernel's entry of a process, or None when there is none."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return ProcessFacts(session=int(fields[3]), started=fields[19], is_zombie=fields[0] in "ZX")


def processes_in(folder: Path, program: str) -> list[int]:
    """The living processes of a program whose working folder this is."""
    return [pid for pid in _all_pids() if _works_in(pid, folder, program)]


def _works_in(pid: int, folder: Path, program: str) -> bool:
    try:
        name = (PROC / str(pid) / "comm").read_text().strip()
        return name == program and (PROC / str(pid) / "cwd").readlink() == folder
    except OSError:  # gone, a zombie, or another user's
        return False


def _all_pids() -> list[int]:
    if not PROC.is_dir():
        return []
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def boot_identity() -> str:
    """Names this boot of this machine, and the process namespace: pids mean nothing elsewhere."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (PROC / "self/ns/pid").readlink()
    except OSError:
        return ""
    return f"{boot} {namespace}"


def session_members(session: int) -> list[int]:
    """The living processes of a session."""
    members = []
    for pid in _all_pids():
        facts = process_facts(pid)
        if facts is not None and facts.session == session and not facts.is_zombie:
            members.append(pid)
    return members


def signal_process(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that is gone, or not ours to signal, is no fault."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def end_session(session: int) -> None:
    """Kill every process of a session that we started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)
    for _round in range(END_ROUNDS):
        members = session_members(session)
        if not members:
            return
        for pid in members:
            signal_process(pid, signal.SIGKILL)
        time.sleep(0.01)


def wait_until_gone(pid: int, *, timeout_seconds: float) -> bool:
    """Whether a process that is not our child ended within the time."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        facts = process_facts(pid)
        if facts is None or facts.is_zombie:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
