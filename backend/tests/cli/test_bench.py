"""``igny8 bench``: its benchmarks, and what the clustering benchmark reports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.cli.bench import bench
from igny8_core.cli.benches.clustering import bcubed_f1, repeat

if TYPE_CHECKING:
    from pathlib import Path

labels = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=50)


def naive_bcubed_f1(truth: list[int], found: list[int]) -> float:
    rows = range(len(truth))
    precision = recall = 0.0
    for i in rows:
        cluster = [j for j in rows if found[j] == found[i]]
        label = [j for j in rows if truth[j] == truth[i]]
        both = [j for j in cluster if truth[j] == truth[i]]
        precision += len(both) / len(cluster) / len(truth)
        recall += len(both) / len(label) / len(truth)
    return 2 * precision * recall / (precision + recall)


@given(pairs=labels)
def test_bcubed_is_that_of_the_definition(pairs: list[tuple[int, int]]) -> None:
    truth, found = [a for a, _ in pairs], [b for _, b in pairs]

    score = bcubed_f1([str(label) for label in truth], np.array(found))

    assert score == pytest.approx(naive_bcubed_f1(truth, found))


def test_repeat_grows_a_list_the_same_way_every_time() -> None:
    grown = repeat(["red shoes", "car hire"], 500)

    assert len(grown) == len(set(grown)) == 500
    assert grown[:4] == [
        "red shoes",
        "car hire",
        "red shoes definition",
        "car hire for small business",
    ]
    assert repeat(["a", "b", "c"], 2) == ["a", "b"]


def test_clustering_reports_the_packaged_list_as_one_json_object() -> None:
    result = CliRunner().invoke(bench, ["clustering", "--json"])

    report = json.loads(result.stdout)
    assert (report["keywords"], report["clusters"]) == (474, 300)
    assert report["ami"] >= 0.315
    assert report["bcubed_f1"] >= 0.611
    assert {"v_measure", "seconds", "peak_mb"} <= report.keys()


def test_level_decides_what_is_counted() -> None:
    result = CliRunner().invoke(bench, ["clustering", "--level", "page", "--json"])

    report = json.loads(result.stdout)
    assert report["clusters"] == report["pages"] > report["topics"]


def test_grown_list_has_no_labels() -> None:
    result = CliRunner().invoke(bench, ["clustering", "--repeat-to", "700", "--json"])

    report = json.loads(result.stdout)
    assert report["keywords"] == 700
    assert "ami" not in report


def test_figures_for_people_are_lines(tmp_path: Path) -> None:
    file = tmp_path / "list.tsv"
    file.write_text("keyword\tvolume\nred shoes\t90\nred shoe\t\ncar hire\t1.5\n")

    result = CliRunner().invoke(bench, ["clustering", "--input", str(file)])

    assert "keywords           3" in result.stdout.splitlines()
    assert "clusters           2" in result.stdout.splitlines()


def test_list_without_the_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "list.tsv"
    file.write_text("query\nred shoes\n")

    result = CliRunner().invoke(bench, ["clustering", "--input", str(file)])

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no column `keyword`" in result.stderr


def test_benchmarks_are_listed_and_an_unknown_one_is_refused() -> None:
    listed = CliRunner().invoke(bench, ["--help"])
    unknown = CliRunner().invoke(bench, ["nonsense"])

    assert "clustering" in listed.stdout
    assert unknown.exit_code == 2


def test_scoring_reports_its_speed_and_the_same_scores_again() -> None:
    arguments = ["scoring", "--articles", "3", "--words", "300", "--json"]

    first, second = (json.loads(CliRunner().invoke(bench, arguments).output) for _ in range(2))

    assert first["articles"] == 3
    assert first["words"] >= 300
    assert 0 < first["ms_per_article"] <= first["worst_ms"]
    assert first["fingerprint"] == second["fingerprint"]
