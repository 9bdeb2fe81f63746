"""Scores of stored articles: what they are measured against, kept, shown in lists, made again."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentScore,
    SitePage,
)
from igny8_core.business.content.services import score_content as module
from igny8_core.business.content.services.editing import ContentChanges, edit_content
from igny8_core.business.content.services.gather_target import gather_scorable
from igny8_core.business.content.services.score_content import (
    measure_content,
    rescore,
    score_content,
)
from igny8_core.business.content.services.scoring_target import TargetAttribute, TargetKeyword
from igny8_core.business.content.services.scoring_total import score_page
from igny8_core.business.planning.models import Keywords
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import content as make_content
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.business.content.services.gather_target import Scorable
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

HTML = "<p>A salon chair is a long decision. Measure first, then choose.</p><h2>Barber chair</h2>"


@pytest.fixture
def cluster() -> Clusters:
    return make_content.cluster(make.account(), "salon chair", "barber chair", "styling chair")


def article(cluster: Clusters, **fields: Any) -> Content:
    fields.setdefault("primary_keyword", "salon chair")
    fields.setdefault("html", HTML)
    return make_content.article(cluster.sector, cluster=cluster, **fields)


def gathered(content: Content) -> Scorable:
    with tenant(content.account_id, read_only=True):
        return gather_scorable(account=content.account, content_id=content.pk)


def scored(content: Content, **fields: Any) -> ContentScore:
    fields.setdefault("now", NOW)
    with tenant(content.account_id):
        return score_content(account=content.account, content_id=content.pk, **fields)


def test_the_target_is_what_is_known_of_the_article(cluster: Clusters) -> None:
    Keywords.unscoped.filter(keyword="barber chair").update(volume=900, volume_kind="exact")
    Keywords.unscoped.filter(keyword="styling chair").update(is_disabled=True)
    task = make_content.writing_task(cluster, target_word_count=700)
    hub = article(cluster, primary_keyword="chairs")
    ContentClusterMap.unscoped.create(content=hub, cluster=cluster, role="hub")
    row = article(cluster, task=task, html=f'{HTML}<p><a href="#content-{hub.pk}">x</a></p>')
    ContentClusterMap.unscoped.create(content=row, cluster=cluster, role="supporting")
    owners: list[tuple[str, Any, str]] = [
        ("content", row, "80"),
        ("task", task, "90"),
        ("cluster", cluster, "100"),
    ]
    for relation, owner, value in owners:
        ContentAttribute.unscoped.create(
            **{relation: owner}, attribute_type="product_spec", name="Width", value=value, unit="cm"
        )
    article(cluster, primary_keyword="Salon Chair", deleted_at=NOW)
    article(cluster, primary_keyword="Salon Chair")
    SitePage.unscoped.create(
        account=row.account, site=row.site, url="https://x.test/a", url_hash="a",
        focus_keyword="salon chair", source="wxr", last_seen_at=NOW,
    )  # fmt: skip

    found = gathered(row).target

    assert (found.primary, found.keywords) == ("salon chair", (TargetKeyword("barber chair", 900),))
    assert found.attributes == (TargetAttribute("product_spec", "Width", "80", "cm"),)
    assert (found.role, found.target_words, found.content_type) == ("supporting", 700, "post")
    assert (found.hub_ids, found.known_ids, found.same_keyphrase) == ((hub.pk,), (hub.pk,), 2)


def test_the_primary_keyword_is_the_most_searched_unless_it_is_named(cluster: Clusters) -> None:
    Keywords.unscoped.filter(keyword="barber chair").update(volume=900, volume_kind="exact")
    task = make_content.writing_task(cluster, keywords="styling chair\nbarber chair")

    assert gathered(article(cluster, primary_keyword="")).target.primary == "barber chair"
    assert gathered(article(cluster, primary_keyword="", task=task)).target.primary == (
        "styling chair"
    )


def test_an_article_is_measured_on_its_page_and_a_hub_on_the_heads_too(cluster: Clusters) -> None:
    pages = {"salon chair": (0, 0), "barber chair": (0, 1), "styling chair": (1, 0)}
    for keyword, (page, place) in pages.items():
        Keywords.unscoped.filter(keyword=keyword).update(page=page, page_place=place)
    row, hub = article(cluster), article(cluster)
    ContentClusterMap.unscoped.create(content=hub, cluster=cluster, role="hub")

    assert [k.text for k in gathered(row).target.keywords] == ["barber chair"]
    assert [k.text for k in gathered(hub).target.keywords] == ["barber chair", "styling chair"]


def test_outside_of_a_cluster_the_article_names_its_keywords(cluster: Clusters) -> None:
    row = make_content.article(
        cluster.sector, primary_keyword="sofa", secondary_keywords=["corner sofa"], html=HTML
    )

    found = gathered(row).target

    assert (found.primary, found.keywords) == ("sofa", (TargetKeyword("corner sofa"),))
    assert (found.hub_ids, found.role) == ((), "")


def test_images_that_are_made_count(cluster: Clusters) -> None:
    row = article(cluster)
    make_content.image(row, alt="Waits")
    make_content.image(
        row,
        alt="Made",
        position=1,
        status="generated",
        path="x.png",
        width=1,
        height=1,
        variants=[{"path": "x.png", "width": 1, "height": 1, "format": "png"}],
    )

    assert [image.alt for image in gathered(row).page.images] == ["Made"]


def test_a_score_is_kept_once_for_a_text_and_a_target(cluster: Clusters) -> None:
    row = article(cluster)

    first = scored(row)
    again = scored(row, now=NOW + timedelta(hours=1))
    row.refresh_from_db()

    assert again.pk == first.pk
    assert ContentScore.unscoped.get().scored_at == NOW + timedelta(hours=1)
    assert first.score is not None
    assert (row.score, row.scored_version) == (first.score, 1)
    assert row.scored_at == NOW + timedelta(hours=1)
    assert first.earned == sum(
        check["earned"] for check in first.checks if check["state"] != "not_applicable"
    )
    assert first.target["primary"] == "salon chair"


def test_another_text_and_another_target_are_other_scores(cluster: Clusters) -> None:
    row = article(cluster)
    first = scored(row)
    Content.unscoped.filter(pk=row.pk).update(html=f"{HTML}<p>More.</p>", version=2)
    second = scored(row)
    Keywords.unscoped.filter(keyword="styling chair").update(is_disabled=True)
    third = scored(row)

    assert first.content_hash != second.content_hash == third.content_hash
    assert first.target_hash == second.target_hash != third.target_hash
    assert [first.version, second.version] == [1, 2]
    assert ContentScore.unscoped.count() == 3


def test_what_cannot_be_scored_has_a_reason(cluster: Clusters) -> None:
    row = article(cluster, html="<p>Short.</p>")

    found = scored(row)
    row.refresh_from_db()

    assert (found.score, found.reason) == (None, "too_short")
    assert (row.score, row.scored_version, row.scored_at) == (None, 1, NOW)


def test_a_score_without_a_reason_is_no_row(cluster: Clusters) -> None:
    row = article(cluster)
    columns = {"content": row, "account": row.account, "version": 1, "scorer_version": "1",
               "content_hash": "a", "target_hash": "b", "scored_at": NOW}  # fmt: skip

    for wrong in ({"score": None}, {"score": 101, "max": 5}, {"score": 1, "earned": 6, "max": 5}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ContentScore.unscoped.create(**columns, **wrong)


def test_old_scores_of_an_article_go(cluster: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    row = article(cluster)
    for number in range(4):
        Content.unscoped.filter(pk=row.pk).update(meta_title=f"Title {number}")
        last = scored(row, now=NOW + timedelta(minutes=number))

    kept = ContentScore.unscoped.order_by("scored_at")

    assert [score.scored_at.minute for score in kept] == [2, 3]
    assert kept[1].pk == last.pk


def test_an_article_that_changed_meanwhile_keeps_its_figure(cluster: Clusters) -> None:
    row = article(cluster)
    with tenant(row.account_id):
        found, score = measure_content(account=row.account, content_id=row.pk)
        Content.unscoped.filter(pk=row.pk).update(version=2)
        module.keep_score(account=row.account, scorable=found, score=score, now=NOW)
    row.refresh_from_db()

    assert (row.score, row.scored_version) == (None, None)


def test_the_sweep_scores_changed_texts_then_old_scores(cluster: Clusters) -> None:
    fresh, edited, old = article(cluster), article(cluster), article(cluster)
    deleted = article(cluster, deleted_at=NOW)
    stranger = article(make_content.cluster(make.account(), "sofa"))
    for row in (edited, old):
        scored(row)
    with tenant(edited.account_id):
        edit_content(
            account=edited.account,
            content_id=edited.pk,
            version=1,
            changes=ContentChanges(html=f"{HTML}<p>New.</p>"),
            now=NOW,
        )
    day = NOW + timedelta(days=1)

    first = rescore(now=NOW + timedelta(hours=1))
    nothing = rescore(now=NOW + timedelta(hours=1))
    Content.unscoped.filter(pk=stranger.pk).update(scored_at=day)
    later = rescore(now=day, limit=1)

    assert (first, nothing, later) == (3, 0, 1)
    for row in (fresh, edited, old, deleted, stranger):
        row.refresh_from_db()
    assert (fresh.scored_version, edited.scored_version, stranger.scored_version) == (1, 2, 1)
    assert old.scored_at == day
    assert deleted.scored_at is None
    assert edited.updated_at < NOW + timedelta(minutes=1) or edited.scored_at is not None


def test_one_broken_article_stops_nobody(
    cluster: Clusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, fine = article(cluster), article(cluster)
    real = score_page

    def score_or_fail(page: Any, target: Any) -> Any:
        if page.slug == broken.slug:
            raise RuntimeError("a bug")
        return real(page, target)

    monkeypatch.setattr(module, "score_page", score_or_fail)

    with pytest.raises(RuntimeError, match="a bug"):
        rescore(now=NOW)

    fine.refresh_from_db()
    assert fine.scored_version == 1


def test_the_command_scores_everything_in_batches(cluster: Clusters) -> None:
    for _ in range(3):
        article(cluster)
    said = StringIO()

    call_command("rescore", batch=2, stdout=said)
    call_command("rescore", limit=5, stdout=said)

    assert said.getvalue() == "3 articles scored\n0 articles scored\n"


def test_of_a_deleted_article_there_is_no_score(cluster: Clusters) -> None:
    row = article(cluster, deleted_at=NOW)

    with pytest.raises(NotFound):
        scored(row)

    assert not ContentScore.unscoped.exists()
