"""List endpoints of the API under a load of rows: against a bare view, and against fewer rows.

Requests go through all of Django, as a program with a key and as a signed-in person, as the runtime
role, over the connection pool. What is compared is measured side by side.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg
from psycopg.conninfo import make_conninfo

from igny8_core.cli.benches.api import security, seed, server
from igny8_core.cli.database import database
from igny8_core.cli.django_setup import close_connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from igny8_core.cli.benches.api.server import Headers, Server

OPTIONS = [
    click.Option(["--rows"], type=click.IntRange(1_000), default=1_000_000, show_default=True),
    click.Option(["--accounts"], type=click.IntRange(13), default=200, show_default=True),
    click.Option(["--rounds"], type=click.IntRange(1), default=6, show_default=True),
    click.Option(["--only"], default="", help="Lists whose address starts so: keywords/."),
]
SCALE = 100  # the other database has so many times fewer rows
REQUESTS = 4  # of each kind in a sample
MANY, FEW = "igny8", "bench_few"
VIEWS, PREFIX = "igny8_core.api.v1.urls", "accounts/<key:account_id>/"
NARROWER = ("", "&sector={sector}", "&cluster={cluster}", "&site={site}", "&deleted=true")
"""What a list is asked with besides an order that it does not take alone."""


@dataclass(frozen=True)
class Caller:
    """Somebody who asks about one account."""

    account_id: int
    headers: Headers
    places: Mapping[str, int]

    def path(self, name: str) -> str:
        return f"/api/v1/accounts/{self.account_id}/{name.format(**self.places)}"


@dataclass(frozen=True)
class Servers:
    """Processes that answer: one with all rows, one that passes row-level security there, one
    with fewer rows.
    """

    many: Server
    passing: Server
    few: Server


@dataclass
class Sample:
    """Milliseconds of every request for one list, and ratios of what stood side by side."""

    taken: list[float] = field(default_factory=list)
    to_bare: list[float] = field(default_factory=list)
    to_passing: list[float] = field(default_factory=list)
    to_few: list[float] = field(default_factory=list)


def run(*, rows: int, accounts: int, rounds: int, only: str) -> dict[str, Any]:
    """Measure; one JSON object.

    :returns: for every list in each of its orders ``p50_ms``, ``p99_ms``, ``queries``,
        ``ratio_to_bare``, ``flatness`` (of the biggest account) and ``rls_ratio``; over all of
        them the worst ``ratio_to_bare``, and the median of the other two, with the worst
        flatness, and the ratio of the statements alone in CPU time of the database.
    """
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder, database(Path(folder)):
        addresses = _addresses()
        _copy_database(addresses["superuser"])
        began = time.perf_counter()
        with ExitStack() as stack:
            servers = Servers(
                stack.enter_context(server.server(MANY)),
                stack.enter_context(server.server(MANY, security.BYPASS)),
                stack.enter_context(server.server(FEW)),
            )
            callers = _fill(servers, rows, accounts)
            seconds = time.perf_counter() - began
            lists, skipped = _lists(servers.many, callers[0][0], only)
            bare = Sample()
            samples = {name: _measure(servers, callers, name, bare, rounds) for name in lists}
            statements = {name: _statements(servers.many, callers, name) for name in lists}
        alone = [r for name in lists for r in _rls_of_statements(addresses, statements[name])]
    queries = {name: len(found[0][1]) for name, found in statements.items()}
    endpoints = {name: _figures(samples[name], queries[name]) for name in lists}
    return {
        "benchmark": "api",
        "rows": rows,
        "accounts": accounts,
        "seed_seconds": round(seconds, 1),
        "requests": sum(len(sample.taken) for sample in samples.values()),
        "bare_p50_ms": _middle(bare.taken),
        "ratio_to_bare": max(each["ratio_to_bare"] for each in endpoints.values()),
        "rls_ratio": _middle(r for sample in samples.values() for r in sample.to_passing),
        "rls_ratio_of_statements": _middle(alone),
        "flatness": _middle(r for sample in samples.values() for r in sample.to_few),
        "worst_flatness": max(each["flatness"] for each in endpoints.values()),
        "skipped": skipped,
        "endpoints": endpoints,
    }


def _addresses() -> dict[str, str]:
    """Of the database as each role that is needed here."""
    from django.conf import settings

    host = settings.DATABASES["default"]["HOST"]
    roles = {"superuser": "postgres", "secured": "igny8_app", "passing": security.BYPASS}
    return {
        name: make_conninfo(host=str(host), user=role, dbname=MANY) for name, role in roles.items()
    }


def _copy_database(superuser: str) -> None:
    """A second database, migrated and empty; and the role that passes row-level security."""
    close_connections()  # a template may have no guests; and the servers are forked
    with psycopg.connect(superuser, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {FEW} TEMPLATE {MANY}".encode())
    security.make_role(superuser)


def _fill(servers: Servers, rows: int, accounts: int) -> list[tuple[Caller, Caller | None]]:
    """Rows in both databases; a program and a person for a big, a medium and a small account.

    :returns: who asks with all rows, and for the biggest account, whose pages are full in both,
        who asks with fewer.
    """
    found = []
    for one, count in ((servers.many, rows), (servers.few, max(rows // SCALE, accounts))):
        ids = one.call(seed.fill, count, accounts)
        known = one.call(server.callers, [ids[0], ids[1], ids[-1]])
        found.append([[Caller(a, who, places) for who in both] for a, both, places in known])
    many, few = found
    pairs: list[tuple[Caller, Caller | None]] = list(zip(many[0], few[0], strict=True))
    return pairs + [(caller, None) for both in many[1:] for caller in both]


def _lists(many: Server, caller: Caller, only: str) -> tuple[list[str], list[str]]:
    """Every list of an account in each order, and those that need more than we know to ask."""
    found, skipped = [], []
    for name in filter(lambda name: name.startswith(only), _candidates()):
        for more in NARROWER:
            asked = f"{name}{more}" if "?" in name else f"{name}{more.replace('&', '?', 1)}"
            if many.call(server.is_answered, caller.path(asked), caller.headers):
                found.append(asked)
                break
        else:
            skipped.append(name)
    return found, skipped


def _candidates() -> Iterator[str]:
    """Lists by their address, downwards where an order has a direction."""
    from django.urls import URLResolver, get_resolver

    patterns: Any = get_resolver(VIEWS).url_patterns
    below = (found for found in patterns if isinstance(found, URLResolver))
    entries: Any = next(found.url_patterns for found in below if str(found.pattern) == PREFIX)
    for entry in entries:
        if getattr(entry.callback, "actions", {}).get("get") != "list":
            continue
        view: Any = entry.callback.cls
        path = str(entry.pattern).strip("^").removesuffix("\\Z").removesuffix("$")
        default = view.default_order or next(iter(view.orders))
        yield path
        yield from (f"{path}?order=-{name}" for name in view.orders if f"-{name}" != default)


def _measure(
    servers: Servers,
    callers: Sequence[tuple[Caller, Caller | None]],
    name: str,
    bare: Sample,
    rounds: int,
) -> Sample:
    found = Sample()
    sizes = [
        few and servers.few.call(server.rows_on_page, few.path(name), few.headers)
        for _, few in callers
    ]
    for number in range(rounds + 1):
        for (caller, caller_of_few), size in zip(callers, sizes, strict=True):
            path, times = caller.path(name), {}
            pair = [("many", servers.many), ("passing", servers.passing)]
            for label, one in pair if number % 2 else reversed(pair):
                times[label] = one.call(server.ask, path, caller.headers, REQUESTS)
            plain = server.BARE.format(account=caller.account_id)
            times["bare"] = servers.many.call(server.ask, plain, {}, REQUESTS)
            if caller_of_few is not None:  # and where few have no full page, as many rows of many
                sized = f"{name}{'&' if '?' in name else '?'}page_size={size or 1}"
                path = caller_of_few.path(sized)
                times["few"] = servers.few.call(server.ask, path, caller_of_few.headers, REQUESTS)
                path = caller.path(sized)
                times["as_many"] = servers.many.call(server.ask, path, caller.headers, REQUESTS)
            if number:  # the first round is for caches and plans
                _note(found, bare, times)
    return found


def _note(found: Sample, bare: Sample, times: Mapping[str, list[float]]) -> None:
    middle = {label: statistics.median(taken) for label, taken in times.items()}
    found.taken += times["many"]
    bare.taken += times["bare"]
    found.to_bare.append(middle["many"] / middle["bare"])
    found.to_passing.append(middle["many"] / middle["passing"])
    if "few" in middle:
        found.to_few.append(middle["as_many"] / middle["few"])


def _statements(
    many: Server, callers: Sequence[tuple[Caller, Caller | None]], name: str
) -> list[tuple[int, list[tuple[str, Any]]]]:
    """By account what a program's request reads; of the biggest account first."""
    programs = [caller for caller, _ in callers[::2]]
    return [(c.account_id, many.call(server.queries_of, c.path(name), c.headers)) for c in programs]


def _rls_of_statements(
    addresses: Mapping[str, str], asked: Sequence[tuple[int, list[tuple[str, Any]]]]
) -> list[float]:
    secured, passing = (security.Reader(addresses[name]) for name in ("secured", "passing"))
    try:
        return [
            ratio
            for account_id, statements in asked
            for ratio in security.ratios(secured, passing, account_id, security.reads(statements))
        ]
    finally:
        secured.close()
        passing.close()


def _figures(sample: Sample, queries: int) -> dict[str, Any]:
    taken = sorted(sample.taken)
    return {
        "p50_ms": _middle(taken),
        "p99_ms": round(taken[int(len(taken) * 0.99)], 2),
        "queries": queries,
        "ratio_to_bare": _middle(sample.to_bare),
        "flatness": _middle(sample.to_few),
        "rls_ratio": _middle(sample.to_passing),
    }


def _middle(figures: Iterable[float]) -> float:
    return round(statistics.median(figures), 3)
