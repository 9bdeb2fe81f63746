from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from igny8_core.business.content import selectors
from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.models import Content, ContentVersion
from igny8_core.business.content.services.editing import (
    ContentChanges,
    edit_content,
    restore_version,
)
from igny8_core.business.content.services.versions import keep_version
from igny8_core.business.content.states import VersionReason
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import BLOCKS, NOW

pytestmark = pytest.mark.django_db


def article(**fields: Any) -> Content:
    fields.setdefault(
        "provenance",
        {
            "origin": "model",
            "blocks": {
                "b1": {"origin": "model"},
                "b2": {"origin": "rules"},
                "b3": {"origin": "rules"},
            },
        },
    )
    row = make_content.article(make_planning.sector(), **fields)
    keep_version(row, reason=VersionReason.GENERATED)
    return row


def edit(row: Content, version: int = 1, **changes: Any) -> Content:
    return edit_content(
        account=row.account,
        content_id=row.pk,
        version=version,
        changes=ContentChanges(**changes),
        user_id=7,
        now=NOW,
    )


def test_an_edit_is_the_next_version_with_its_text_measured_and_its_origin_noted() -> None:
    row = article(approved_version=1, approved_at=NOW)
    changed = [BLOCKS[0], {**BLOCKS[2], "text": "Walk <b>twice</b>."}]
    new = {"id": "x1", "type": "list", "items": ["Wool", "Linen"]}

    edited = edit(row, title="  New   title ", blocks=[*changed, new])

    assert (edited.version, edited.title, edited.word_count) == (2, "New title", 14)
    assert edited.html == (
        "<p>A sofa is a long decision. Measure first.</p>\n"
        "<p>Walk &lt;b&gt;twice&lt;/b&gt;.</p>\n"
        "<ul><li>Wool</li><li>Linen</li></ul>"
    )
    assert edited.provenance["blocks"] == {
        "b1": {"origin": "model"},
        "b3": {"origin": "rules", "person_edited": True, "by": 7},
        "x1": {"origin": "person", "by": 7},
    }
    assert (edited.approved_version, edited.revised_at) == (None, NOW)
    with tenant(row.account_id):
        kept = list(selectors.content_versions(account=row.account, content=row))
    assert [(v.version, v.reason, v.editor_id) for v in kept] == [
        (2, "edited", 7),
        (1, "generated", None),
    ]


def test_an_edit_of_an_old_version_is_refused_whole() -> None:
    row = article()
    edit(row, title="First")

    with pytest.raises(VersionConflict) as refused:
        edit(row, title="Second")

    assert refused.value.data == {"version": 2}
    row.refresh_from_db()
    assert (row.title, row.version) == ("First", 2)
    assert ContentVersion.unscoped.filter(content=row).count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"slug": "x" * 76}, "slug"),
        ({"meta_description": "x" * 501}, "meta_description"),
        ({"blocks": [{"type": "script"}]}, "blocks"),
    ],
)
def test_what_cannot_be_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    row = article()

    with pytest.raises(InvalidInput) as refused:
        edit(row, **changes)

    assert field in refused.value.data
    row.refresh_from_db()
    assert row.version == 1


def test_a_slug_is_taken_only_on_its_own_site() -> None:
    row = article()
    other = make_content.article(row.sector, slug="beds")
    make_content.article(make_planning.sector(row.account), slug="chairs")

    with pytest.raises(Conflict) as refused:
        edit(row, slug="beds")

    assert refused.value.data["content_id"] == other.pk
    assert edit(row, slug="chairs").slug == "chairs"
    assert edit(row, version=2, slug="chairs").version == 3


def test_an_older_version_comes_back_as_a_new_one_with_the_slug_of_today() -> None:
    row = article(title="Old", meta_title="Old meta")
    edit(row, title="New", meta_title="New meta", slug="new-slug", blocks=[BLOCKS[0]])

    restored = restore_version(
        account=row.account, content_id=row.pk, version=2, restored=1, user_id=7, now=NOW
    )

    assert (restored.version, restored.title, restored.slug) == (3, "Old", "new-slug")
    assert restored.meta_title == "Old meta"
    assert restored.blocks == row.blocks
    assert restored.html == row.html
    assert restored.provenance["restored_from"] == 1
    with pytest.raises(NotFound):
        restore_version(account=row.account, content_id=row.pk, version=3, restored=9, now=NOW)
    with pytest.raises(VersionConflict):
        restore_version(account=row.account, content_id=row.pk, version=2, restored=1, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_of_two_editors_one_wins() -> None:
    row = article()
    start = threading.Barrier(2, timeout=30)
    results: list[Any] = []

    def save(title: str) -> None:
        start.wait()
        try:
            results.append(edit(row, title=title))
        except VersionConflict as exc:
            results.append(exc)
        finally:
            connection.close()

    editors = [threading.Thread(target=save, args=(title,)) for title in ("One", "Two")]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()

    won = [result for result in results if isinstance(result, Content)]
    assert len(results) == 2
    assert len(won) == 1
    row.refresh_from_db()
    assert (row.version, row.title) == (2, won[0].title)
