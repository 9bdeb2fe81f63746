"""A process that answers requests on one database, as a worker thread of the web server does."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from igny8_core.common.memory import settle_memory
from igny8_core.common.tenancy.constraints import APP_ROLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    Headers = dict[str, str]

OK = "200"
BARE = "/bench/bare/{account}/"


class Failed(RuntimeError):
    """A request was not answered with 200, or the process ended."""


class Server:
    """The process, from outside: one call at a time.

    :param database: the name of its database on the server that Django is set up for.
    :param user: whom requests log in as there; the runtime role, or one that passes its policies.
    """

    def __init__(self, database: str, user: str) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_answer, args=(theirs, database, user), daemon=True)
        self._process.start()
        theirs.close()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function of a module in the process; what it returns.

        :raises Failed: it raised.
        """
        self._pipe.send((function, args))
        try:
            is_fine, value = self._pipe.recv()
        except EOFError as exc:
            raise Failed("the process ended") from exc
        if not is_fine:
            raise Failed(value)
        return value

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)


@contextmanager
def server(database: str, user: str = APP_ROLE) -> Iterator[Server]:
    """A server for the length of the block. No connection may be open when it is forked."""
    made = Server(database, user)
    try:
        yield made
    finally:
        made.stop()


def _answer(pipe: Connection, database: str, user: str) -> None:
    from igny8_core.cli.django_setup import close_connections

    _use(database, user)
    try:
        while True:
            function, args = pipe.recv()
            try:
                pipe.send((True, function(*args)))
            except Exception as exc:  # noqa: BLE001 - told to whoever asked
                pipe.send((False, f"{type(exc).__name__}: {exc}"))
    except EOFError:
        close_connections()


def _use(database: str, user: str = APP_ROLE) -> None:
    """Another database, the bare view, and log lines that are written but not seen."""
    from django.conf import settings
    from django.db import connections

    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    settings.ROOT_URLCONF = f"{__package__}.urls"
    for alias in connections:
        connections.settings[alias]["NAME"] = database
    connections.settings["default"]["USER"] = user


def is_answered(path: str, headers: Headers) -> bool:
    """Whether a GET is answered with 200."""
    try:
        ask(path, headers, 1)
    except Failed:
        return False
    return True


def ask(path: str, headers: Headers, count: int) -> list[float]:
    """GET an address so many times, through all of Django; milliseconds of each.

    :raises Failed: an answer is not 200.
    """
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        _answer_to(path, headers)
        taken.append((time.perf_counter() - began) * 1_000)
    return taken


def rows_on_page(path: str, headers: Headers) -> int:
    """How many rows a list answers with."""
    return len(json.loads(_answer_to(path, headers))["results"])


def _answer_to(path: str, headers: Headers) -> bytes:
    seen: list[str] = []
    environ = _environ(path, headers)
    response = _application()(environ, lambda status, _headers: seen.append(status))
    body = b"".join(response)
    response.close()  # gives the connection back to the pool
    if not seen[0].startswith(OK):
        raise Failed(f"{path}: {seen[0]} {body[:200]!r}")
    return body


def _environ(path: str, headers: Headers) -> dict[str, Any]:
    address, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "PATH_INFO": address,
        "QUERY_STRING": query,
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "application/json",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(),
    }
    setup_testing_defaults(environ)
    return environ | headers


_loaded: dict[str, Any] = {}


def _application() -> Any:
    if "wsgi" not in _loaded:
        from django.core.wsgi import get_wsgi_application

        _loaded["wsgi"] = get_wsgi_application()
        settle_memory()
    return _loaded["wsgi"]


def queries_of(path: str, headers: Headers) -> list[tuple[str, Any]]:
    """Statements of one request with their parameters, in order."""
    from django.db import connection

    found: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        ask(path, headers, 1)
    return found


def callers(account_ids: Sequence[int]) -> list[tuple[int, list[Headers], dict[str, int]]]:
    """For each account the headers of a program with a key and of a signed-in person; and the ids
    of a site, a sector and a cluster to ask for.
    """
    from django.test import Client
    from django.utils import timezone

    from igny8_core.auth import selectors
    from igny8_core.auth.access import api_keys
    from igny8_core.auth.models import Membership, User
    from igny8_core.auth.states import KeyScope, Role
    from igny8_core.business.planning.selectors import clusters
    from igny8_core.common.tenancy.context import tenant

    found = []
    for account_id in account_ids:
        account = selectors.account(account_id)
        _key, text = api_keys.create_api_key(
            account=account,
            name="bench",
            scope=KeyScope.ADMIN,
            created_by=None,
            granting=Role.OWNER,
            now=timezone.now(),
        )
        person = User.objects.create_user(f"bench-{account_id}@example.com")
        with tenant(account_id):
            Membership.unscoped.create(account=account, user=person, role=Role.OWNER)
        browser = Client()
        browser.force_login(person)
        cookie = f"sessionid={browser.cookies['sessionid'].value}"
        with tenant(account_id, read_only=True):
            sector = selectors.account_sectors(account=account).order_by("pk")[0]
            cluster = clusters(account=account, sector=sector).order_by("pk")[0]
        who = [{"HTTP_AUTHORIZATION": f"Bearer {text}"}, {"HTTP_COOKIE": cookie}]
        places = {"site": sector.site_id, "sector": sector.pk, "cluster": cluster.pk}
        found.append((account_id, who, places))
    return found
