"""What `igny8 doctor` looks at: one function, one finding.

A check returns what it found, or raises :class:`Problem` with what to do. It changes nothing and
starts nothing.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

START_IT = "start the stack with `igny8 up`"
OLDEST_POSTGRES = 16
CONNECT_SECONDS = 3
PING_SECONDS = 2.0
TICKER_LATE_SECONDS = 180
LEAST_FREE_BYTES = 1024**3
ALIASES = {
    "default": ("igny8_app", "IGNY8_DATABASE_URL"),
    "admin": ("igny8_admin", "IGNY8_ADMIN_DATABASE_URL"),
    "owner": ("igny8_owner", "IGNY8_OWNER_DATABASE_URL"),
}
OLD_KERNELS = {"Prescott", "Core2", "Penryn", "Nehalem", "Generic", "Opteron", "Barcelona"}
"""OpenBLAS kernels without AVX: what it falls back to on a processor that it does not know."""


class Problem(Exception):
    """Something is wrong.

    :param advice: what a person can do about it.
    """

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(found)
        self.found = found
        self.advice = advice


class Note(Exception):
    """Not as good as it could be, but nothing that must be repaired."""


@dataclass(frozen=True)
class Check:
    """A line of the doctor.

    :ivar needs: names of checks without which this one says nothing new.
    """

    name: str
    look: Callable[[], str]
    needs: tuple[str, ...] = ()


def python() -> str:
    """The interpreter; the package does not install on one that is too old."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return found if sys.prefix != sys.base_prefix else f"{found}, outside a virtual environment"


def load_settings() -> str:
    """Read the environment and load Django."""
    from igny8_core.cli.django_setup import setup_django
    from igny8_core.settings.env import EnvironmentInvalid, read_env

    try:
        env = read_env()
        setup_django()
    except EnvironmentInvalid as exc:
        raise Problem(" ".join(str(exc).split()), "correct the variables, or .env") from exc
    from django.db import connections

    for alias in connections:  # short waits, no pool: one question each
        options = connections[alias].settings_dict["OPTIONS"]
        options.pop("pool", None)
        options["connect_timeout"] = CONNECT_SECONDS
    external = [name for name in ("database_url", "broker_url", "cache_url") if getattr(env, name)]
    return f"{env.data_dir}, external: {', '.join(external) or 'nothing'}"


def data_folder() -> str:
    """The folder can be written and has space."""
    from django.conf import settings

    folder = Path(settings.DATA_DIR)
    if not folder.is_dir():
        raise Problem(f"{folder} does not exist", START_IT)
    free = shutil.disk_usage(folder).free
    found = f"{free / 1024**3:.1f} GB free in {folder}"
    if free < LEAST_FREE_BYTES:
        raise Problem(found, "free some space: PostgreSQL and Valkey stop when the disk is full")
    return found


def storage() -> str:
    """Media and sites can be written."""
    from django.conf import settings

    for root in (settings.MEDIA_ROOT, settings.SITES_ROOT):
        folder = _existing(Path(root))
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as exc:
            advice = f"make {folder} writable for user {os.geteuid()}"
            raise Problem(f"{folder}: {exc.strerror}", advice) from exc
    return f"{settings.MEDIA_ROOT} and {settings.SITES_ROOT} can be written"


def _existing(path: Path) -> Path:
    """The path, or its nearest parent that is there: what a first write would make it in."""
    return path if path.exists() or path == path.parent else _existing(path.parent)


def postgres() -> str:
    version = _ask("default", "SHOW server_version")[0][0]
    found = f"{version} at {_where('default')}"
    if int(str(version).split(".", 1)[0]) < OLDEST_POSTGRES:
        raise Problem(found, f"use PostgreSQL {OLDEST_POSTGRES} or newer")
    return found


