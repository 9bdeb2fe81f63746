"""``igny8 content``: articles from a terminal."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from igny8_core.business.content.models import ContentScore, SerpSample
from igny8_core.cli import content as command
from tests import make
from tests.make import content as make_content
from tests.make import optimization as make_optimization
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture(autouse=True)
def _no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "database", lambda _folder: nullcontext())


@pytest.fixture
def article() -> Content:
    html = "<p>A salon chair is a long decision. Measure first, then choose.</p>"
    return make_content.article(
        make_planning.sector(make.account()), html=html, primary_keyword="salon chair"
    )


def invoke(*arguments: object) -> tuple[int, str]:
    ran = CliRunner().invoke(command.content, [str(argument) for argument in arguments])
    return ran.exit_code, ran.output


def test_a_score_is_kept_and_explained(article: Content) -> None:
    code, said = invoke("score", article.pk, "--site", article.site_id)

    kept = ContentScore.unscoped.get()
    assert code == 0
    assert said.splitlines()[0] == f"{kept.score} of 100 (scorer {kept.scorer_version})"
    assert 'Put the words of "salon chair" into the address.' in said
    assert "at most 39: Very little text." in said


def test_a_score_is_one_object_for_programs(article: Content) -> None:
    code, said = invoke("score", article.pk, "--site", article.site_id, "--json")

    found = json.loads(said)
    lost = sum(round(float(line["points"]) * 100) for line in found["lost"])
    assert code == 0
    assert lost == found["max"] - found["earned"]


def test_what_cannot_be_scored_says_why(article: Content) -> None:
    bare = make_content.article(article.sector)

    assert invoke("score", bare.pk, "--site", bare.site_id) == (
        0,
        "not scored: no_primary_keyword\n",
    )


def test_an_unknown_article_is_one_line(article: Content) -> None:
    code, said = invoke("score", article.pk + 1, "--site", article.site_id)

    assert (code, said) == (1, "igny8 content: no such content [not_found]\n")


def test_rules_make_an_article_better_for_nothing() -> None:
    row = make_optimization.article(
        make_optimization.cluster(), meta_title="Choosing", meta_description="Short."
    )

    code, said = invoke("optimize", row.pk, "--site", row.site_id, "--rules", "--automatic")
    again = json.loads(invoke("optimize", row.pk, "--site", row.site_id, "--rules", "--json")[1])

    assert code == 0
    assert said.startswith("accepted: ")
    assert "2 changes, 0 credits" in said
    assert (again["credits"], again["outcome"]) == (0, "rejected")
    assert again["reasons"] == ["score_did_not_rise"]


def test_results_of_a_search_are_brought_from_a_file(article: Content, tmp_path: Path) -> None:
    cluster = make_planning.cluster(article.sector, "salon chair")
    file, wrong = tmp_path / "pages.json", tmp_path / "wrong.json"
    file.write_text(json.dumps([{"text": "A slatted frame."}, {"terms": ["slatted frame"]}] * 2))
    wrong.write_text("{}")

    def bring(path: Path, *more: str) -> tuple[int, str]:
        known = ("--site", article.site_id, "--market", "GB", "--day", "2026-11-01")
        return invoke("results", cluster.pk, path, *known, *more)

    code, said = bring(file)
    refused = bring(wrong)

    row = SerpSample.unscoped.get()
    assert (code, said.splitlines()) == (
        0, [f"4 pages, 1 terms (sample {row.pk})", "    4  slatted frame"],
    )  # fmt: skip
    assert (row.market, row.documents) == ("GB", 4)
    assert refused[0] == 1
    assert "[invalid_input]" in refused[1]
    assert json.loads(bring(file, "--json")[1])["documents"] == 4
