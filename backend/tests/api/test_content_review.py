"""What reviewers do with articles through the API: comments, times, gates, copies, links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from igny8_core.auth.states import Role
from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentComment,
    ContentTaxonomy,
    ContentVersion,
)
from igny8_core.business.content.states import ContentStatus
from tests.api.callers import Api, api
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import sentence

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

LATER = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def article() -> Content:
    cluster = make_planning.cluster(make_planning.sector(make_billing.account_with(100)), "sofas")
    return make_content.article(
        cluster.sector,
        cluster=cluster,
        status=ContentStatus.REVIEW,
        primary_keyword="sofa",
        title="How to choose a sofa",
    )


@pytest.fixture
def editor(article: Content) -> Api:
    return api(article.account)


def another(article: Content, **fields: Any) -> Content:
    return make_content.article(article.sector, cluster=article.cluster, **fields)


# --- comments


def test_a_comment_is_on_a_block_of_the_version_that_was_read(
    editor: Api, article: Content
) -> None:
    body = {"content": article.pk, "block_id": "b2", "text": " Say how. "}
    made = editor.post("content-comments/", body).json()
    other = editor.post("content-comments/", {"content": article.pk, "text": "Fine."}).json()
    changed = editor.patch(f"content-comments/{made['id']}/", {"text": "Say how, please."}).json()
    settled = editor.post(f"content-comments/{made['id']}/resolve/").json()

    assert (made["content"], made["version"], made["block_id"], made["kind"], made["text"]) == (
        article.pk, 1, "b2", "comment", "Say how.",
    )  # fmt: skip
    assert (
        made["author_id"]
        == settled["resolved_by_id"]
        == editor.get("content-comments/").json()["results"][0]["author_id"]
    )
    assert (changed["text"], settled["resolved_at"] is None) == ("Say how, please.", False)
    assert editor.ids("content-comments/", is_resolved="false") == [other["id"]]
    assert editor.ids("content-comments/", block_id="b2") == [made["id"]]
    reopened = editor.post(f"content-comments/{made['id']}/reopen/").json()
    assert (reopened["resolved_at"], reopened["resolved_by_id"]) == (None, None)
    assert editor.delete(f"content-comments/{other['id']}/").status_code == 204
    assert editor.ids("content-comments/") == [made["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"text": " "}, "text"), ({"text": "x" * 5_001}, "text"), ({"block_id": "b99"}, "block_id")],
)
def test_a_comment_has_a_text_and_a_block_that_is_there(
    body: dict[str, str], field: str, editor: Api, article: Content
) -> None:
    answer = editor.post("content-comments/", {"content": article.pk, "text": "Why?"} | body)

    assert answer.status_code in {400, 422}
    assert field in str(answer.json())
    assert not ContentComment.unscoped.exists()


def test_another_persons_comment_is_not_changed(editor: Api, article: Content) -> None:
    made = editor.post("content-comments/", {"content": article.pk, "text": "Mine."}).json()

    answer = api(article.account).patch(f"content-comments/{made['id']}/", {"text": "Yours."})

    assert answer.status_code == 403
    assert ContentComment.unscoped.get().text == "Mine."


def test_why_an_article_went_back_is_a_comment_that_stays(editor: Api, article: Content) -> None:
    editor.post(f"contents/{article.pk}/send-back/", {"note": "Too short."})

    [kept] = editor.get("content-comments/", content=article.pk, kind="sent_back").json()["results"]

    assert (kept["text"], kept["version"], kept["author_id"] is None) == ("Too short.", 1, False)
    assert editor.delete(f"content-comments/{kept['id']}/").status_code == 403


def test_a_comment_on_an_article_of_another_account_is_not_found(editor: Api) -> None:
    foreign = make_content.article(make_planning.sector())

    answer = editor.post("content-comments/", {"content": foreign.pk, "text": "Hello."})

    assert answer.status_code == 404


# --- times


def test_an_article_goes_live_at_the_time_that_is_set(editor: Api, article: Content) -> None:
    set_to = editor.post(
        f"contents/{article.pk}/schedule/", {"publish_at": LATER.isoformat()}
    ).json()
    scheduled = editor.ids("contents/", is_scheduled="true")
    taken_back = editor.post(f"contents/{article.pk}/schedule/", {"publish_at": None}).json()

    assert set_to["publish_at"] == "2027-03-01T09:00:00Z"
    assert (set_to["version"], set_to["reading_minutes"]) == (1, 1)
    assert scheduled == [article.pk]
    assert taken_back["publish_at"] is None


def test_articles_go_live_one_after_another(editor: Api, article: Content) -> None:
    second = another(article)

    answer = editor.post(
        "contents/bulk-schedule/",
        {"ids": [second.pk, article.pk], "publish_at": LATER.isoformat(), "every_minutes": 90},
    )

    assert answer.json() == {"changed": 2}
    article.refresh_from_db()
    second.refresh_from_db()
    assert (second.publish_at, article.publish_at) == (LATER, LATER + timedelta(minutes=90))


@pytest.mark.parametrize("days", [-1, 800])
def test_a_time_is_ahead_and_not_too_far(days: int, editor: Api, article: Content) -> None:
    when = timezone.now() + timedelta(days=days)

    answer = editor.post(f"contents/{article.pk}/schedule/", {"publish_at": when.isoformat()})

    assert answer.status_code == 422
    article.refresh_from_db()
    assert article.publish_at is None


def test_what_is_live_has_no_time_and_then_none_is_set(editor: Api, article: Content) -> None:
    live = another(article, status=ContentStatus.PUBLISHED)

    answer = editor.post(
        "contents/bulk-schedule/",
        {"ids": [article.pk, live.pk], "publish_at": LATER.isoformat()},
    )

    assert answer.status_code == 409
    article.refresh_from_db()
    assert article.publish_at is None


# --- gates and copies


def paragraphs(first: int, count: int = 30) -> list[dict[str, Any]]:
    return [{"id": f"b{n}", "type": "paragraph", "text": sentence(first + n)} for n in range(count)]


def test_gates_say_what_is_wrong_and_whether_that_is_hard(editor: Api, article: Content) -> None:
    ContentAttribute.unscoped.create(
        sector=article.sector, content=article, attribute_type="product_spec",
        name="Width", value="190", unit="cm",
    )  # fmt: skip
    wrong = [
        {"id": "b1", "type": "heading", "text": "Sofas"},
        {"id": "b2", "type": "paragraph", "text": "The width is 2.5 m. See https://a.example now."},
    ]
    made = another(
        article, blocks=wrong, provenance={"origin": "model", "is_demo": True}, language="en"
    )

    found = {g["gate"]: g for g in editor.post(f"contents/{made.pk}/check-gates/").json()}
    ours = {g["gate"]: g for g in editor.post(f"contents/{article.pk}/check-gates/").json()}

    assert [name for name, gate in found.items() if gate["is_hard"] and not gate["passed"]] == [
        "links", "seo_empty", "word_count", "disclosure",
    ]  # fmt: skip
    assert found["links"]["problems"] == ["address in the text: https://"]
    assert found["demo_model"]["passed"] is True  # whoever asks has read it
    assert found["images"]["passed"] is True
    hard = {name for name, gate in ours.items() if gate["is_hard"]}
    assert hard == {  # people answer for what they write, but for what does harm
        "clean_html", "dead_links", "disclosure", "demo_model",
    }  # fmt: skip
    assert (found["links"]["kind"], found["headings"]["fix"]) == ("hard", "")


def test_a_fact_of_the_article_is_not_contradicted(editor: Api, article: Content) -> None:
    ContentAttribute.unscoped.create(
        sector=article.sector, cluster=article.cluster, attribute_type="product_spec",
        name="Width", value="190", unit="cm",
    )  # fmt: skip
    said = [{"id": "b1", "type": "paragraph", "text": "The width of this sofa is 2.5 m in all."}]
    made = another(article, blocks=said)

    found = {g["gate"]: g for g in editor.post(f"contents/{made.pk}/check-gates/").json()}

    assert found["facts"]["problems"] == [
        "Width is stated otherwise: The width of this sofa is 2.5 m in all."
    ]


def test_a_copy_is_found_with_the_passages_that_show_it(editor: Api, article: Content) -> None:
    original = another(article, blocks=paragraphs(0), title="The first")
    copied = [*paragraphs(0, 20), *({**b, "id": f"c{n}"} for n, b in enumerate(paragraphs(90, 5)))]
    copy = another(article, blocks=copied)

    report = editor.post(f"contents/{copy.pk}/find-duplicates/").json()
    gates = {g["gate"]: g for g in editor.post(f"contents/{copy.pk}/check-gates/").json()}
    own = editor.post(f"contents/{article.pk}/find-duplicates/").json()

    [found] = report["duplicates"]
    assert (found["content"], found["title"], found["status"]) == (
        original.pk, "The first", "draft",
    )  # fmt: skip
    assert found["percent"] == 100 - report["unique_percent"] >= 70
    assert (report["compared"], report["is_complete"]) == (2, True)
    assert len(found["spans"]) == 20
    span = next(s for s in found["spans"] if s["block"] == 0)
    assert copied[0]["text"][span["start"] : span["end"]] == span["text"]
    assert (len(span["text"].split()), span["other_block"]) == (len(sentence(0).split()), 0)
    assert gates["unique"]["problems"][0] == (
        f"{report['unique_percent']} % of the text is on no other page"
    )
    assert (own["unique_percent"], own["duplicates"]) == (100, [])


def test_copies_of_other_sites_and_of_the_bin_do_not_count(editor: Api, article: Content) -> None:
    elsewhere = make_planning.sector(article.account)
    make_content.article(elsewhere, blocks=paragraphs(0))
    another(article, blocks=paragraphs(0), deleted_at=timezone.now())
    made = another(article, blocks=paragraphs(0))

    report = editor.post(f"contents/{made.pk}/find-duplicates/").json()

    assert (report["unique_percent"], report["compared"]) == (100, 1)


def test_a_change_is_compared_anew(editor: Api, article: Content) -> None:
    another(article, blocks=paragraphs(0))
    made = another(article, blocks=paragraphs(0))
    before = editor.post(f"contents/{made.pk}/find-duplicates/").json()

    fresh = [{"id": "b1", "type": "paragraph", "text": "Nobody wrote this on another page yet."}]
    editor.patch(f"contents/{made.pk}/", {"version": 1, "blocks": fresh})
    after = editor.post(f"contents/{made.pk}/find-duplicates/").json()

    assert (before["unique_percent"], after["unique_percent"]) == (0, 100)


# --- links


LONG = "Word after word follows here and nothing is said twice in it. " * 20


def linkable(article: Content, text: str, **fields: Any) -> Content:
    blocks = [
        {"id": "b1", "type": "paragraph", "text": text},
        {"id": "b2", "type": "paragraph", "text": LONG},
    ]
    return another(article, blocks=blocks, **fields)


def test_links_are_suggested_both_ways_and_hubs_come_first(editor: Api, article: Content) -> None:
    hub = linkable(article, "All about seats.", primary_keyword="seat", title="Seats")
    ContentClusterMap.unscoped.create(content=hub, cluster=article.cluster, role="hub")
    new = linkable(article, "A corner sofa is a seat, too.", primary_keyword="corner sofa")
    old = linkable(article, "Nobody needs a Corner Sofa here.", primary_keyword="armchair")

    found = editor.get(f"contents/{new.pk}/suggested-links/").json()["links"]

    assert [(one["source"], one["target"], one["anchor"], one["reason"]) for one in found] == [
        (new.pk, hub.pk, "seat", "to_hub"),
        (old.pk, new.pk, "Corner Sofa", "same_cluster"),
    ]
    assert (found[0]["block"], found[0]["text"]) == ("b1", "A corner sofa is a seat, too.")


def test_links_are_set_once_and_leave_words_and_approval(editor: Api, article: Content) -> None:
    new = linkable(article, "A corner sofa.", primary_keyword="corner sofa")
    old = linkable(
        article, "Take a corner sofa.", primary_keyword="armchair", status=ContentStatus.REVIEW
    )
    editor.post(f"contents/{old.pk}/approve/", {"version": 1, "reason": "A note."})

    first = editor.post(f"contents/{old.pk}/insert-links/", {"targets": [new.pk], "version": 1})
    again = editor.post(f"contents/{old.pk}/insert-links/", {"targets": [new.pk]})

    assert first.json()["html"].startswith(
        f'<p>Take a <a href="#content-{new.pk}">corner sofa</a>.</p>'
    )
    assert (first.json()["version"], first.json()["approved_version"]) == (2, 2)
    assert again.json()["version"] == 2
    assert first.json()["word_count"] == old.word_count
    assert ContentVersion.unscoped.get(content=old).reason == "linked"


def test_links_stay_on_the_site_and_name_the_version(editor: Api, article: Content) -> None:
    stranger = make_content.article(make_planning.sector(article.account))
    row = linkable(article, "A corner sofa.", primary_keyword="armchair")

    answers = [
        editor.post(f"contents/{row.pk}/insert-links/", {"targets": [stranger.pk]}),
        editor.post(f"contents/{row.pk}/insert-links/", {"targets": [row.pk]}),
        editor.post(f"contents/{row.pk}/insert-links/", {"version": 7}),
        editor.post(f"contents/{row.pk}/insert-links/", {"targets": [stranger.pk + 99]}),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 409, 404]
    row.refresh_from_db()
    assert row.version == 1


# --- categories and tags


def test_known_tags_come_before_new_ones(editor: Api, article: Content) -> None:
    site = article.site
    known = ContentTaxonomy.unscoped.create(
        account=site.account, site=site, taxonomy_type="tag", name="Corner sofas", slug="corners"
    )
    named = ContentTaxonomy.unscoped.create(
        account=site.account, site=site, taxonomy_type="tag", name="Measure", slug="measure"
    )
    article.secondary_keywords = ["sofa bed", "corner sofa"]
    article.save()

    found = editor.get(f"contents/{article.pk}/suggested-taxonomies/").json()["taxonomies"]

    shown = [(one["taxonomy"], one["taxonomy_type"], one["name"], one["reason"]) for one in found]
    assert shown == [
        (None, "category", "Sofas", "cluster"),
        (known.pk, "tag", "Corner sofas", "keyword"),
        (named.pk, "tag", "Measure", "heading"),
        (None, "tag", "Sofa", "keyword"),
        (None, "tag", "Sofa bed", "keyword"),
    ]


# --- blocks


HTML = "<h1>Sofas</h1><p>Take <b>one</b>.</p><table><tr><td>x</td></tr></table>"


def test_html_becomes_blocks_when_somebody_wants_it(editor: Api, article: Content) -> None:
    made = editor.post(
        "contents/", {"sector": article.sector_id, "title": "Old", "html": HTML}
    ).json()

    seen = editor.get(f"contents/{made['id']}/reparse/").json()
    still = editor.get(f"contents/{made['id']}/").json()
    late = editor.post(f"contents/{made['id']}/reparse/", {"version": 9})
    stored = editor.post(f"contents/{made['id']}/reparse/", {"version": 1}).json()
    again = editor.post(f"contents/{made['id']}/reparse/").json()
    after = editor.get(f"contents/{made['id']}/").json()

    assert [block["type"] for block in seen["blocks"]] == ["heading", "paragraph", "html"]
    assert (seen["lost"], seen["words"], seen["words_before"]) == ({}, 4, 4)
    assert (still["version"], still["blocks"]) == (1, [])
    assert late.status_code == 409
    assert (stored["blocks"], stored["is_new"]) == (seen["blocks"], True)
    assert again["is_new"] is False
    assert (after["version"], after["word_count"], after["blocks"]) == (2, 4, seen["blocks"])
    assert after["provenance"]["blocks"]["b1"]["origin"] == "person"
    reasons = ContentVersion.unscoped.filter(content=made["id"]).order_by("version")
    assert list(reasons.values_list("reason", flat=True)) == ["edited", "reparsed"]


def test_an_article_without_text_has_no_blocks(editor: Api, article: Content) -> None:
    made = editor.post("contents/", {"sector": article.sector_id, "title": "Empty"}).json()

    assert editor.post(f"contents/{made['id']}/reparse/").status_code == 422


def test_a_block_of_html_is_clean_whoever_sends_it(editor: Api, article: Content) -> None:
    block = {"id": "b1", "type": "html", "html": "<h1>A</h1><script>x()</script><p onclick=y>B</p>"}
    hidden = {"id": "b1", "type": "html", "html": "<script>x()</script>"}

    stored = editor.patch(f"contents/{article.pk}/", {"version": 1, "blocks": [block]}).json()
    refused = editor.patch(f"contents/{article.pk}/", {"version": 2, "blocks": [hidden]})

    assert stored["blocks"] == [{"id": "b1", "type": "html", "html": "<h2>A</h2><p>B</p>"}]
    assert stored["html"] == "<h2>A</h2><p>B</p>"
    assert refused.status_code == 422


def test_people_may_link_to_other_sites(editor: Api, article: Content) -> None:
    link = {"url": "https://a.example/?b=1&c=2", "anchor": "tape", "is_nofollow": True}
    block = {"id": "b1", "type": "paragraph", "text": "Use a tape.", "links": [link]}
    bad = {**block, "links": [{**link, "url": "javascript:x()"}]}

    stored = editor.patch(f"contents/{article.pk}/", {"version": 1, "blocks": [block]}).json()
    refused = editor.patch(f"contents/{article.pk}/", {"version": 2, "blocks": [bad]})

    assert stored["html"] == (
        '<p>Use a <a href="https://a.example/?b=1&amp;c=2" rel="nofollow">tape</a>.</p>'
    )
    assert refused.status_code == 422


# --- briefs


def test_a_brief_shows_what_a_writer_gets(editor: Api, article: Content) -> None:
    site = article.site
    site.settings = {"voice": "Calm.", "rules": ["Say you."], "avoid": "cheap\nluxury"}
    site.save()
    cluster = article.cluster
    assert cluster is not None
    make_planning.keywords(article.sector, ["corner sofa", "sofa bed"], cluster=cluster)
    task = make_content.writing_task(
        cluster,
        keywords="sofa",
        description="For small rooms.",
        target_word_count=900,
        taxonomy=ContentTaxonomy.unscoped.create(
            account=site.account, site=site, taxonomy_type="category", name="Seats", slug="seats"
        ),
    )
    ContentClusterMap.unscoped.create(task=task, cluster=cluster, role="hub")
    ContentAttribute.unscoped.create(
        sector=article.sector, task=task, attribute_type="product_spec",
        name="Width", value="190", unit="cm",
    )  # fmt: skip

    found = editor.get(f"writing-tasks/{task.pk}/brief/").json()

    assert (found["role"], found["target_word_count"], found["language"]) == ("hub", 900, "en")
    assert [keyword["text"] for keyword in found["keywords"]] == ["sofa", "corner sofa", "sofa bed"]
    assert (found["voice"], found["rules"], found["avoid"], found["notes"]) == (
        "Calm.", ["Say you."], ["cheap", "luxury"], "For small rooms.",
    )  # fmt: skip
    assert found["facts"] == ["Width: 190 cm"]
    assert (found["category"], found["images"]) == ("Seats", 0)
    assert [(link["content"], link["is_published"]) for link in found["links"]] == [
        (article.pk, False)
    ]
    assert [section["kind"] for section in found["outline"]][:1] == ["intro"]
    assert editor.get(f"writing-tasks/{task.pk + 99}/brief/").status_code == 404
    assert (
        api(article.account, Role.VIEWER).get(f"writing-tasks/{task.pk}/brief/").status_code == 200
    )