def roles() -> str:
    """Every alias logs in as a role that row-level security holds."""
    from igny8_core.common.tenancy.roles import runtime_role_faults

    names = []
    for alias, (role, variable) in ALIASES.items():
        try:
            ((name, is_strong),) = _ask(
                alias,
                "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles"
                " WHERE rolname = current_user",
            )
        except Problem as exc:
            if alias == "owner":  # web and workers do without it
                continue
            raise Problem(f"{role}: {exc.found}", f"set {variable}, or {START_IT}") from exc
        if is_strong:
            raise Problem(f"{name} passes row-level security", f"let {variable} log in as {role}")
        names.append(name)
    if faults := runtime_role_faults():
        advice = (
            f"let {ALIASES['default'][1]} log in as {ALIASES['default'][0]}, which owns nothing"
        )
        raise Problem(f"{names[0]} {'; '.join(faults)}", advice)
    return f"{', '.join(names)}: none passes row-level security, {names[0]} owns nothing"


def migrations() -> str:
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections["default"])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{step.app_label}.{step.name}" for step, _backwards in missing[:3])
        advice = f"{START_IT}, or run `igny8 manage migrate`"
        raise Problem(f"{len(missing)} not applied: {names}", advice)
    return f"{len(executor.loader.applied_migrations)} applied, none missing"


def row_security() -> str:
    """Every table with an account has row-level security, forced, and a policy."""
    rows = _ask(
        "default",
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity"
        "       AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)"
        "  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        "   AND a.attname = 'account_id' AND NOT a.attisdropped ORDER BY 1",
    )
    if not rows:
        raise Problem("no table with an account", f"{START_IT}: it migrates")
    if open_tables := [name for name, is_held in rows if not is_held]:
        advice = "run `igny8 manage migrate`, then `igny8 audit tenancy`"
        raise Problem(f"open to every account: {', '.join(open_tables)}", advice)
    return f"forced on all {len(rows)} tables with an account"


def broker() -> str:
    from django.conf import settings
    from kombu import Connection
    from kombu.exceptions import OperationalError

    transport = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": CONNECT_SECONDS}
    is_redis = settings.BROKER_URL.startswith("redis")
    try:
        with Connection(
            settings.BROKER_URL,
            connect_timeout=CONNECT_SECONDS,
            transport_options=transport if is_redis else {},
        ) as connection:
            connection.ensure_connection(max_retries=0, timeout=CONNECT_SECONDS)
            if not is_redis:
                properties = connection.connection.server_properties
                return f"{properties.get('product')} {properties.get('version')}"
            channel: Any = connection.default_channel
            info = channel.client.info()
    except (OperationalError, OSError) as exc:
        raise Problem(f"cannot be reached: {exc}", f"{START_IT}, or set IGNY8_BROKER_URL") from exc
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info["redis_version"]
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        raise Problem(
            f"{name} {version} drops messages when its memory is full",
            "set its maxmemory-policy to noeviction",
        )
    return f"{name} {version}, {info['used_memory_human']} used"


def cache() -> str:
    from django.core.cache import cache as django_cache

    django_cache.set("doctor", "1", timeout=5)
    found = django_cache.get("doctor")
    if fault := getattr(django_cache, "fault", ""):
        raise Problem(fault, f"{START_IT}, or set IGNY8_CACHE_URL")
    if found != "1":
        raise Problem("forgets what it was given", "look at its memory limit and its log")
    return "keeps what it is given"


def workers() -> str:
    from igny8_core.celery_app import app

    answers = app.control.ping(timeout=PING_SECONDS) or []
    names = sorted(name for answer in answers for name in answer)
    if not names:
        raise Problem("none answers", f"{START_IT}; its log is logs/worker.log")
    return ", ".join(names)


def ticker() -> str:
    """Due jobs are taken; nothing but a ticker does that."""
    from igny8_core.celery_app import PERIODIC

    rows = _ask(
        "admin",
        "SELECT count(*), coalesce(extract(epoch FROM max(now() - next_run_at)), 0)"
        "  FROM automation_periodicjob WHERE name = ANY(%s)",
        [[job.name for job in PERIODIC]],
    )
    count, late_seconds = int(rows[0][0]), float(rows[0][1])
    if count < len(PERIODIC):
        raise Problem("has never run", f"{START_IT}; its log is logs/ticker.log")
    if late_seconds > TICKER_LATE_SECONDS:
        found = f"a job is due since {late_seconds:.0f} s"
        raise Problem(found, f"{START_IT}; its log is logs/ticker.log")
    return f"{count} periodic jobs, none late"


