"""A keyword file from bytes to committed rows, against a plain COPY of the same rows.

The file is made up, the same every time: nine columns of an Ahrefs export, in random order. The
import and the COPY run on one embedded server, with fsync and synchronous_commit on.
"""

from __future__ import annotations

import csv
import io
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.database import database

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector

OPTIONS = [
    click.Option(["--rows"], type=click.IntRange(1, 200_000), default=50_000, show_default=True),
]
SEED = 20261102
HEADER = (
    "#", "Keyword", "Country", "Difficulty", "Volume", "CPC", "Parent Keyword", "Last Update",
    "Intents",
)  # fmt: skip
THINGS = ("sofa", "desk", "lamp", "rug", "chair", "table", "bed", "shelf", "mirror", "curtain")
KINDS = ("grey", "small", "oak", "outdoor", "vintage", "folding", "corner", "led", "round", "kids")
ENDS = ("", "for small rooms", "with storage", "near me", "ideas", "uk", "reviews", "on sale")
INTENTS = ("Informational", "Commercial", "Transactional", "Commercial,Transactional", "")


def run(*, rows: int) -> dict[str, Any]:
    """Measure; one JSON object.

    :returns: ``seconds`` from bytes to committed rows, analysis included, ``copy_seconds`` of a
        plain COPY into a copy of the table with the same indexes, their ratio, and ``peak_mb`` of
        this process up to the last row of the import.
    """
    data = make_file(rows)
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder, database(Path(folder)):
        account, sector = _open_sector()
        began, cpu = time.perf_counter(), time.process_time()
        counts = _import(account, sector, data)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        copy_seconds = _copy()
    return {
        "benchmark": "import",
        "rows": rows,
        "bytes": len(data),
        **counts,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "rows_per_second": round(rows / seconds),
        "copy_seconds": round(copy_seconds, 2),
        "ratio_to_copy": round(seconds / copy_seconds, 2),
        "peak_mb": round(peak_mb),
    }


def make_file(rows: int) -> bytes:
    """A file of so many distinct keywords."""
    pick = random.Random(SEED)  # noqa: S311 - a made-up file, the same every time
    numbers = list(range(rows))
    pick.shuffle(numbers)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for place, number in enumerate(numbers, start=1):
        thing = pick.choice(THINGS)
        words = (pick.choice(KINDS), thing, str(number), pick.choice(ENDS))
        writer.writerow(
            (
                place,
                " ".join(word for word in words if word),
                "us",
                pick.randrange(100),
                int(10 ** pick.uniform(1, 5)) // 10 * 10,
                f"{pick.uniform(0, 4):.2f}",
                thing,
                "2026-10-01 08:00:00",
                pick.choice(INTENTS),
            )
        )
    return text.getvalue().encode("utf-8-sig")


def _open_sector() -> tuple[Account, Sector]:
    """An account whose plan takes every row, with one site and sector."""
    from igny8_core.auth import selectors as accounts
    from igny8_core.auth.models import Account, Industry, IndustrySector, Sector, Site
    from igny8_core.common.tenancy.context import tenant

    industry = Industry.objects.using("admin").create(name="Bench", slug="bench")
    line = IndustrySector.objects.using("admin").create(
        industry=industry, name="Bench", slug="bench"
    )
    made = Account.objects.using("admin").create(name="Bench", slug="bench")
    account = accounts.account(made.pk)
    with tenant(account.pk):
        site = Site.unscoped.create(account=account, name="Bench", slug="bench", industry=industry)
        sector = Sector.unscoped.create(
            account=account, site=site, industry_sector=line, name="Bench", slug="bench"
        )
    return account, sector


def _import(account: Account, sector: Sector, data: bytes) -> dict[str, int]:
    from django.utils import timezone

    from igny8_core.business.planning.services.import_keywords import (
        analyse_keyword_file,
        import_keywords,
    )
    from igny8_core.business.planning.services.keyword_rows import ReadOptions

    analysed = analyse_keyword_file(
        account=account,
        site=sector.site,
        sector=sector,
        file_name="bench.csv",
        data=data,
        options=ReadOptions(country="US"),
        now=timezone.now(),
    )
    done = import_keywords(account=account, import_id=analysed.pk, clock=timezone.now)
    return {"created": done.created, "skipped": done.skipped}


def _copy() -> float:
    """Seconds of a plain COPY of the rows into a copy of the table, as its owner."""
    from django.db import connections, transaction

    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE bench_copy (LIKE planning_keywords INCLUDING ALL)")
        with cursor.copy("COPY (SELECT * FROM planning_keywords) TO STDOUT") as out:
            rows = b"".join(bytes(block) for block in out)
    began = time.perf_counter()
    with (
        transaction.atomic(using="owner"),
        connections["owner"].cursor() as cursor,
        cursor.copy("COPY bench_copy FROM STDIN") as copy,
    ):
        copy.write(rows)
    return time.perf_counter() - began
