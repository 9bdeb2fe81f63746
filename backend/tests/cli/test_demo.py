"""The main job as a newcomer runs it: real engines, the real model, and a worker that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from igny8_core.business.content.models import Content
from igny8_core.business.content.services.check_gates import check_gates
from igny8_core.business.content.services.content_gates import as_article
from igny8_core.engines.folder import DataFolder
from igny8_core.engines.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.processes, pytest.mark.timeout(420)]

ARTICLES = 2
FIGURES = {
    "keywords",
    "clusters",
    "ideas",
    "tasks",
    "articles",
    "images",
    "credits_used",
    "credits_left",
    "release",
    "site_dir",
    "site_url",
    "seconds",
}
COUNTS = """
SELECT (SELECT count(*) FROM planning_keywords WHERE deleted_at IS NULL),
       (SELECT count(*) FROM planning_clusters WHERE deleted_at IS NULL),
       (SELECT count(*) FROM planning_contentideas WHERE deleted_at IS NULL),
       (SELECT count(*) FROM content_tasks),
       (SELECT count(*) FROM content_content WHERE status = 'published'),
       (SELECT count(*) FROM content_images WHERE status = 'generated'),
       (SELECT -sum(amount) FROM billing_credittransaction WHERE type = 'deduction'),
       (SELECT balance FROM billing_creditwallet),
       (SELECT max(version) FROM publishing_deploymentrecord WHERE status = 'deployed')
"""


LABELS = """
SELECT provenance ->> 'label', provenance ->> 'is_demo', provenance ? 'reviewed_by'
  FROM content_content
"""
PICTURES = """
SELECT count(*), count(*) FILTER (WHERE alt <> '' AND width = 1200 AND height = 630
       AND jsonb_array_length(variants) = 9 AND digital_source_type = 'algorithmicMedia'
       AND provenance ? 'made_at')
  FROM content_images
"""
STRUCTURE = frozenset(
    {
        "headings", "clean_html", "links", "markdown", "residue", "complete", "language",
        "citations", "seo_fields", "seo_empty", "facts", "word_count",
    }
)  # fmt: skip
"""Gates of an article's structure: an article of the demo passes every one of them."""

ARTICLE = (
    "id", "title", "html", "blocks", "word_count", "slug", "meta_title", "meta_description",
    "excerpt", "primary_keyword", "secondary_keywords", "language", "provenance",
)  # fmt: skip


def structural_problems(database: psycopg.Connection[Any]) -> dict[int, list[str]]:
    """What the gates have against each article, hard or soft."""
    columns = ", ".join(f"c.{name}" for name in ARTICLE)
    rows = database.execute(
        f"SELECT t.target_word_count, {columns} FROM content_content c"
        " JOIN content_tasks t ON t.id = c.task_id"
    ).fetchall()
    found = {}
    for target, *values in rows:
        article = Content(**dict(zip(ARTICLE, values, strict=True)))
        results = check_gates(as_article(article), target_words=target)
        assert {result.gate for result in results} > STRUCTURE
        wrong = [f"{r.gate}: {p}" for r in results if r.gate in STRUCTURE for p in r.problems]
        if wrong:
            found[article.pk] = wrong
    return found


NOTHING: dict[str, list[str]] = {
    name: []
    for name in ("ledger", "money", "tenancy", "pipeline", "publishing", "planning", "bins")
}


