"""Screens of a sector with very many keywords: server time of each, its queries, its bytes.

Every request goes through all of Django as a signed-in person, as the runtime role, and asks for
something that was not asked before: another filter, word, order or page. So counts are made anew.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from igny8_core.cli.benches import import_keywords
from igny8_core.cli.benches.api import server
from igny8_core.cli.database import database
from igny8_core.cli.django_setup import close_connections
from igny8_core.engines.stack import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account, Sector
    from igny8_core.cli.benches.api.server import Headers, Server

OPTIONS = [
    click.Option(["--rows"], type=click.IntRange(1_000, 200_000), default=100_000,
                 show_default=True),
    click.Option(["--requests"], type=click.IntRange(5, 500), default=40, show_default=True,
                 help="Of each kind."),
]  # fmt: skip
BAR_MS: Final = 150
"""Server time that 19 of 20 requests may take at 100,000 keywords."""

PAGE_ROWS: Final = 50
SORTS: Final = ("keyword", "-keyword", "volume", "-volume", "difficulty", "-difficulty")


def run(*, rows: int, requests: int) -> dict[str, Any]:
    """Measure; one JSON object.

    :returns: for every screen ``p50_ms`` and ``p95_ms``, ``cpu_ms`` of the web process alone,
        ``ratio_to_bare`` (to a view with one indexed query that was asked beside it, which a busy
        machine slows as much) and ``queries``; ``worst_p95_ms``, and whether each kept to the bar.
    """
    with (
        tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder,
        running(Path(folder), port=0, quiet=True),  # pages count in Valkey, too
        database(Path(folder)),
    ):
        account, sector = import_keywords._open_sector()  # noqa: SLF001 - of the same package
        began = time.perf_counter()
        import_keywords._import(account, sector, import_keywords.make_file(rows))  # noqa: SLF001
        seconds = time.perf_counter() - began
        headers = _signed_in(account)
        _analyse()
        close_connections()
        with server.server("igny8") as process:
            bare = server.BARE.format(account=account.pk)
            screens = {
                name: _measure(process, list(paths), headers, bare)
                for name, paths in _screens(sector, rows, requests).items()
            }
    worst = max(screen["p95_ms"] for screen in screens.values())
    return {
        "benchmark": "pages",
        "rows": rows,
        "requests": requests * len(screens),
        "seed_seconds": round(seconds, 1),
        "worst_p95_ms": worst,
        "bar_ms": BAR_MS,
        "is_within_bar": worst <= BAR_MS,
        "screens": screens,
    }


def _signed_in(account: Account) -> Headers:
    """The cookie of a new owner."""
    from django.test import Client

    from igny8_core.auth.models import Membership, User
    from igny8_core.auth.states import Role
    from igny8_core.common.tenancy.context import tenant

    person = User.objects.create_user("bench@example.com")
    with tenant(account.pk):
        Membership.unscoped.create(account=account, user=person, role=Role.OWNER)
    browser = Client()
    browser.force_login(person)
    return {
        "HTTP_COOKIE": f"sessionid={browser.cookies['sessionid'].value}",
        "HTTP_ACCEPT": "text/html",
    }


def _analyse() -> None:
    """What autovacuum does within seconds, so that no request meets tables without statistics."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE planning_keywords, igny8_auth_seedkeyword")


def _screens(sector: Sector, rows: int, requests: int) -> dict[str, Iterator[str]]:
    """By name: addresses, each of which asks for something new."""
    site = f"/s/{sector.site_id}/"
    place = f"{site}{sector.pk}/"
    keywords = f"{place}planning/keywords/"
    pages = max(1, rows // PAGE_ROWS)
    numbers = range(requests)
    return {
        "keywords": (f"{keywords}?volume_min={n}" for n in numbers),
        "keywords filtered": (
            f"{keywords}?volume_min={500 + n}&difficulty_max={60 - n % 30}" for n in numbers
        ),
        "keywords searched": (
            f"{keywords}?q={import_keywords.KINDS[n % 10]}+{import_keywords.THINGS[n // 10 % 10]}"
            f"&volume_min={n}"
            for n in numbers
        ),
        "keywords sorted": (f"{keywords}?sort={SORTS[n % 6]}&volume_min={n}" for n in numbers),
        "keywords, deep pages": (
            f"{keywords}?page={1 + n * (pages - 1) // requests}&volume_min={n % 3}" for n in numbers
        ),
        "overview": (f"{site}?n={n}" for n in numbers),
        "clusters": (f"{place}planning/clusters/?n={n}" for n in numbers),
        "ideas": (f"{place}planning/ideas/?n={n}" for n in numbers),
        "imports": (f"{place}planning/imports/?n={n}" for n in numbers),
        "content": (f"{place}writing/content/?n={n}" for n in numbers),
        "automation": (f"{place}growing/automation/?n={n}" for n in numbers),
        "notices": (f"/notices/?n={n}" for n in numbers),
    }


def _measure(process: Server, paths: list[str], headers: Headers, bare: str) -> dict[str, Any]:
    queries = process.call(server.queries_of, paths[0], headers)  # and what a first request loads
    found = process.call(_ask_each, paths[1:], headers, bare)
    taken = sorted(wall for wall, _, _ in found)
    return {
        "p50_ms": round(statistics.median(taken), 1),
        "p95_ms": round(taken[min(len(taken) - 1, int(len(taken) * 0.95))], 1),
        "cpu_ms": round(statistics.median(cpu for _, cpu, _ in found), 1),
        "ratio_to_bare": round(statistics.median(wall / other for wall, _, other in found), 2),
        "queries": len(queries),
    }


def _ask_each(paths: list[str], headers: Headers, bare: str) -> list[tuple[float, float, float]]:
    """In the process that answers: milliseconds and CPU of each, and of a bare view beside it."""
    found = []
    for path in paths:
        began = time.process_time()
        wall = server.ask(path, headers, 1)[0]
        cpu = (time.process_time() - began) * 1_000
        found.append((wall, cpu, server.ask(bare, {}, 1)[0]))
    return found
