"""Gates decide: what is approved and published, by whom it may be overridden, and what is kept."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from igny8_core.business.content.errors import GatesFailed, VersionConflict
from igny8_core.business.content.models import Content, ContentVerdict
from igny8_core.business.content.services.editing import (
    ContentChanges,
    edit_content,
    restore_version,
)
from igny8_core.business.content.services.review import (
    approve_by_rule,
    approve_content,
    approve_contents,
    judge_approved,
    mark_published,
    publish_approved,
    submit_for_review,
)
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import acting
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW, own_blocks

pytestmark = pytest.mark.django_db

BROKEN = "<h2></h2><p>Text.</p>"
"""An empty heading: hard, whoever wrote it."""


def in_review(**fields: Any) -> Content:
    return make_content.fit_article(make_planning.sector(), status="review", **fields)


def approve(row: Content, **fields: Any) -> Content:
    return approve_content(account=row.account, content_id=row.pk, now=NOW, **fields)


def verdicts() -> list[tuple[str, str, list[str], str]]:
    return [
        (one.step, one.outcome, [gate["gate"] for gate in one.failed], one.reason)
        for one in ContentVerdict.unscoped.order_by("pk")
    ]


def names(texts: object) -> list[str]:
    assert isinstance(texts, list)
    return [text.partition(":")[0] for text in texts]


def test_what_passes_is_approved_and_the_verdict_kept() -> None:
    row = in_review()

    with acting("user:7"):
        approved = approve(row, user_id=7)

    assert approved.approved_version == 1
    assert verdicts() == [("approve", "passed", [], "")]
    kept = ContentVerdict.unscoped.get()
    assert (kept.version, kept.decided_by_id, kept.actor, len(kept.content_hash)) == (
        1, 7, "user:7", 64,
    )  # fmt: skip


def test_hard_gates_are_named_and_take_no_reason() -> None:
    row = in_review(html=BROKEN, blocks=[], word_count=299)

    with pytest.raises(GatesFailed) as refused:
        approve(row, user_id=7, reason="I like it.")

    assert names(refused.value.data["hard"]) == ["headings"]
    assert names(refused.value.data["soft"]) == ["word_count"]
    assert "an empty heading" in str(refused.value.data["hard"])
    row.refresh_from_db()
    assert (row.approved_version, verdicts()) == (None, [])


def test_soft_gates_are_overridden_with_a_reason_that_is_kept() -> None:
    row = in_review(word_count=299)

    with pytest.raises(GatesFailed) as refused:
        approve(row, user_id=7, reason=" ")
    with pytest.raises(InvalidInput):
        approve(row, user_id=7, reason="x" * 1_001)
    approve(row, user_id=7, reason=" A glossary entry. ")

    assert refused.value.data["hard"] == []
    assert verdicts() == [("approve", "overridden", ["word_count"], "A glossary entry.")]
    assert ContentVerdict.unscoped.get().decided_by_id == 7


def test_several_are_approved_together_or_none() -> None:
    rows = [in_review()]
    rows.append(make_content.fit_article(rows[0].sector, status="review", word_count=299))
    ids = [row.pk for row in rows]

    with pytest.raises(GatesFailed) as refused:
        approve_contents(account=rows[0].account, content_ids=ids, user_id=7, now=NOW)
    assert refused.value.data["content_id"] == rows[1].pk
    assert verdicts() == []

    changed = approve_contents(
        account=rows[0].account, content_ids=ids, user_id=7, reason="Fine.", now=NOW
    )
    assert (changed, [one[1] for one in verdicts()]) == (2, ["passed", "overridden"])


def test_a_rule_lets_pass_what_passes_everything() -> None:
    sector = make_planning.sector()
    good = make_content.machine_article(sector, status="review")
    soft = make_content.machine_article(sector, status="review", meta_title="Sofa")
    hard = make_content.machine_article(sector, status="review", word_count=99)

    made = [
        approve_by_rule(account=sector.account, content_id=row.pk, now=NOW).approved_version
        for row in (good, soft, hard)
    ]

    assert made == [1, None, None]
    assert verdicts() == [
        ("approve", "passed", [], ""),
        ("approve", "refused", ["seo_fields"], ""),
        ("approve", "refused", ["word_count"], ""),
    ]
    assert {row.status for row in Content.unscoped.all()} == {"review"}


def test_the_demo_models_text_needs_a_person() -> None:
    row = make_content.machine_article(
        make_planning.sector(), status="review", provenance={"is_demo": True}
    )

    assert approve_by_rule(account=row.account, content_id=row.pk, now=NOW).approved_version is None
    with pytest.raises(GatesFailed):
        approve(row)
    assert approve(row, user_id=7).approved_version == 1


def test_reviewers_see_what_the_gates_say_when_they_get_it() -> None:
    row = make_content.fit_article(make_planning.sector(), word_count=99)

    submitted = submit_for_review(account=row.account, content_id=row.pk, now=NOW)

    assert submitted.status == "review"
    assert verdicts() == [("submit", "refused", ["word_count"], "")]


def test_what_became_a_copy_meanwhile_is_held_back() -> None:
    first = in_review(blocks=own_blocks(text=5_000))
    approve(first, user_id=7)
    live = make_content.fit_article(first.sector, status="published", blocks=own_blocks(text=5_000))
    other = make_content.fit_article(first.sector, status="review")
    approve(other, user_id=7)

    published = publish_approved(account=first.account, site=first.site, now=NOW)

    first.refresh_from_db()
    assert published == [other.pk]
    assert (first.status, first.approved_version, first.approved_by_id) == ("review", None, None)
    assert verdicts()[-1] == ("publish", "refused", ["unique"], "")
    [failed] = ContentVerdict.unscoped.order_by("-pk")[0].failed
    assert failed["problems"] == [
        "0 % of the text is on no other page",
        f"100 % is in article {live.pk}: {live.title}",
    ]


def test_what_was_just_judged_is_not_judged_again_but_for_a_new_version() -> None:
    row = in_review(approved_version=1, approved_at=NOW)
    bad = make_content.fit_article(
        row.sector, status="review", approved_version=2, version=2, html=BROKEN, blocks=[]
    )

    judged = judge_approved(account=row.account, site_id=row.site_id, now=NOW)
    Content.unscoped.filter(pk=bad.pk).update(approved_version=2, approved_at=NOW)
    published = publish_approved(
        account=row.account, site=row.site, judged={**judged, bad.pk: 1}, now=NOW
    )

    assert judged == {row.pk: 1}
    assert published == [row.pk]
    assert [one[:3] for one in verdicts()] == [("publish", "refused", ["headings"])] * 2


def test_an_approval_without_a_verdict_is_judged_before_it_goes_live() -> None:
    row = in_review(approved_version=1, approved_at=NOW, html=BROKEN, blocks=[])

    assert publish_approved(account=row.account, site=row.site, now=NOW) == []
    assert verdicts() == [("publish", "refused", ["headings"], "")]


def test_an_override_stays_good_when_it_goes_live() -> None:
    row = in_review(word_count=299)
    approve(row, user_id=7, reason="A glossary entry.")

    assert publish_approved(account=row.account, site=row.site, now=NOW) == [row.pk]


# --- what is live


def published() -> Content:
    row = in_review()
    approve(row, user_id=7)
    return mark_published(account=row.account, content_id=row.pk, now=NOW)


def edit(row: Content, **changes: Any) -> Content:
    return edit_content(
        account=row.account,
        content_id=row.pk,
        version=row.version,
        changes=ContentChanges(**changes),
        user_id=7,
        now=NOW,
    )


def test_a_change_of_a_published_article_may_not_break_a_hard_gate() -> None:
    row = published()

    with pytest.raises(GatesFailed) as refused:
        edit(row, html=BROKEN)
    row.refresh_from_db()
    assert (names(refused.value.data["hard"]), row.version) == (["headings"], 1)

    copy = make_content.fit_article(row.sector, blocks=own_blocks(text=5_100))
    with pytest.raises(GatesFailed) as copied:
        edit(row, blocks=copy.blocks)
    row.refresh_from_db()
    assert (names(copied.value.data["hard"]), row.version) == (["unique"], 1)

    changed = edit(row, title="Another title that is long enough")
    assert (changed.version, changed.status) == (2, "published")
    draft = make_content.fit_article(row.sector)
    assert edit(draft, html=BROKEN).version == 2  # nobody sees a draft


def test_what_was_broken_before_can_still_be_mended_elsewhere() -> None:
    row = make_content.fit_article(
        make_planning.sector(), status="published", html=BROKEN, blocks=[]
    )

    assert edit(row, title="A title without the typo in it").version == 2
    back = restore_version(
        account=row.account, content_id=row.pk, version=2, restored=2, user_id=7, now=NOW
    )
    assert back.version == 3


# --- the rows


@pytest.mark.parametrize(
    ("outcome", "reason", "is_refused"),
    [("overridden", "Fine.", False), ("overridden", "", True), ("passed", "Fine.", True)],
)
def test_an_override_has_a_reason(outcome: str, reason: str, *, is_refused: bool) -> None:
    row = in_review()

    def keep() -> None:
        with transaction.atomic():
            ContentVerdict.unscoped.create(
                account=row.account, content=row, version=1, content_hash="x", step="approve",
                outcome=outcome, reason=reason,
            )  # fmt: skip

    if is_refused:
        with pytest.raises(IntegrityError, match="contentverdict_override_has_a_reason"):
            keep()
    else:
        keep()
    assert ContentVerdict.unscoped.exists() is not is_refused


def test_a_version_that_was_not_read_is_not_judged() -> None:
    row = in_review(html=BROKEN, blocks=[])

    with pytest.raises(VersionConflict):
        approve(row, version=2)
    assert verdicts() == []