def igny8(*arguments: str) -> subprocess.Popen[str]:
    """The command, in an environment without the settings of the tests."""
    inherited = ("IGNY8_", "DJANGO_", "PYTEST_", "COV_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(inherited)}
    return subprocess.Popen(
        [sys.executable, "-m", "igny8_core.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def kill_the_worker_at_work(folder: DataFolder, command: subprocess.Popen[str]) -> int:
    """Wait until an article is under way and somewhat advanced; kill -9 its worker."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and command.poll() is None:
        address = folder.addresses().get("admin_database_url")
        try:
            with psycopg.connect(address or "host=/nowhere", autocommit=True) as database:
                row = database.execute(
                    "SELECT count(*) FROM automation_workitem i WHERE i.status = 'running'"
                    " AND i.kind = 'content.generate' AND i.started_at < now() - interval '3 s'"
                ).fetchone()
        except psycopg.Error:
            row = None
        if row and row[0]:
            worker = next(child.pid for child in folder.children() if child.name == "worker")
            os.kill(worker, signal.SIGKILL)
            return worker
        time.sleep(0.2)
    raise AssertionError(f"no article was under way; {command.communicate(timeout=20)}")


@contextmanager
def database_of(folder: DataFolder) -> Iterator[psycopg.Connection[Any]]:
    """The stopped demo's database, as the superuser."""
    server = EmbeddedPostgres(folder.postgres)
    server.start()
    try:
        with psycopg.connect(server.address("postgres")) as database:
            yield database
    finally:
        server.stop()


def done(folder: DataFolder, *arguments: str) -> str:
    """What a command that succeeds says."""
    said, complaint = (command := igny8(*arguments, "--data-dir", str(folder.path))).communicate(
        timeout=120
    )
    assert command.returncode == 0, complaint
    return said


def audit_of(folder: DataFolder) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(done(folder, "audit", "--json"))["problems"]
    return found


def test_a_killed_worker_changes_nothing_about_the_outcome(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a folder")
    demo = igny8(
        "demo", "--data-dir", str(folder.path), "--port", "0", "--articles", str(ARTICLES),
        "--once", "--json",
    )  # fmt: skip

    kill_the_worker_at_work(folder, demo)
    said, shown = demo.communicate(timeout=300)
    outcome = json.loads(said)

    assert (demo.returncode, set(outcome)) == (0, FIGURES), shown
    assert (outcome["articles"], outcome["images"], outcome["tasks"]) == (ARTICLES,) * 3
    with database_of(folder) as database:
        counts = database.execute(COUNTS).fetchone()
        contents = database.execute("SELECT count(*), count(DISTINCT task_id) FROM content_content")
        twice = contents.fetchone()
        charged = database.execute(
            "SELECT operation, count(*), count(captured) FROM billing_creditreservation"
            " WHERE status = 'captured' AND operation IN ('content', 'image') GROUP BY 1 ORDER BY 1"
        ).fetchall()
        held = database.execute("SELECT held FROM billing_creditwallet").fetchone()
        crashes = database.execute("SELECT sum(crashes) FROM automation_workitem").fetchone()
        wrong = structural_problems(database)
        labels = database.execute(LABELS).fetchall()
        pictures = database.execute(PICTURES).fetchone()
    assert counts == tuple(
        outcome[name]
        for name in (
            "keywords", "clusters", "ideas", "tasks", "articles", "images", "credits_used",
            "credits_left", "release",
        )
    )  # fmt: skip
    assert twice == (ARTICLES, ARTICLES)
    assert charged == [("content", ARTICLES, ARTICLES), ("image", ARTICLES, ARTICLES)]
    assert held == (0,)
    assert wrong == {}
    assert labels == [("Written by the built-in demo model", "true", True)] * ARTICLES
    assert pictures == (ARTICLES, ARTICLES)
    assert crashes is not None
    assert crashes[0] >= 1  # the kill was seen, and the item handed on

    index = (tmp_path / "a folder").joinpath(*_below(outcome["site_dir"], folder), "index.html")
    assert "Written by the built-in demo model" not in index.read_text()
    assert len(list((index.parent / "articles").glob("*.html"))) == ARTICLES
    for name in ("sitemap.xml", "rss.xml", "robots.txt"):
        assert (index.parent / name).is_file()

    assert audit_of(folder) == NOTHING
    assert done(folder, "account", "close", "demo", "--reason", "the end")
    gone = json.loads(done(folder, "account", "erase", "demo", "--yes", "--json"))
    assert gone["rows"]["planning.Keywords"] == outcome["keywords"]
    assert gone["rows"]["content.Content"] == ARTICLES
    assert not index.exists()
    assert audit_of(folder) == NOTHING


def test_a_file_that_is_no_keyword_list_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "picture.csv"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)

    demo = igny8(
        "demo", "--data-dir", str(tmp_path / "d"), "--port", "0", "--keywords", str(file), "--once"
    )
    said, shown = demo.communicate(timeout=60)

    assert (demo.returncode, said) == (1, "")
    assert not (tmp_path / "d").exists()  # nothing was started for it
    assert "igny8 demo:" in shown
    assert "Traceback" not in shown


def _below(path: str, folder: DataFolder) -> tuple[str, ...]:
    from pathlib import Path

    return Path(path).resolve().relative_to(folder.path.resolve()).parts