def model_server() -> str:
    from django.conf import settings

    if not settings.LOCAL_MODEL_URL:
        raise Note("the built-in model does not run; providers with a key work without it")
    address = f"{settings.LOCAL_MODEL_URL.rstrip('/').removesuffix('/v1')}/health"
    try:
        # The address is the operator's own setting.
        with urllib.request.urlopen(address, timeout=CONNECT_SECONDS) as answer:  # noqa: S310
            status = answer.status
    except (URLError, OSError, ValueError) as exc:
        advice = f"{START_IT} (its log is logs/model.log), or correct IGNY8_LOCAL_MODEL_URL"
        raise Problem(f"{address} does not answer: {exc}", advice) from exc
    return f"{address} answers {status}"


def text_model() -> str:
    """What the platform writes with, unless an account brings its own provider."""
    from igny8_core.ai.errors import NoTextModel
    from igny8_core.ai.registry import platform_provider

    try:
        provider = platform_provider()
    except NoTextModel as exc:
        advice = "set IGNY8_TEXT_MODEL and its key, or run `make setup` and `igny8 up`"
        raise Problem(exc.message, advice) from exc
    return f"{provider.name}: {provider.model}"


def blas() -> str:
    """How many threads numerical code takes, and which kernels it runs."""
    from igny8_core.common.threads import limit_blas_threads

    limit_blas_threads()
    import numpy as np

    for library in sorted(_openblas_files()):
        openblas = ctypes.CDLL(str(library))
        get_name = openblas.scipy_openblas_get_corename64_
        get_name.restype = ctypes.c_char_p
        kernel = (get_name() or b"unknown").decode()
        threads = openblas.scipy_openblas_get_num_threads64_()
        found = f"OpenBLAS kernels {kernel}, {threads} thread{'' if threads == 1 else 's'} a call"
        if kernel in OLD_KERNELS:
            raise Note(f"{found}: slow; set OPENBLAS_CORETYPE=Haswell if the processor has AVX2")
        if threads > 1:
            raise Note(f"{found}: clustering is faster with OPENBLAS_NUM_THREADS=1")
        return found
    return f"numpy {np.__version__} with a library of its own choice"


def _openblas_files() -> Iterator[Path]:
    spec = find_spec("numpy")
    if spec is not None and spec.origin is not None:
        yield from (Path(spec.origin).parent.parent / "numpy.libs").glob("libscipy_openblas64*")


def _ask(alias: str, question: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows of one query.

    :raises Problem: the database cannot be reached, or refuses.
    """
    from django.db import DatabaseError, connections

    connection: BaseDatabaseWrapper = connections[alias]
    try:
        with connection.cursor() as cursor:
            cursor.execute(question, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
    except DatabaseError as exc:
        reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        variable = ALIASES[alias][1]
        raise Problem(f"{_where(alias)}: {reason}", f"{START_IT}, or set {variable}") from exc
    return rows


def _where(alias: str) -> str:
    from django.db import connections

    settings = connections[alias].settings_dict
    return f"{settings['HOST'] or 'the default socket'}/{settings['NAME']}"


CHECKS = (
    Check("python", python),
    Check("settings", load_settings),
    Check("disk", data_folder, needs=("settings",)),
    Check("storage", storage, needs=("settings", "disk")),
    Check("postgres", postgres, needs=("settings",)),
    Check("roles", roles, needs=("postgres",)),
    Check("migrations", migrations, needs=("postgres",)),
    Check("row security", row_security, needs=("postgres", "migrations")),
    Check("broker", broker, needs=("settings",)),
    Check("cache", cache, needs=("settings",)),
    Check("workers", workers, needs=("broker",)),
    Check("ticker", ticker, needs=("postgres", "migrations")),
    Check("model", model_server, needs=("settings",)),
    Check("text model", text_model, needs=("settings",)),
    Check("blas", blas),
)
