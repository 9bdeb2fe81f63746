"""The gates that look around an article: copies, dead links, pictures, origin, readers, volume."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentVerdict,
    SitePage,
)
from igny8_core.business.content.services.content_gates import content_gates
from igny8_core.business.content.services.review import approve_by_rule
from igny8_core.business.content.services.score_content import score_content
from igny8_core.common.url_keys import url_key
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW, own_sentence

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

PASS, SOFT, HARD = "pass", "soft", "hard"


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def said(row: Content, gate: str, **arguments: Any) -> str:
    """Whether a gate lets an article pass, or how it stops it."""
    found = content_gates(account=row.account, content_id=row.pk, **arguments)
    [result] = [one for one in found if one.gate == gate]
    return PASS if result.passed else result.kind


def failed(row: Content) -> dict[str, str]:
    found = content_gates(account=row.account, content_id=row.pk)
    return {one.gate: one.kind for one in found if not one.passed}


def test_what_a_person_or_a_capable_model_wrote_well_passes(sector: Sector) -> None:
    assert failed(make_content.fit_article(sector)) == {}
    assert failed(make_content.machine_article(sector)) == {}


def test_people_answer_for_what_a_machine_may_not_write(sector: Sector) -> None:
    blocks = [{"id": "b1", "type": "paragraph", "text": "Use `tape` [1], and go on"}]
    person = make_content.fit_article(sector, blocks=blocks)
    machine = make_content.machine_article(sector, blocks=blocks)

    names = ("markdown", "complete", "citations", "word_count")
    assert [failed(person)[name] for name in names] == [SOFT] * 4
    assert [failed(machine)[name] for name in names] == [HARD] * 4


def test_harm_is_hard_whoever_wrote_it(sector: Sector) -> None:
    row = make_content.fit_article(sector)
    Content.unscoped.filter(pk=row.pk).update(html="<h1>One</h1><script>x()</script>")

    assert {failed(row)[name] for name in ("clean_html", "headings")} == {HARD}


# --- copies


def copied(number: int, *, of: int = 100) -> list[dict[str, Any]]:
    """A text of sentences, each a paragraph: so many of them stand in :func:`copied` of 100."""
    shared = [own_sentence(900_000 + place) for place in range(number)]
    own = [own_sentence(950_000 + place) for place in range(of - number)]
    return [
        {"id": f"b{place}", "type": "paragraph", "text": text}
        for place, text in enumerate([*shared, *own])
    ]


@pytest.mark.parametrize(
    ("shared", "expected"), [(60, PASS), (61, SOFT), (70, SOFT), (71, HARD), (100, HARD)]
)
def test_a_copy_is_stopped(shared: int, expected: str, sector: Sector) -> None:
    make_content.article(sector, blocks=copied(100))
    row = make_content.article(sector, blocks=copied(shared))

    assert said(row, "unique") == expected


def test_a_person_answers_for_copies_in_the_demo_models_text(sector: Sector) -> None:
    make_content.article(sector, blocks=copied(100))
    row = make_content.machine_article(sector, blocks=copied(100), provenance={"is_demo": True})

    assert said(row, "unique") == SOFT


@pytest.mark.parametrize(("words", "expected"), [(53, PASS), (54, HARD)])  # 49 and 50 sequences
def test_a_text_that_is_too_short_to_tell_is_no_copy(
    words: int, expected: str, sector: Sector
) -> None:
    text = " ".join(f"word{place}" for place in range(words))
    blocks = [{"id": "b1", "type": "paragraph", "text": text}]
    make_content.article(sector, blocks=blocks)

    assert said(make_content.article(sector, blocks=blocks), "unique") == expected


def test_a_text_put_together_from_many_is_a_copy(sector: Sector) -> None:
    whole = copied(100)
    for start in range(0, 100, 10):  # ten articles have a tenth of it each
        make_content.article(sector, blocks=whole[start : start + 10])

    assert said(make_content.article(sector, blocks=whole), "unique") == HARD


def test_copies_elsewhere_are_none(sector: Sector) -> None:
    make_content.article(make_planning.sector(sector.account), blocks=copied(100))
    make_content.article(sector, blocks=copied(100), deleted_at=NOW)

    assert said(make_content.article(sector, blocks=copied(100)), "unique") == PASS


def test_nothing_passes_before_all_articles_are_compared(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, row = (make_content.fit_article(sector) for _ in range(2))
    monkeypatch.setattr("igny8_core.business.content.services.duplicates.REFRESHED_MAX", 0)

    assert said(row, "unique") == SOFT
    for one in (other, row):  # scoring makes them ready, too
        score_content(account=sector.account, content_id=one.pk, now=NOW)
    assert said(row, "unique") == PASS


# --- links that lead nowhere


@pytest.mark.parametrize(("status", "expected"), [(200, PASS), (399, PASS), (400, HARD)])
def test_dead_links(status: int, expected: str, sector: Sector) -> None:
    url = "https://casa.example/old"
    key = url_key(url)
    assert key is not None
    SitePage.unscoped.create(
        account=sector.account, site=sector.site, url=url, url_hash=key.digest,
        status_code=status, source="crawl", last_seen_at=NOW,
    )  # fmt: skip
    link = {"url": url, "anchor": "here", "is_nofollow": False}
    block = {"id": "b1", "type": "paragraph", "text": "Look here.", "links": [link]}

    assert said(make_content.machine_article(sector, blocks=[block]), "dead_links") == expected


# --- pictures


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, PASS),
        ({"alt": "x" * 125}, PASS),
        ({"alt": "Sofa-1.webp"}, SOFT),
        ({"alt": "sofa-1"}, SOFT),
        ({"status": "failed", "error": "No."}, SOFT),
    ],
)
def test_pictures(fields: dict[str, Any], expected: str, sector: Sector) -> None:
    row = make_content.fit_article(sector)
    made = {
        "status": "generated", "path": "1/sofa-1.webp", "width": 8, "height": 8,
        "variants": [{"path": "1/sofa-1.webp"}],
    }  # fmt: skip
    make_content.image(row, **made | fields)

    assert said(row, "images") == expected
    sector.site.settings = {"images": {"on_failure": "block"}}
    sector.site.save()
    assert said(row, "images") == (PASS if expected == PASS else HARD)


# --- where it comes from, and who has read it


def test_of_every_block_of_a_machine_it_is_known_who_made_it(sector: Sector) -> None:
    row = make_content.machine_article(sector)
    assert said(row, "disclosure") == PASS

    blocks = dict(row.provenance["blocks"])
    del blocks["b3"]
    row.provenance |= {"blocks": blocks}
    row.save()
    assert said(row, "disclosure") == HARD
    row.provenance |= {"origin": "person"}
    row.save()
    assert said(row, "disclosure") == PASS


def test_the_demo_models_text_has_to_be_read(sector: Sector) -> None:
    row = make_content.machine_article(sector, provenance={"is_demo": True})

    assert said(row, "demo_model") == HARD
    assert said(row, "demo_model", reader_id=7) == PASS
    row.provenance |= {"reviewed_by": 7}
    row.save()
    assert said(row, "demo_model") == PASS


def test_a_hub_and_its_facts_are_judged_as_such(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "sofas")
    row = make_content.machine_article(sector, cluster=cluster, word_count=751)
    assert said(row, "headings") == PASS
    ContentClusterMap.unscoped.create(content=row, cluster=cluster, role="hub")
    assert said(row, "headings") == SOFT

    ContentAttribute.unscoped.create(
        sector=sector, cluster=cluster, attribute_type="product_spec",
        name="Width", value="190", unit="cm",
    )  # fmt: skip
    block = {"id": "b1", "type": "paragraph", "text": "The width is 2 m."}
    assert said(make_content.machine_article(sector, cluster=cluster, blocks=[block]), "facts") == (
        HARD
    )


# --- how much a machine lets out


@pytest.mark.parametrize(
    ("limits", "hours", "readers", "expected"),
    [
        ({}, [1, 1], [None, None], True),
        ({"posts_a_day": 3}, [1, 1], [None, None], True),
        ({"posts_a_day": 2}, [1, 1], [None, None], False),
        ({"posts_a_day": 2}, [1, 24], [None, None], True),
        ({"posts_a_day": True}, [1, 1], [None, None], True),
        ({"reviewed_percent": 66}, [48, 48], [7, 7], True),
        ({"reviewed_percent": 67}, [48, 48], [7, 7], False),
        ({"reviewed_percent": 1}, [31 * 24, 31 * 24], [7, 7], False),
    ],
)
def test_volume(
    limits: dict[str, Any], hours: list[int], readers: list[int | None], *, expected: bool,
    sector: Sector,
) -> None:  # fmt: skip
    sector.site.settings = {"volume": limits}
    sector.site.save()
    for ago, reader in zip(hours, readers, strict=True):
        make_content.fit_article(
            sector, status="review", approved_version=1,
            approved_at=NOW - timedelta(hours=ago), approved_by_id=reader,
        )  # fmt: skip
    row = make_content.machine_article(sector, status="review")

    approved = approve_by_rule(account=sector.account, content_id=row.pk, now=NOW)

    assert (approved.approved_version == 1) is expected
    verdict = ContentVerdict.unscoped.get()
    assert verdict.outcome == ("passed" if expected else "refused")
    assert [one["gate"] for one in verdict.failed] == ([] if expected else ["volume"])
