from __future__ import annotations

import os
from typing import TYPE_CHECKING

from igny8_core.cli.benches.render import run

if TYPE_CHECKING:
    import pytest


def test_one_changed_article_changes_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGNY8_DATA_DIR", os.environ["IGNY8_DATA_DIR"])

    report = run(pages=30)

    assert report["pages"] == 30
    assert report["files"] == 106
    assert report["pages_taken_over"] + report["files_changed"] == 43  # pages, and the search index
    assert 4 <= report["files_changed"] <= 10
    assert report["bytes"] > 700_000
    assert report["full_seconds"] > 0
    assert report["incremental_seconds"] > 0
    assert report["pages_per_second"] > 0
