"""``igny8 clusters``, ``igny8 ideas`` and ``igny8 audit planning`` on the tests' own database."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from igny8_core.auth import services
from igny8_core.business.content.models import Tasks
from igny8_core.business.planning.models import ClusterProposal, Clusters, Keywords
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.cli import audit as audit_command
from igny8_core.cli import keywords as command
from igny8_core.cli.audit import audit
from igny8_core.cli.clusters import clusters
from igny8_core.cli.ideas import ideas
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

SOFAS = ["grey sofa", "grey sofas", "grey sofa bed", "dark grey sofa"]
HOSES = ["garden hose", "garden hose reel", "expandable garden hose"]


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (command, audit_command):
        monkeypatch.setattr(module, "database", lambda _folder: contextlib.nullcontext())


@pytest.fixture
def sector() -> Sector:
    """Two topics, clustered."""
    found = make_planning.sector(make_billing.account_with(100))
    for at, text in enumerate([*SOFAS, *HOSES]):
        make_planning.keyword(found, text, volume=900 - 10 * at)
    cluster_keywords(
        account=found.account, site=found.site, sector=found, clock=lambda: NOW, credits=None
    )
    return found


def run(group: Any, sector: Sector, *arguments: object) -> Result:
    return CliRunner().invoke(
        group, [*(str(argument) for argument in arguments), "--site", str(sector.site_id)]
    )


def told(group: Any, sector: Sector, *arguments: object) -> list[str]:
    done = run(group, sector, *arguments)
    assert done.exit_code == 0, done.stderr or done.exception
    return done.stdout.splitlines()


def as_json(group: Any, sector: Sector, *arguments: object) -> Any:
    done = run(group, sector, *arguments, "--json")
    assert done.exit_code == 0, done.stderr or done.exception
    return json.loads(done.stdout)


def pk(name: str) -> int:
    return Clusters.unscoped.get(name=name, deleted_at=None).pk


def members(name: str) -> set[str]:
    return set(Keywords.unscoped.filter(cluster=pk(name)).values_list("keyword", flat=True))


# --- clusters


def test_clusters_are_listed_and_shown(sector: Sector) -> None:
    lines = told(clusters, sector, "list", "--limit", 1)
    every = as_json(clusters, sector, "list")
    shown = told(clusters, sector, "show", pk("grey sofa"))

    assert lines == [
        f"{pk('grey sofa'):>7}      4 keywords      3,540  grey sofa",
        "1 more; see --limit",
    ]
    assert [row["name"] for row in every["clusters"]] == ["grey sofa", "garden hose"]
    assert shown[0] == "grey sofa: 4 keywords, volume 3,540"
    assert shown[1].startswith("    0 hub        grey sofa  (")
    assert "      next: make an idea" in shown
    assert as_json(clusters, sector, "show", pk("garden hose"))["pages"][0]["role"] == "hub"


def test_clusters_are_renamed_merged_and_it_is_undone(sector: Sector) -> None:
    one, two = pk("grey sofa"), pk("garden hose")

    renamed = told(clusters, sector, "rename", one, "Sofas")
    merged = as_json(clusters, sector, "merge", one, two, "--name", "All")
    together = members("All")
    listed = told(clusters, sector, "edits")
    undone = told(clusters, sector, "undo", merged["edit_id"])

    assert renamed == [f"{one} is “Sofas” now"]
    assert merged["summary"] == "Merged “garden hose” into “All”"
    assert together == {*SOFAS, *HOSES}
    assert listed[0] == f"{merged['edit_id']:>7}  merge    Merged “garden hose” into “All”"
    assert undone == [f"Undone: {merged['summary']} (edit {merged['edit_id']})"]
    assert (members("Sofas"), members("garden hose")) == (set(SOFAS), set(HOSES))
    assert told(clusters, sector, "edits")[0].split()[1] == "undone"


def test_a_cluster_is_split_and_keywords_move_by_their_texts(sector: Sector) -> None:
    split = as_json(
        clusters, sector, "split", pk("grey sofa"), "--keyword", "Grey Sofa Bed", "--name", "Beds"
    )
    moved = as_json(clusters, sector, "move", "--keyword", "garden hose reel", "--to", pk("Beds"))
    out = as_json(clusters, sector, "move", "--keyword", "garden hose reel")
    unknown = run(clusters, sector, "move", "--keyword", "spaceship")

    assert split["summary"] == "Split “Beds” from “grey sofa”"
    assert moved["summary"] == "Moved “garden hose reel” to “Beds”"
    assert out["kind"] == "move"
    assert members("Beds") == {"grey sofa bed"}
    assert Keywords.unscoped.get(keyword="garden hose reel").cluster is None
    assert unknown.stderr == (
        "igny8 clusters: The sector has no keyword “spaceship”. [not_found]\n"
    )


def test_a_locked_cluster_refuses_until_it_is_unlocked(sector: Sector) -> None:
    one, two = pk("grey sofa"), pk("garden hose")

    locked = as_json(clusters, sector, "lock", one, two)
    listed = told(clusters, sector, "list")
    refused = run(clusters, sector, "merge", one, two)
    as_json(clusters, sector, "lock", one, two, "--off")

    assert locked["summary"] == "Locked 2 clusters"
    assert listed[0].endswith("grey sofa  [locked]")
    assert (refused.exit_code, refused.stderr.endswith("[cluster_locked]\n")) == (1, True)
    assert run(clusters, sector, "merge", one, two).exit_code == 0


def test_a_rebuild_is_shown_then_accepted_or_discarded(sector: Sector) -> None:
    Keywords.unscoped.filter(keyword="grey sofa bed").update(cluster=pk("garden hose"), page=7)

    shown = told(clusters, sector, "rebuild")
    untouched = members("garden hose")
    discarded = as_json(clusters, sector, "rebuild", "--discard")
    none = run(clusters, sector, "rebuild", "--accept")
    numbers = as_json(clusters, sector, "rebuild")["changes"]
    gaining = next(change for change in numbers if change["name"] == "grey sofa")
    some = as_json(clusters, sector, "rebuild", "--accept", "--change", gaining["number"])

    assert shown[0].endswith("2 clusters become 2, 1 of 7 keywords move")
    assert any(line.endswith("grey sofa: 3 -> 4 keywords") for line in shown)
    assert "       1 from garden hose" in shown
    assert shown[-1].startswith("Nothing was moved.")
    assert "grey sofa bed" in untouched
    assert discarded["status"] == "discarded"
    assert none.stderr == (
        "igny8 clusters: There is no open proposal: make one with `igny8 clusters rebuild`."
        " [not_found]\n"
    )
    assert [c["is_applied"] for c in some["changes"] if c["name"] == "grey sofa"] == [True]
    assert members("grey sofa") == set(SOFAS)
    assert ClusterProposal.unscoped.count() == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--accept", "--discard"),
        ("--granularity", "0.5", "--accept"),
        ("--change", "1"),
        ("--granularity", "0.7"),
    ],
)
def test_a_rebuild_does_one_thing(sector: Sector, options: Any) -> None:
    assert run(clusters, sector, "rebuild", *options).exit_code == 2


def test_a_suspended_account_is_read_alone(sector: Sector) -> None:
    services.suspend_account(account=sector.account, reason="Unpaid", now=NOW)

    refused = run(clusters, sector, "rebuild")
    listed = run(clusters, sector, "list")

    assert (refused.exit_code, refused.stderr.endswith("[account_suspended]\n")) == (1, True)
    assert listed.exit_code == 0
    assert run(ideas, sector, "make").exit_code == 1
    assert run(ideas, sector, "list").exit_code == 0


# --- ideas


def test_ideas_are_made_held_back_overridden_and_queued(sector: Sector) -> None:
    make_content.article(sector, title="Garden Hoses", primary_keyword="garden hose")

    made = told(ideas, sector, "make", "--rules")
    blocked = as_json(ideas, sector, "list", "--blocked")["ideas"]
    refused = run(ideas, sector, "queue", blocked[0]["id"])
    wanted = told(ideas, sector, "override", blocked[0]["id"], "Ours is longer.")
    queued = as_json(ideas, sector, "queue", blocked[0]["id"])["writing_tasks"]
    best = told(ideas, sector, "queue", "--best", 1)

    assert made[-1].endswith("held back")
    assert blocked[0]["target_keyword"] == "garden hose"
    assert blocked[0]["verdict"] in {"merge", "skip"}
    assert any("Garden Hoses" in line for line in made)
    assert (refused.exit_code, refused.stderr.endswith("[idea_overlaps]\n")) == (1, True)
    assert wanted[-1] == "         wanted all the same: Ours is longer."
    assert [task["idea_id"] for task in queued] == [blocked[0]["id"]]
    assert best[-1] == "1 writing tasks"
    assert Tasks.unscoped.count() == 2


def test_ideas_of_one_cluster_are_made_and_listed(sector: Sector) -> None:
    made = as_json(ideas, sector, "make", "--cluster", pk("garden hose"), "--limit", 1)["ideas"]
    again = told(ideas, sector, "make", "--cluster", pk("garden hose"), "--limit", 9)
    listed = told(ideas, sector, "list", "--status", "new")

    assert [row["target_keyword"] for row in made] == ["garden hose"]
    assert again[-1].endswith("ideas made, 0 of them held back")
    assert f"{made[0]['id']:>7}  new" in listed[0]


def test_new_ideas_are_compared_again(sector: Sector) -> None:
    cluster = Clusters.unscoped.get(name="grey sofa")
    first = make_planning.idea(cluster, title="Desk lamps", target_keyword="desk lamp", volume=9)
    second = make_planning.idea(cluster, title="Desk lamp", target_keyword="desk lamps", volume=5)

    lines = told(ideas, sector, "check")
    one = as_json(ideas, sector, "check", "--idea", first.pk)["ideas"]
    withdrawn = run(ideas, sector, "override", second.pk)

    assert lines[-1] == "2 ideas compared, 1 held back"
    assert lines[1].startswith("         skip: Served already by another idea")
    assert [(row["id"], row["verdict"]) for row in one] == [(first.pk, "fine")]
    assert withdrawn.exit_code == 2
    as_json(ideas, sector, "override", second.pk, "Another audience.")
    back = as_json(ideas, sector, "override", second.pk, "--withdraw")["ideas"]
    assert (back[0]["is_blocked"], back[0]["override_reason"]) == (True, "")


def test_queue_needs_to_know_which(sector: Sector) -> None:
    assert run(ideas, sector, "queue").exit_code == 2
    assert run(ideas, sector, "queue", 1, "--best", 2).exit_code == 2


# --- audit


def test_the_audit_of_the_planner_finds_a_wrong_count(sector: Sector) -> None:
    clean = CliRunner().invoke(audit, ["planning"])
    make_billing.forge(
        "UPDATE planning_clusters SET keywords_count = 9 WHERE id = %s", pk("grey sofa")
    )
    found = CliRunner().invoke(audit, ["planning", "--json"])

    assert (clean.exit_code, clean.stdout) == (0, "planning: nothing wrong\n")
    assert found.exit_code == 1
    assert json.loads(found.stdout) == {
        "problems": {
            "planning": [
                f"account {sector.account_id}: cluster that miscounts its keywords"
                f" (cluster {pk('grey sofa')}: 9 of 4)"
            ]
        },
        "count": 1,
    }
