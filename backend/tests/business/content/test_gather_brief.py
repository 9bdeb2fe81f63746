from __future__ import annotations

from typing import Any

import pytest

from igny8_core.business.content.models import Content, ContentAttribute, ContentClusterMap, Tasks
from igny8_core.business.content.services.gather_brief import Assignment, gather_assignment
from igny8_core.business.content.states import TaskStatus
from igny8_core.business.planning.models import ContentIdeaKeyword
from igny8_core.common.errors import NotFound
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

pytestmark = pytest.mark.django_db

OUTLINE: list[dict[str, Any]] = [
    {"heading": "The Basics", "keywords": []},
    {"heading": "Barber Chair", "keywords": ["barber chair"]},
    {"heading": "Frequently Asked Questions", "keywords": [], "questions": ["Is it heavy?"]},
]


def gather(task: Tasks, *, is_demo: bool = False) -> Assignment:
    found = gather_assignment(account=task.account, writing_task_id=task.pk, is_demo=is_demo)
    assert isinstance(found, Assignment)
    return found


def test_the_idea_brings_volumes_headings_and_questions() -> None:
    cluster = make_planning.cluster(make_planning.sector(), "chairs")
    sector = cluster.sector
    rows = [
        make_planning.keyword(sector, "salon chair", cluster=cluster, volume=90),
        make_planning.keyword(sector, "barber chair", cluster=cluster, volume=700),
    ]
    make_planning.keyword(sector, "stool", cluster=cluster)
    idea = make_planning.idea(cluster, outline=OUTLINE)
    for row in rows:
        ContentIdeaKeyword.unscoped.create(idea=idea, keyword=row)
    task = make_content.writing_task(cluster, idea=idea, keywords="salon chair\nextra words")

    brief = gather(task).brief

    assert [(k.text, k.volume) for k in brief.keywords] == [
        ("salon chair", 90),
        ("barber chair", 700),
        ("extra words", None),
    ]
    assert brief.questions == ("Is it heavy?",)
    assert brief.planned_headings == (("The Basics", ""), ("Barber Chair", "barber chair"))
    assert (brief.cluster_name, brief.target_words) == ("chairs", 500)


def test_the_demo_model_writes_less_in_english_and_by_our_own_outline() -> None:
    cluster = make_content.cluster(make_content.rich_account(), language="de")
    idea = make_planning.idea(cluster, outline=OUTLINE)
    task = make_content.writing_task(cluster, idea=idea, target_word_count=2_000)

    brief = gather(task, is_demo=True).brief

    assert (brief.language, brief.target_words, brief.planned_headings) == ("en", 520, ())
    assert gather(task).brief.language == "de"


def test_a_task_without_an_idea_takes_the_clusters_keywords() -> None:
    cluster = make_content.cluster(make_content.rich_account())
    make_planning.keyword(cluster.sector, "off", cluster=cluster, is_disabled=True)
    task = make_content.writing_task(cluster, keywords="")

    brief = gather(task).brief

    assert {k.text for k in brief.keywords} == set(make_content.KEYWORDS)


def test_a_deleted_idea_leaves_the_task_on_its_own() -> None:
    cluster = make_content.cluster(make_content.rich_account())
    idea = make_planning.idea(cluster, outline=OUTLINE)
    task = make_content.writing_task(cluster, idea=idea)
    idea.soft_delete(now=NOW)

    assert gather(task).brief.planned_headings == ()


def test_attributes_of_the_task_come_before_those_of_the_cluster() -> None:
    cluster = make_content.cluster(make_content.rich_account())
    task = make_content.writing_task(cluster)
    for value, owner in (("90", {"cluster": cluster}), ("80", {"task": task})):
        ContentAttribute.unscoped.create(
            attribute_type="product_spec", name="Width", value=value, unit="cm", **owner
        )

    assert gather(task).brief.attributes == (("Width", "80 cm"),)


def test_link_candidates_are_articles_of_the_sector_nearest_first() -> None:
    cluster = make_content.cluster(make_content.rich_account())
    sector = cluster.sector
    other = make_planning.cluster(sector)
    far = make_content.article(sector, cluster=other, primary_keyword="bed")
    near = make_content.article(sector, cluster=cluster, primary_keyword="chair")
    ContentClusterMap.unscoped.create(content=far, cluster=other, role="hub")
    make_content.article(sector, primary_keyword="")
    make_content.article(sector, primary_keyword="gone", deleted_at=NOW)
    make_content.article(make_planning.sector(sector.account), primary_keyword="elsewhere")

    links = gather(make_content.writing_task(cluster)).brief.links

    assert [(link.content_id, link.role) for link in links] == [(near.pk, ""), (far.pk, "hub")]


def test_a_written_task_is_its_article_and_a_lost_one_is_not_found() -> None:
    cluster = make_content.cluster(make_content.rich_account())
    task = make_content.writing_task(cluster, status=TaskStatus.COMPLETED)

    with pytest.raises(NotFound):
        gather_assignment(account=task.account, writing_task_id=task.pk, is_demo=False)
    written = make_content.article(cluster.sector, task=task)

    found = gather_assignment(account=task.account, writing_task_id=task.pk, is_demo=False)
    assert isinstance(found, Content)
    assert found.pk == written.pk
