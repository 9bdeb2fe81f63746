"""Articles through the API: made, brought, edited against a version, and reviewed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.business.content.models import Content, ContentTaxonomyLink, ContentVersion
from igny8_core.business.content.states import ContentStatus
from tests import make
from tests.api.callers import Api, api
from tests.api.test_writing_tasks import category
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import BLOCKS, NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def cluster(account: Account) -> Clusters:
    return make_planning.cluster(make_planning.sector(account), "sofas")


@pytest.fixture
def editor(account: Account) -> Api:
    return api(account)


def stored(content_id: int) -> Content:
    found: Content = Content.unscoped.get(pk=content_id)
    return found


# --- made


def test_a_draft_by_hand(editor: Api, cluster: Clusters) -> None:
    tag = category(cluster)

    answer = editor.post(
        "contents/",
        {
            "sector": cluster.sector_id,
            "cluster": cluster.pk,
            "title": " How to  measure a sofa ",
            "blocks": BLOCKS,
            "secondary_keywords": ["sofa", "sofa"],
            "taxonomies": [tag.pk],
        },
    )

    found = answer.json()
    assert answer.status_code == 201
    assert (found["title"], found["slug"]) == ("How to measure a sofa", "how-to-measure-a-sofa")
    assert (found["status"], found["version"], found["language"]) == ("draft", 1, "en")
    assert (found["source"], found["sync_status"]) == ("igny8", "native")
    assert found["html"].startswith("<p>A sofa is a long decision. Measure first.</p>\n<h2 id=")
    assert (found["word_count"], found["secondary_keywords"]) == (17, ["sofa"])
    assert [row["id"] for row in found["taxonomies"]] == [tag.pk]
    assert found["provenance"]["origin"] == "person"
    assert [b["id"] for b in found["blocks"]] == ["b1", "b2", "b3"]
    kept = ContentVersion.unscoped.get()
    assert (kept.content_id, kept.version, kept.reason) == (found["id"], 1, "edited")


def test_html_from_another_platform_is_sanitised(editor: Api, cluster: Clusters) -> None:
    answer = editor.post(
        "contents/",
        {
            "sector": cluster.sector_id,
            "title": "Old post",
            "html": '<h1 class="wp-x y">Top</h1><p onclick="x()">Two words<script>1</script></p>',
            "source": "wordpress",
            "external_id": "7",
            "external_type": "post",
            "external_url": "https://example.com/?p=7",
            "external_metadata": {"status": "publish"},
        },
    )

    found = answer.json()
    assert answer.status_code == 201
    assert found["html"] == '<h2 class="wp-x">Top</h2><p>Two words</p>'
    assert (found["word_count"], found["blocks"]) == (3, [])
    assert (found["source"], found["sync_status"]) == ("wordpress", "synced")
    assert found["external_metadata"] == {"status": "publish"}
    assert ContentVersion.unscoped.get().reason == "imported"


def test_a_taken_slug_is_numbered_or_refused_with_its_owner(editor: Api, cluster: Clusters) -> None:
    other = make_content.article(cluster.sector, slug="sofas")
    body = {"sector": cluster.sector_id, "title": "Sofas"}

    numbered = editor.post("contents/", body)
    refused = editor.post("contents/", body | {"slug": "sofas"})

    assert numbered.json()["slug"] == "sofas-2"
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert refused.json()["errors"] == {"slug": ["Another article of the site has it."]}
    assert refused.json()["data"] == {"content_id": other.pk}


def test_an_external_row_has_one_article(editor: Api, cluster: Clusters) -> None:
    body = {
        "sector": cluster.sector_id,
        "title": "Sofas",
        "external_id": "7",
        "external_type": "post",
    }
    first = editor.post("contents/", body)

    again = editor.post("contents/", body)
    page = editor.post("contents/", body | {"external_type": "page"})

    assert (again.status_code, list(again.json()["errors"])) == (409, ["external_id"])
    assert again.json()["data"] == {"content_id": first.json()["id"]}
    assert page.status_code == 201


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": "x" * 76}, "slug"),
        ({"language": "English"}, "language"),
        ({"language": "en<"}, "language"),
        ({"content_type": "poem"}, "content_type"),
        ({"excerpt": "x" * 2_001}, "excerpt"),
        ({"secondary_keywords": ["x"] * 51}, "secondary_keywords"),
        ({"blocks": [{"id": "b1", "type": "script"}]}, "blocks"),
        ({"blocks": [{"id": "b1", "type": "paragraph", "text": "x"}] * 2}, "blocks"),
        ({"blocks": {"id": "b1"}}, "blocks"),
        ({"blocks": [[]]}, "blocks"),
        ({"blocks": BLOCKS, "html": "<p>x</p>"}, "html"),
        ({"external_url": "javascript:alert(1)"}, "external_url"),
        ({"external_url": "ftp"}, "external_url"),
        ({"source": "ghost"}, "source"),
        ({"external_metadata": []}, "external_metadata"),
        ({"sector": None}, "sector"),
    ],
)
def test_what_cannot_be_is_refused_by_field(
    changes: dict[str, Any], field: str, editor: Api, cluster: Clusters
) -> None:
    answer = editor.post("contents/", {"sector": cluster.sector_id, "title": "S"} | changes)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not Content.unscoped.exists()
    assert not ContentVersion.unscoped.exists()


def test_a_cluster_of_another_sector_does_not_fit(editor: Api, cluster: Clusters) -> None:
    other = make.sector(cluster.site, "Beds")
    article = make_content.article(other)
    body = {"sector": other.pk, "title": "Beds", "cluster": cluster.pk}

    made = editor.post("contents/", body)
    changed = editor.patch(f"contents/{article.pk}/", {"version": 1, "cluster": cluster.pk})

    for answer in (made, changed):
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["cluster"])
        assert answer.json()["errors"]["cluster"] == [
            f"Cluster is in another sector: sector {other.pk} here, {cluster.sector_id} there."
        ]
    assert stored(article.pk).version == 1


# --- edited


def test_an_edit_is_the_next_version(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(cluster.sector, approved_version=1, approved_at=NOW)
    path = f"contents/{article.pk}/"

    changed = editor.patch(
        path,
        {
            "version": 1,
            "title": "New",
            "meta_title": "",
            "cluster": cluster.pk,
            "content_structure": "guide",
            "secondary_keywords": ["sofa"],
        },
    )
    cleared = editor.patch(path, {"version": 2, "cluster": None})
    nothing = editor.patch(path, {"version": 3})

    assert (changed.json()["version"], changed.json()["cluster"]) == (2, cluster.pk)
    assert (changed.json()["content_structure"], changed.json()["approved_version"]) == (
        "guide",
        None,
    )
    assert (cleared.json()["version"], cleared.json()["cluster"]) == (3, None)
    assert (nothing.status_code, nothing.json()["version"]) == (200, 3)
    assert sorted(ContentVersion.unscoped.values_list("version", flat=True)) == [2, 3]


def test_an_edit_of_an_old_version_says_which_one_is_stored(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(cluster.sector)
    path = f"contents/{article.pk}/"
    editor.patch(path, {"version": 1, "title": "First"})

    late = editor.patch(path, {"version": 1, "title": "Second"})
    missing = editor.patch(path, {"title": "Third"})

    assert (late.status_code, late.json()["code"]) == (409, "version_conflict")
    assert late.json()["data"] == {"version": 2}
    assert (missing.status_code, list(missing.json()["errors"])) == (422, ["version"])
    assert stored(article.pk).title == "First"


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_editors_at_once_one_wins() -> None:
    account = make.account()
    article = make_content.article(make_planning.sector(account))
    callers = [api(account) for _ in range(4)]
    start = threading.Barrier(len(callers), timeout=30)
    answers: list[Any] = []

    def edit(caller: Api, number: int) -> None:
        start.wait()
        body = {"version": 1, "title": f"Title {number}"}
        answers.append(caller.patch(f"contents/{article.pk}/", body))
        connection.close()

    threads = [
        threading.Thread(target=edit, args=(caller, number))
        for number, caller in enumerate(callers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    won = [answer.json() for answer in answers if answer.status_code == 200]
    lost = [answer.json() for answer in answers if answer.status_code == 409]
    assert (len(won), len(lost)) == (1, 3)
    assert {(loser["code"], loser["data"]["version"]) for loser in lost} == {
        ("version_conflict", 2)
    }
    assert (stored(article.pk).title, stored(article.pk).version) == (won[0]["title"], 2)
    assert ContentVersion.unscoped.count() == 1


def test_html_takes_the_place_of_blocks(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(
        cluster.sector, provenance={"origin": "model", "blocks": {"b1": {"origin": "model"}}}
    )

    answer = editor.patch(f"contents/{article.pk}/", {"version": 1, "html": "<p>New text.</p>"})

    found = answer.json()
    assert (found["blocks"], found["html"], found["word_count"]) == ([], "<p>New text.</p>", 2)
    assert found["provenance"]["blocks"] == {}
    assert found["provenance"]["origin"] == "model"
    assert found["provenance"]["html"]["origin"] == "person"


def test_a_taken_slug_is_a_conflict_in_an_edit_too(editor: Api, cluster: Clusters) -> None:
    other = make_content.article(cluster.sector, slug="beds")
    article = make_content.article(cluster.sector)

    answer = editor.patch(f"contents/{article.pk}/", {"version": 1, "slug": "beds"})

    assert (answer.status_code, list(answer.json()["errors"])) == (409, ["slug"])
    assert answer.json()["data"] == {"content_id": other.pk}


# --- versions


def test_versions_are_listed_shown_and_brought_back(editor: Api, cluster: Clusters) -> None:
    made = editor.post(
        "contents/", {"sector": cluster.sector_id, "title": "Old", "blocks": BLOCKS}
    ).json()
    editor.patch(f"contents/{made['id']}/", {"version": 1, "title": "New", "blocks": BLOCKS[:1]})
    make_content.article(cluster.sector)

    listed = editor.get("content-versions/", content=made["id"]).json()["results"]
    old = editor.get(f"content-versions/{listed[1]['id']}/").json()
    late = editor.post(f"content-versions/{listed[1]['id']}/restore/", {"version": 1})
    back = editor.post(f"content-versions/{listed[1]['id']}/restore/", {"version": 2})

    assert [(row["version"], row["title"]) for row in listed] == [(2, "New"), (1, "Old")]
    assert "html" not in listed[0]
    assert (old["html"], old["blocks"]) == (made["html"], made["blocks"])
    assert old["fields_kept"]["slug"] == "old"
    assert (late.status_code, late.json()["data"]) == (409, {"version": 2})
    assert (back.json()["version"], back.json()["title"], back.json()["slug"]) == (3, "Old", "old")
    assert back.json()["html"] == made["html"]


def test_versions_of_a_deleted_article_are_hidden(editor: Api, cluster: Clusters) -> None:
    made = editor.post("contents/", {"sector": cluster.sector_id, "title": "Old"}).json()
    (version,) = editor.ids("content-versions/")

    editor.delete(f"contents/{made['id']}/")

    assert editor.ids("content-versions/") == []
    assert editor.get(f"content-versions/{version}/").status_code == 404
    restored = editor.post(f"content-versions/{version}/restore/", {"version": 1})
    assert restored.status_code == 404


# --- reviewed


def test_an_article_goes_through_review(editor: Api, cluster: Clusters) -> None:
    article = make_content.fit_article(cluster.sector)
    path = f"contents/{article.pk}/"

    submitted = editor.post(f"{path}submit-for-review/")
    back = editor.post(f"{path}send-back/", {"note": "Too long."})
    editor.post(f"{path}submit-for-review/")
    stale = editor.post(f"{path}approve/", {"version": 2})
    approved = editor.post(f"{path}approve/", {"version": 1})

    assert submitted.json()["status"] == "review"
    assert (back.json()["status"], back.json()["review_note"]) == ("draft", "Too long.")
    assert (stale.status_code, stale.json()["data"]) == (409, {"version": 1})
    assert (approved.json()["approved_version"], approved.json()["status"]) == (1, "review")
    assert approved.json()["approved_by_id"] == stored(article.pk).approved_by_id


def test_a_published_article_is_taken_down(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(cluster.sector, status=ContentStatus.PUBLISHED)

    answer = editor.post(f"contents/{article.pk}/take-down/", {"note": "Wrong price."})
    again = editor.post(f"contents/{article.pk}/take-down/")

    assert (answer.json()["status"], answer.json()["review_note"]) == ("review", "Wrong price.")
    assert (again.status_code, again.json()["code"]) == (409, "transition_not_allowed")


@pytest.mark.parametrize(
    ("status", "step", "code"),
    [
        ("review", "submit-for-review", "transition_not_allowed"),
        ("published", "submit-for-review", "transition_not_allowed"),
        ("draft", "approve", "not_approved"),
        ("published", "approve", "not_approved"),
        ("draft", "send-back", "transition_not_allowed"),
        ("published", "send-back", "transition_not_allowed"),
        ("draft", "take-down", "transition_not_allowed"),
        ("review", "take-down", "transition_not_allowed"),
    ],
)
def test_steps_that_the_lifecycle_has_not(
    status: str, step: str, code: str, editor: Api, cluster: Clusters
) -> None:
    article = make_content.article(cluster.sector, status=ContentStatus(status))

    answer = editor.post(f"contents/{article.pk}/{step}/", {"note": "No."})

    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert stored(article.pk).status == status


def test_what_has_no_text_is_not_ready(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(cluster.sector, html="")

    one = editor.post(f"contents/{article.pk}/submit-for-review/")
    several = editor.post("contents/bulk-submit-for-review/", {"ids": [article.pk]})

    for answer in (one, several):
        assert (answer.status_code, answer.json()["errors"]) == (422, {"html": ["is missing"]})
        assert answer.json()["data"] == {"content_id": article.pk}


def test_reviews_in_bulk_are_all_or_none(editor: Api, cluster: Clusters) -> None:
    drafts = [make_content.fit_article(cluster.sector).pk for _ in range(2)]
    live = make_content.article(cluster.sector, status=ContentStatus.PUBLISHED).pk
    gone = make_content.article(cluster.sector, deleted_at=NOW).pk
    verbs = ("submit-for-review", "approve", "send-back")
    note = {"note": "Again."}

    refused = [
        editor.post(f"contents/bulk-{verb}/", {"ids": [*drafts, other], **note}).status_code
        for verb in verbs
        for other in (live, gone)
    ]
    before = {stored(pk).status for pk in drafts}
    counts = [
        editor.post(f"contents/bulk-{verb}/", {"ids": drafts, **note}).json()
        for verb in ("submit-for-review", "submit-for-review", "approve", "approve", "send-back")
    ]

    assert refused == [409, 404, 409, 404, 409, 404]
    assert before == {"draft"}
    assert counts == [{"changed": n} for n in (2, 0, 2, 0, 2)]
    assert {(stored(pk).status, stored(pk).review_note) for pk in drafts} == {("draft", "Again.")}


def test_a_reason_is_a_reason(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(cluster.sector, status=ContentStatus.REVIEW)

    for body in ({}, {"note": " "}, {"note": "x" * 2_001}):
        answer = editor.post(f"contents/{article.pk}/send-back/", body)
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["note"])
    assert stored(article.pk).status == "review"


# --- categories and tags


def test_an_article_gets_exactly_the_taxonomies_that_are_named(
    editor: Api, cluster: Clusters
) -> None:
    article = make_content.article(cluster.sector)
    a, b, c = (category(cluster, name) for name in ("a", "b", "c"))
    path = f"contents/{article.pk}/set-taxonomies/"

    first = editor.post(path, {"taxonomies": [b.pk, a.pk]})
    (kept,) = ContentTaxonomyLink.unscoped.filter(taxonomy=a).values_list("pk", flat=True)
    second = editor.post(path, {"taxonomies": [a.pk, c.pk]})
    (same,) = ContentTaxonomyLink.unscoped.filter(taxonomy=a).values_list("pk", flat=True)
    none = editor.post(path, {"taxonomies": []})

    assert [row["id"] for row in first.json()] == [a.pk, b.pk]
    assert [row["id"] for row in second.json()] == [a.pk, c.pk]
    assert same == kept
    assert (none.json(), ContentTaxonomyLink.unscoped.count()) == ([], 0)
    assert stored(article.pk).version == 1


def test_taxonomies_of_elsewhere_do_not_fit(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(cluster.sector)
    other_site = category(make_planning.cluster(make_planning.sector(editor.account)))
    theirs = category(make_planning.cluster(make_planning.sector()))
    path = f"contents/{article.pk}/set-taxonomies/"

    astray = editor.post(path, {"taxonomies": [other_site.pk]})
    foreign = editor.post(path, {"taxonomies": [theirs.pk]})

    assert (astray.status_code, list(astray.json()["errors"])) == (422, ["taxonomies"])
    assert foreign.status_code == 404
    assert not ContentTaxonomyLink.unscoped.exists()
