"""Pages that were imported, as the guard sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.models import ProviderSetting
from igny8_core.business.content.models import SitePage
from igny8_core.business.content.services import guard_ideas
from igny8_core.business.content.services.guard_ideas import check_ideas, wording_models
from igny8_core.business.content.services.imported_pages import imported_pages
from igny8_core.common.tenancy.context import tenant
from igny8_core.common.url_keys import url_key
from tests.business.planning.guard.pairs import HELD_OUT, TUNED_ON, Pair
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector
    from igny8_core.business.planning.services.overlap_guard import PageText

pytestmark = pytest.mark.django_db

HOST = "https://shop.example.com"
RECALL, PRECISION = 0.9, 0.8


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def page(sector: Sector, path: str, title: str = "", **fields: Any) -> SitePage:
    key = url_key(HOST + path)
    assert key is not None
    fields.setdefault("source", "crawl")
    return SitePage.unscoped.create(
        account=sector.account, site=sector.site, url=HOST + path, url_hash=key.digest,
        title=title, last_seen_at=NOW, **fields,
    )  # fmt: skip


def seen(sector: Sector, known: tuple[str, ...] = ()) -> list[PageText]:
    with tenant(sector.account_id):
        return imported_pages(account=sector.account, site_id=sector.site_id, known=known)


def test_a_page_is_known_by_its_title_its_keyword_and_its_address(sector: Sector) -> None:
    row = page(sector, "/guides/grey-sofas.html", "Grey Sofas", focus_keyword="grey sofa")

    (found,) = seen(sector)

    assert (found.kind, found.pk, found.url) == ("page", row.pk, f"{HOST}/guides/grey-sofas.html")
    assert (found.title, found.keyword, found.slug) == ("Grey Sofas", "grey sofa", "grey-sofas")


def test_without_a_title_the_heading_or_the_address_says_it(sector: Sector) -> None:
    page(sector, "/p/4711", h1="Grey sofas")
    page(sector, "/corner-sofas/")
    page(sector, "/p/4712")  # says nothing

    assert [(p.title, p.slug) for p in seen(sector)] == [("", "corner-sofas"), ("Grey sofas", "")]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/", {}),
        ("/tag/sofas/", {}),
        ("/author/jane/", {}),
        ("/blog/page/2/", {}),
        ("/2024/05/", {}),
        ("/search/sofa", {}),
        ("/feed/", {}),
        ("/sofas", {"is_indexable": False}),
        ("/sofas", {"is_canonical": False, "canonical_url": f"{HOST}/all"}),
        ("/sofas", {"status_code": 404}),
    ],
)
def test_what_no_search_finds_does_not_count(sector: Sector, path: str, fields: Any) -> None:
    page(sector, path, "Sofas", **fields)

    assert seen(sector) == []


@pytest.mark.parametrize("path", ["/2024/05/my-sofa", "/category/sofas", "/tags-for-sofas"])
def test_a_post_below_a_date_counts(sector: Sector, path: str) -> None:
    page(sector, path, "Sofas", is_indexable=True, status_code=200)

    assert len(seen(sector)) == 1


def test_an_article_stands_for_its_own_page(sector: Sector) -> None:
    page(sector, "/grey-sofas", "Grey sofas", content=make_content.article(sector))
    page(sector, "/beds", "Beds")

    assert seen(sector, (f"{HOST}/beds/",)) == []


def test_the_sites_name_is_no_part_of_a_title(sector: Sector) -> None:
    for number, name in enumerate(("Grey Sofas", "Beds", "Chairs")):
        page(sector, f"/{number}x", f"Acme Home | {name}")
    page(sector, "/only", "Acme Home")

    assert [p.title for p in seen(sector)] == ["Acme Home", "Chairs", "Beds", "Grey Sofas"]


def test_ideas_are_held_against_imported_pages_too(sector: Sector) -> None:
    known = page(sector, "/grey-sofas", "Grey Sofas")
    cluster = make_planning.cluster(sector)
    idea = make_planning.idea(cluster, title="Grey sofa", target_keyword="grey sofa")

    check_ideas(account=sector.account, site=sector.site, now=NOW)

    idea.refresh_from_db()
    assert (idea.overlap, idea.overlap_matches[0]["id"]) == ("skip", known.pk)
    assert idea.overlap_reason == (
        "Served already by a page of the site, “Grey Sofas”: the same topic in other words. "
        "There is nothing left to write."
    )


@pytest.mark.parametrize("source", ["crawl", "sitemap"])
@pytest.mark.parametrize("pairs", [TUNED_ON, HELD_OUT], ids=["tuned on", "held out"])
def test_the_labelled_pairs_hold_when_the_other_page_was_imported(
    sector: Sector, pairs: list[Pair], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pair by itself: its second page is an address, and of a crawl a title with the name of
    the site behind it.
    """
    cluster = make_planning.cluster(sector)
    rows = []
    for number, pair in enumerate(pairs):
        keyword, title = pair.other
        words = (keyword or title).lower().replace(" ", "-")
        shown = f"{title or keyword} | Acme Home" if source == "crawl" else ""
        rows.append(page(sector, f"/{number}/{words}/", shown, source=source))
    pages = {found.pk: found for found in seen(sector)}
    held: list[tuple[bool, bool]] = []
    for pair, row in zip(pairs, rows, strict=True):
        keyword, title = pair.one
        idea = make_planning.idea(cluster, title=title or keyword, target_keyword=keyword or title)
        only = [pages[row.pk]]
        monkeypatch.setattr(guard_ideas, "imported_pages", lambda only=only, **_kwargs: only)
        (judged,) = check_ideas(
            account=sector.account, site=sector.site, idea_ids=[idea.pk], now=NOW
        )
        held.append((pair.is_duplicate, judged.is_blocked))
        idea.delete()

    hits = sum(truth and found for truth, found in held)
    recall = hits / sum(truth for truth, _ in held)
    precision = hits / sum(found for _, found in held)
    print(f"{len(pairs)} pairs: recall {recall:.3f}, precision {precision:.3f}")  # noqa: T201 - with -s
    assert (recall >= RECALL, precision >= PRECISION) == (True, True)


# --- the models that word ideas


def test_an_account_s_own_model_words_its_ideas_and_the_demo_model_none(
    sector: Sector, settings: Any
) -> None:
    settings.LOCAL_MODEL_URL = "http://127.0.0.1:9"
    demo = wording_models(sector.account)
    ProviderSetting.unscoped.create(
        account=sector.account, provider="openai_compatible", model="tiny",
        base_url="http://127.0.0.1:9/v1",
    )  # fmt: skip
    own = wording_models(sector.account)

    assert demo == []
    assert [model.capabilities.is_demo for model in own] == [False]
