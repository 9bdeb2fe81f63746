"""``igny8 content`` besides scores, on the tests' own database."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from igny8_core.business.content.services.content_fields import ContentChanges
from igny8_core.business.content.services.create_content import create_content
from igny8_core.business.content.states import ContentStatus
from igny8_core.cli import content as command
from igny8_core.cli import content_review
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW, sentence

if TYPE_CHECKING:
    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "database", lambda _folder: contextlib.nullcontext())


@pytest.fixture
def article() -> Content:
    cluster = make_planning.cluster(make_planning.sector(make_billing.account_with(100)), "sofas")
    return make_content.article(
        cluster.sector, cluster=cluster, title="Sofas", status=ContentStatus.REVIEW
    )


def igny8(article: Content, name: str, *arguments: object) -> Result:
    given = [name, *(str(argument) for argument in arguments), "--site", str(article.site_id)]
    return CliRunner().invoke(content_review.content, given)


def said(article: Content, name: str, *arguments: object) -> Any:
    done = igny8(article, name, *arguments, "--json")
    assert done.exit_code in {0, 1}, done.output
    return json.loads(done.stdout)


def paragraphs(first: int, count: int) -> list[dict[str, Any]]:
    return [{"id": f"b{n}", "type": "paragraph", "text": sentence(first + n)} for n in range(count)]


def test_articles_are_listed_and_shown(article: Content) -> None:
    make_content.article(article.sector)

    shown = igny8(article, "list", "--status", "review")
    rows = said(article, "list")["articles"]
    text = igny8(article, "show", article.pk)

    assert shown.stdout == f"{article.pk:>7}  review         17 words    1 min  Sofas\n"
    assert len(rows) == 2
    assert (rows[1]["id"], rows[1]["reading_minutes"], rows[1]["is_approved"]) == (
        article.pk, 1, False,
    )  # fmt: skip
    assert text.stdout.splitlines()[0] == "Sofas  (review, version 1, 17 words)"
    assert "Walk around it with a tape." in text.stdout


def test_review_is_all_or_nothing_and_says_why_not(article: Content) -> None:
    draft = make_content.article(article.sector)

    refused = igny8(article, "approve", article.pk, draft.pk)
    warned = igny8(article, "approve", article.pk)
    approved = igny8(article, "approve", article.pk, "--reason", "A note.")
    verdicts = igny8(article, "verdicts", article.pk)
    back = igny8(article, "send-back", article.pk, "--note", "Too short.")

    assert refused.exit_code == 1
    assert "[not_approved]" in refused.output or "[gates_failed]" in refused.output
    assert warned.exit_code == 1
    assert "word_count: 17 words" in warned.output
    assert verdicts.stdout.splitlines()[0] == "version 1, approve: overridden: A note."
    assert "         word_count (soft): 17 words" in verdicts.stdout
    assert (approved.stdout, back.stdout) == ("1 approved\n", "1 sent back\n")
    article.refresh_from_db()
    assert (article.status, article.review_note) == ("draft", "Too short.")


def test_gates_and_copies_are_shown(article: Content) -> None:
    first = make_content.article(article.sector, blocks=paragraphs(0, 20), title="First")
    copy = make_content.article(article.sector, blocks=paragraphs(0, 20))

    gates = igny8(article, "gates", copy.pk)
    found = igny8(article, "duplicates", copy.pk)
    demo = make_content.article(article.sector, provenance={"origin": "model", "is_demo": True})
    stopped = said(article, "gates", demo.pk)

    assert gates.exit_code == 1  # a copy is one whoever wrote it
    assert "stops  unique\n         0 % of the text is on no other page" in gates.stdout
    assert found.stdout.splitlines()[1] == f" 100 %  article {first.pk}: First"
    assert "demo_model" in stopped["stopped"]


def test_html_becomes_blocks_and_links_are_set(article: Content) -> None:
    html = f"<p>Take a <b>corner sofa</b>.</p><p>{'Many words. ' * 60}</p>"
    made = create_content(
        account=article.account,
        sector_id=article.sector_id,
        changes=ContentChanges(title="Old", html=html, primary_keyword="armchair"),
        now=NOW,
    )
    target = make_content.article(article.sector, primary_keyword="corner sofa", title="Corners")

    seen = igny8(article, "reparse", made.pk, "--dry-run")
    done = igny8(article, "reparse", made.pk)
    again = igny8(article, "reparse", made.pk)
    links = igny8(article, "links", made.pk)
    inserted = said(article, "links", made.pk, "--insert")

    line = "2 blocks, 124 words (before: 124); lost: nothing"
    assert (seen.stdout, done.stdout) == (f"{line}\n", f"{line}\n")
    assert again.stdout == "it is of blocks already\n"
    assert links.stdout == (
        f"article {made.pk} says “corner sofa”: link to article {target.pk}, Corners"
        " (same_sector)\n"
    )
    assert inserted["version"] == 3


def test_a_brief_is_shown_and_without_a_model_nothing_is_written(article: Content) -> None:
    assert article.cluster is not None
    task = make_content.writing_task(article.cluster)

    brief = igny8(article, "brief", task.pk)
    written = igny8(article, "write", task.pk)

    assert brief.stdout.splitlines()[0] == (
        "Salon chairs: a short buying guide: supporting, 500 words, en"
    )
    assert written.exit_code == 1
    assert "[no_text_model]" in written.output
