"""Optimisations on real engines: what is accepted, what never is, its cost, crashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.errors import ProviderUnavailable, RequestRejected, WorkCancelled
from igny8_core.ai.models import AiCall
from igny8_core.business.content.models import Content, ContentVersion
from igny8_core.business.optimization.errors import ArticleChanged
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.services import optimize_content as module
from igny8_core.common.errors import (
    InsufficientCredits,
    InvalidInput,
    NotFound,
    StaleState,
    TransitionNotAllowed,
)
from tests.business.optimization.spoilt import money, snapshot
from tests.make import billing as make_billing
from tests.make import optimization as make_optimization
from tests.make.content import NOW
from tests.make.optimization import MISSED, Reviser, optimize, say_more, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def cluster() -> Clusters:
    return make_optimization.cluster()


@pytest.fixture
def article(cluster: Clusters) -> Content:
    return make_optimization.article(cluster)


def test_what_wins_points_and_loses_nothing_is_accepted(article: Content) -> None:
    before = snapshot(article)

    done = optimize(task(article, is_automatic=True))

    article.refresh_from_db()
    assert (done.status, done.outcome) == ("completed", "accepted"), done.metadata
    assert done.scores_after["score"] >= done.scores_before["score"] + 1
    assert done.scores_before["scorer_version"] == done.scores_after["scorer_version"]
    assert (done.content_version, done.accepted_version, article.version) == (1, 2, 2)
    assert done.html_before == before["html"]
    assert article.html == done.html_after
    assert MISSED in article.html
    assert (article.slug, article.status) == (before["slug"], before["status"])
    assert article.provenance["origin"] == "model"
    assert article.provenance["blocks"]["b1"]["origin"] == "model"
    assert [b["id"] for b in article.blocks] == ["b1", "b2", "b3", "b4", "b5"]
    assert "#content-" in article.html
    words = sum(len(c["after"].split()) for c in done.metadata["changes"] if c["by"] == "model")
    assert done.credits_used == money(article)[0] > 0
    assert done.credits_used <= words // 200 + 1
    assert money(article)[1:] == (0, 1)
    kept = ContentVersion.unscoped.filter(content=article).order_by("version")
    assert [v.reason for v in kept] == ["edited", "optimized"]


def test_without_a_person_nothing_is_changed_unless_it_was_asked_for(article: Content) -> None:
    before = snapshot(article)

    done = optimize(task(article))

    assert (done.outcome, done.metadata["reasons"]) == ("needs_review", ["person_decides"])
    assert snapshot(article) == before
    assert done.accepted_version is None
    assert MISSED in done.html_after


def drops_the_price(_kind: str, text: str) -> str:
    return text.replace("€ 249 ", "a little ")


def changes_the_date(_kind: str, text: str) -> str:
    return text.replace("2 May 2026", "3 May 2026")


def removes_the_link(_kind: str, text: str) -> str:
    return text.replace("[[1|barber school]]", "barber school")


def doubles_the_link(_kind: str, text: str) -> str:
    return text.replace("[[1|barber school]]", "[[1|barber]] [[1|school]]")


def drops_the_name(_kind: str, text: str) -> str:
    return text.replace("Maria Keller", "somebody")


def drops_the_fact(_kind: str, text: str) -> str:
    return text.replace("21 kg", "a lot")


def writes_markdown(_kind: str, text: str) -> str:
    return f"**{text}**"


def writes_scripts(_kind: str, text: str) -> str:
    return f"<script>alert(1)</script>{text}"


def writes_tags(_kind: str, text: str) -> str:
    return f'{text} <a href="https://evil.test">here</a>.'


def writes_addresses(_kind: str, text: str) -> str:
    return f"{text} See https://evil.test/x for more."


def writes_german(_kind: str, text: str) -> str | None:
    if "21 kg" in text:
        return None
    return (
        "Ein guter Sitz hält viele Jahre, wenn man ihn pflegt und nicht nur auf den Preis sieht,"
        " aber die meisten Leute kaufen zu schnell und wundern sich dann über den Stoff, den sie"
        " mit der Zeit nicht mehr mögen und der auch nicht zu reinigen ist."
    )


def writes_half(_kind: str, text: str) -> str:
    return text[: len(text) // 2]


def writes_nothing(_kind: str, _text: str) -> str:
    return ""


def speaks_of_itself(_kind: str, text: str) -> str:
    return f"As an AI language model, I cannot do that. {text}"


def cites(_kind: str, text: str) -> str:
    return f"{text} This is proven [1]."


BAD = [drops_the_price, changes_the_date, removes_the_link, doubles_the_link, drops_the_name,
       drops_the_fact, writes_markdown, writes_scripts, writes_tags, writes_addresses,
       writes_german, writes_half, writes_nothing, speaks_of_itself, cites]  # fmt: skip


@pytest.mark.parametrize("form", ["blocks", "html"])
@pytest.mark.parametrize("rewrite", BAD)
def test_a_bad_model_changes_nothing_and_costs_nothing(
    rewrite: Callable[[str, str], str | None], form: str, cluster: Clusters
) -> None:
    made = {"blocks": make_optimization.article, "html": make_optimization.html_article}[form]
    article = made(cluster)
    before = snapshot(article)

    done = optimize(task(article, is_automatic=True), Reviser(rewrite))

    assert done.status == "completed"
    assert done.outcome == "rejected", done.metadata
    assert done.metadata["refused"] or done.metadata["reasons"]
    assert snapshot(article) == before
    assert done.html_after == before["html"]
    assert money(article) == (0, 0, 0)
    assert done.credits_used == 0


@pytest.mark.parametrize(
    "added", ["It lasts 35 years.", "Ask John Miller about it.", "One said “never again” to us."]
)
def test_new_facts_are_for_a_person(added: str, article: Content) -> None:
    before = snapshot(article)

    def rewrite(kind: str, text: str) -> str | None:
        new = say_more(kind, text)
        return f"{new} {added}" if new else None

    done = optimize(task(article, is_automatic=True), Reviser(rewrite))

    assert (done.outcome, done.metadata["reasons"]) == ("needs_review", ["new_facts"])
    assert done.metadata["new_facts"]
    assert snapshot(article) == before


def test_a_bad_passage_does_not_spoil_the_good_ones(article: Content) -> None:
    def rewrite(kind: str, text: str) -> str | None:
        return drops_the_price(kind, text) if "249" in text else say_more(kind, text)

    done = optimize(task(article, is_automatic=True), Reviser(rewrite))

    article.refresh_from_db()
    assert done.outcome == "accepted"
    assert [r["reason"] for r in done.metadata["refused"]] == ["fact_lost"]
    assert done.metadata["refused"][0]["detail"] == ["money 249 eur"]
    assert "€ 249" in article.html
    assert MISSED in article.html


def test_html_keeps_its_links_emphasis_pictures_and_code(cluster: Clusters) -> None:
    article = make_optimization.html_article(cluster)

    done = optimize(task(article, is_automatic=True))

    article.refresh_from_db()
    assert done.outcome == "accepted", done.metadata
    assert article.blocks == []
    assert (
        '<a href="https://school.test/a?b=1&amp;c=2" rel="nofollow">barber <em>school</em></a>'
        in article.html
    )
    assert '<img src="/m/a.png" alt="A salon chair">' in article.html
    assert "<pre>code  stays</pre>" in article.html
    assert MISSED in article.html


def test_a_model_that_adds_passages(article: Content) -> None:
    added = [("heading", f"What a {MISSED} does"), ("paragraph", f"A {MISSED} lifts the seat.")]

    done = optimize(task(article, is_automatic=True), Reviser(say_more, added=added))

    article.refresh_from_db()
    assert done.outcome in {"accepted", "rejected"}
    kinds = {change["kind"] for change in done.metadata["changes"]}
    assert kinds <= {"text", "insert"}


def test_the_demo_model_is_not_asked_and_rules_cost_nothing(cluster: Clusters) -> None:
    article = make_optimization.article(cluster, meta_title="Choosing", meta_description="Short.")
    model = Reviser(say_more, is_demo=True)

    done = optimize(task(article, is_automatic=True), model)

    article.refresh_from_db()
    assert model.requests == []
    assert done.outcome == "accepted"
    assert {c["field"] for c in done.metadata["changes"]} == {"meta_title", "meta_description"}
    assert article.meta_title == "Salon chair: Choosing"
    assert 121 <= len(article.meta_description) <= 156
    assert article.html == done.html_before
    assert money(article) == (0, 0, 0)
    assert "origin" not in article.provenance


def test_rules_alone_when_that_is_asked_for(article: Content) -> None:
    model = Reviser(say_more)

    done = optimize(task(article, is_by_rules=True), model)

    assert model.requests == []
    assert done.outcome in {"rejected", "needs_review", "nothing_to_gain"}
    assert money(article) == (0, 0, 0)


def test_what_cannot_be_scored_fails_with_its_reason(cluster: Clusters) -> None:
    article = make_optimization.article(
        cluster, blocks=[{"id": "b1", "type": "paragraph", "text": "Short."}]
    )
    row = task(article)

    with pytest.raises(InvalidInput):
        optimize(row)

    row.refresh_from_db()
    why = "It has fewer than 50 characters of text."
    assert (row.status, row.error) == ("failed", f"The article cannot be scored. {why}")
    with pytest.raises(TransitionNotAllowed):
        optimize(row)


def test_a_repeat_calls_nobody_and_charges_nothing(article: Content) -> None:
    row = task(article, is_automatic=True)
    first = optimize(row)
    spent = money(article)
    model = Reviser(say_more)

    again = optimize(row, model)

    assert (again.pk, again.outcome, model.requests) == (first.pk, "accepted", [])
    assert money(article) == spent


class Crash(BaseException):
    """A process that ends."""


@pytest.mark.parametrize(
    "place",
    ["optimization.after_claim", "optimization.after_answers", "optimization.before_commit"],
)
def test_after_a_crash_the_answers_are_used_again(
    place: str, article: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, model = task(article, is_automatic=True), Reviser(say_more)
    before = snapshot(article)

    def crash(name: str) -> None:
        if name == place:
            raise Crash

    monkeypatch.setattr(module, "failpoint", crash)
    with pytest.raises(Crash):
        optimize(row, model, lease_token=1)
    asked = len(model.requests)
    row.refresh_from_db()
    assert (row.status, snapshot(article)) == ("running", before)
    monkeypatch.undo()

    done = optimize(row, model, lease_token=2)

    article.refresh_from_db()
    assert (done.outcome, article.version) == ("accepted", 2)
    if place != "optimization.after_claim":
        assert len(model.requests) == asked
    assert money(article)[1:] == (0, 1)
    assert AiCall.unscoped.filter(status="succeeded").count() == len(model.requests)


def test_an_edit_meanwhile_wins(article: Content) -> None:
    def edit_then_rewrite(kind: str, text: str) -> str | None:
        row = Content.unscoped.get(pk=article.pk)
        if row.version == 1:
            Content.unscoped.filter(pk=article.pk).update(version=2, title="Edited")
        return say_more(kind, text)

    row = task(article, is_automatic=True)
    with pytest.raises(ArticleChanged):
        optimize(row, Reviser(edit_then_rewrite))

    row.refresh_from_db()
    after = snapshot(article)
    assert (row.status, after["version"], after["title"]) == ("pending", 2, "Edited")
    assert MISSED not in after["html"]
    assert money(article)[0] == 0

    done = optimize(row)

    assert (done.outcome, done.content_version) == ("accepted", 2)
    assert money(article)[1:] == (0, 1)


def test_a_fence_that_is_down_stores_nothing(article: Content) -> None:
    before = snapshot(article)

    def fence() -> None:
        raise StaleState("another worker has it")

    row = task(article, is_automatic=True)
    with pytest.raises(StaleState):
        optimize(row, fence=fence)

    assert snapshot(article) == before
    assert OptimizationTask.unscoped.get().status == "running"


def test_a_provider_that_is_away_lets_it_wait(article: Content) -> None:
    class Away(Reviser):
        def generate(self, request: Any) -> Any:
            raise ProviderUnavailable(f"away for {request.prompt}")

    row = task(article)
    with pytest.raises(ProviderUnavailable):
        optimize(row, Away(say_more))

    row.refresh_from_db()
    assert (row.status, row.error) == ("pending", "")
    assert money(article) == (0, 0, 0)


@pytest.mark.parametrize("late", [ProviderUnavailable, RequestRejected, WorkCancelled, OSError])
def test_an_attempt_that_lost_its_lease_leaves_the_row_alone(
    article: Content, late: type[Exception]
) -> None:
    row = task(article, is_automatic=True)

    class Hangs(Reviser):
        def generate(self, request: Any) -> Any:
            module._begin(article.account, row.pk, clock=lambda: NOW)  # another worker has it
            raise late(f"too late for {len(request.prompt)}")

    with pytest.raises(late):
        optimize(row, Hangs(say_more))
    row.refresh_from_db()
    assert (row.status, row.error) == ("running", "")
    assert optimize(row).outcome == "accepted"
    assert money(article)[1:] == (0, 1)


def test_what_an_attempt_made_that_lost_its_lease_is_not_stored(article: Content) -> None:
    row = task(article, is_automatic=True)
    before = snapshot(article)

    def hang(kind: str, text: str) -> str | None:
        module._begin(article.account, row.pk, clock=lambda: NOW)
        return say_more(kind, text)

    with pytest.raises(StaleState):
        optimize(row, Reviser(hang))

    assert snapshot(article) == before
    assert optimize(row).outcome == "accepted"
    assert money(article)[1:] == (0, 1)


def test_a_bug_lets_it_wait(article: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    row = task(article)
    monkeypatch.setattr(module, "plan_sections", lambda _draft: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        optimize(row)

    row.refresh_from_db()
    assert row.status == "pending"


def test_a_provider_that_refuses_fails_it(article: Content) -> None:
    class Refuses(Reviser):
        def generate(self, request: Any) -> Any:
            raise RequestRejected(f"no to {request.prompt}")

    row = task(article)
    with pytest.raises(RequestRejected):
        optimize(row, Refuses(say_more))

    row.refresh_from_db()
    assert row.status == "failed"
    assert row.error
    assert money(article) == (0, 0, 0)


def test_without_credits_it_waits() -> None:
    make_billing.prices()
    article = make_optimization.article(make_optimization.cluster(0))
    row, model = task(article), Reviser(say_more)

    with pytest.raises(InsufficientCredits):
        optimize(row, model)

    row.refresh_from_db()
    assert (row.status, model.requests) == ("pending", [])


def test_of_a_deleted_article_nothing_is_done(article: Content) -> None:
    row = task(article)
    Content.unscoped.filter(pk=article.pk).update(deleted_at=NOW)

    with pytest.raises(NotFound):
        optimize(row)

    row.refresh_from_db()
    assert row.status == "pending"
