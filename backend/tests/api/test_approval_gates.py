"""Approval through the API: gates that refuse are named, overrides and their reasons are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.content.models import Content
from tests.api.callers import Api, api
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(make_billing.account_with(100))


@pytest.fixture
def editor(sector: Sector) -> Api:
    return api(sector.account)


def test_refusals_name_each_gate_and_a_reason_overrides_soft_ones(
    editor: Api, sector: Sector
) -> None:
    soft = make_content.fit_article(sector, word_count=299, meta_title="Sofa")
    hard = make_content.machine_article(sector, word_count=99)
    for row in (soft, hard):
        editor.post(f"contents/{row.pk}/submit-for-review/")

    unread = editor.post(f"contents/{soft.pk}/approve/", {"version": 1})
    stopped = editor.post(f"contents/{hard.pk}/approve/", {"version": 1, "reason": "I like it."})
    passed = editor.post(f"contents/{soft.pk}/approve/", {"version": 1, "reason": "An entry."})
    shown = editor.get(f"contents/{soft.pk}/verdicts/").json()["verdicts"]

    assert (unread.status_code, unread.json()["code"]) == (422, "gates_failed")
    errors = unread.json()["errors"]
    assert errors["hard"] == []
    assert [text.partition(":")[0] for text in errors["soft"]] == ["seo_fields", "word_count"]
    assert "299 words" in errors["soft"][1]
    assert stopped.status_code == 422
    assert [text.partition(":")[0] for text in stopped.json()["errors"]["hard"]] == ["word_count"]
    assert (passed.status_code, passed.json()["approved_version"]) == (200, 1)
    assert [(one["step"], one["outcome"], one["reason"]) for one in shown] == [
        ("approve", "overridden", "An entry."),
        ("submit", "refused", ""),
    ]
    assert [gate["gate"] for gate in shown[0]["failed"]] == ["seo_fields", "word_count"]
    assert shown[0]["decided_by_id"] == passed.json()["approved_by_id"]
    assert Content.unscoped.get(pk=hard.pk).approved_version is None


def test_several_share_a_reason(editor: Api, sector: Sector) -> None:
    rows = [
        make_content.fit_article(sector, status="review", word_count=count) for count in (299, 300)
    ]
    ids = [row.pk for row in rows]

    refused = editor.post("contents/bulk-approve/", {"ids": ids})
    passed = editor.post("contents/bulk-approve/", {"ids": ids, "reason": "Entries."})

    assert (refused.status_code, refused.json()["data"]["content_id"]) == (422, rows[0].pk)
    assert passed.json() == {"changed": 2}


def test_verdicts_of_another_account_are_not_found(sector: Sector) -> None:
    row = make_content.fit_article(sector)

    stranger = api(make_billing.account_with(1))

    assert stranger.get(f"contents/{row.pk}/verdicts/").status_code == 404
