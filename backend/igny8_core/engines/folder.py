"""The data folder: who runs on it, where the parts are, what is written into it."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from igny8_core.engines.errors import EngineFailed, FolderInUse
from igny8_core.engines.processes import (
    boot_identity,
    end_session,
    process_facts,
    session_members,
    signal_process,
    wait_until_gone,
)
from igny8_core.settings.env import ENGINES_FILE, SECRET_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GENTLE_SECONDS = 2.0
"""How long a leftover may take to end by itself before it is killed."""

UNIX_SOCKET_BYTES = 107
"""The longest path of a unix socket on Linux."""


@dataclass(frozen=True)
class RunningChild:
    """A recorded process of the stack."""

    name: str
    pid: int
    started: str


class DataFolder:
    """Paths and small files of one data folder. All of it is readable to its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.logs = self.path / "logs"
        self.postgres = self.path / "pg"
        self.valkey = self.path / "valkey"
        self.storage = self.path / "storage"
        self.secret = self.path / SECRET_FILE
        self._lock = self.path / "lock"
        self._addresses = self.path / ENGINES_FILE
        self._children = self.path / "children.json"

    def create(self) -> None:
        """Make the folder and its parts.

        :raises EngineFailed: it cannot be made or written.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in (self.logs, self.valkey, self.storage):
                part.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise EngineFailed(
                f"cannot write the data folder {self.path}: {exc.strerror}; choose another one "
                "with --data-dir or IGNY8_DATA_DIR"
            ) from exc

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder: one supervisor at a time. The kernel lets go when the holder dies.

        :raises FolderInUse: another supervisor holds it.
        """
        with self._lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                lock.seek(0)
                holder = lock.read().strip()
                raise FolderInUse(
                    f"IGNY8 already runs on {self.path} (pid {holder or 'unknown'}); stop that one "
                    "with Ctrl-C, or choose another folder with --data-dir"
                ) from exc
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    @contextmanager
    def held(self, *, spare: frozenset[str] = frozenset()) -> Iterator[list[str]]:
        """Make the folder, hold its lock, end what a killed supervisor left.

        :param spare: names of children that are not ended here.
        :returns: the names of the children that still lived.
        :raises FolderInUse: another supervisor holds it.
        """
        self.create()
        with self.locked():
            yield self.end_leftovers(spare=spare)

    def make_secret_key(self) -> None:
        """Make Django's secret key once. Hold the lock."""
        if not self.secret.exists():
            _write_private(self.secret, secrets.token_urlsafe(48))

    def write_addresses(self, addresses: Mapping[str, str]) -> None:
        """Publish where the embedded engines are; settings read it."""
        _write_private(self._addresses, json.dumps(dict(addresses), indent=2))

    def remove_addresses(self) -> None:
        """The engines are stopped."""
        self._addresses.unlink(missing_ok=True)

    def addresses(self) -> dict[str, str]:
        """Addresses of the engines that run, or ran until they were killed."""
        return {name: str(address) for name, address in _read_object(self._addresses).items()}

    def record_children(self, pids: Mapping[str, int]) -> None:
        """Remember the processes, so that the next start can end what a kill -9 left."""
        entries = {}
        for name, pid in pids.items():
            if (facts := process_facts(pid)) is not None:
                entries[name] = {"pid": pid, "started": facts.started}
        record = {"boot": boot_identity(), "children": entries}
        _write_private(self._children, json.dumps(record, indent=2))

    def forget_children(self) -> None:
        """Everything was stopped in order."""
        self._children.unlink(missing_ok=True)

    def children(self) -> list[RunningChild]:
        """The recorded processes of this boot."""
        found = _read_object(self._children)
        entries = found.get("children")
        if not isinstance(entries, dict) or found.get("boot") != boot_identity():
            return []
        return [
            RunningChild(name, int(entry["pid"]), str(entry["started"]))
            for name, entry in entries.items()
        ]

    def end_leftovers(self, *, spare: frozenset[str]) -> list[str]:
        """End what a killed supervisor left, politely first. Hold the lock.

        A recycled pid is told from ours by its start time; a session whose leader is gone keeps
        its number as long as a member lives.

        :param spare: names that are not ended here.
        :returns: the names of the children that still lived.
        """
        ended = []
        for child in self.children():
            leader = process_facts(child.pid)
            is_recycled = leader is not None and leader.started != child.started
            if child.name in spare or is_recycled or not session_members(child.pid):
                continue
            ended.append(child.name)
            signal_process(child.pid, signal.SIGTERM)
            wait_until_gone(child.pid, timeout_seconds=GENTLE_SECONDS)
            end_session(child.pid)
        return ended


def socket_folder(home: Path, name: str) -> Path:
    """Where a unix socket goes: its engine's folder, or a private short one for a long path.

    The short folder is remembered beside, so that restarts use the same one.

    :param home: the engine's folder; it exists.
    :param name: file name of the socket.
    """
    if len(os.fsencode(home / name)) <= UNIX_SOCKET_BYTES:
        return home
    record = home / "socket_folder"
    with suppress(OSError):
        known = Path(record.read_text())
        status = known.lstat()
        is_private = status.st_mode & 0o077 == 0 and status.st_uid == home.stat().st_uid
        if is_private and known.is_dir() and not known.is_symlink():
            return known
    made = Path(tempfile.mkdtemp(prefix="igny8-", dir=_short_temporary_folder()))
    record.write_text(str(made))
    return made


def _short_temporary_folder() -> str:
    """The configured temporary folder, or /tmp where that one is too long itself."""
    configured = tempfile.gettempdir()
    return configured if len(os.fsencode(configured)) < UNIX_SOCKET_BYTES - 40 else "/tmp"  # noqa: S108


def _write_private(file: Path, text: str) -> None:
    """Write a whole file or nothing, readable to its owner alone."""
    new = file.with_name(f".{file.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(file)


def _read_object(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
