"""Pages of a site on their way in: what is known stays, what is newer wins, nothing twice."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from igny8_core.business.content import selectors as content
from igny8_core.business.content.models import (
    Content,
    ContentTaxonomyLink,
    ContentVersion,
    SitePage,
)
from igny8_core.business.integration.errors import PageFileInvalid, PageLeaseLost
from igny8_core.business.integration.models import ContentImport, ContentImportIssue
from igny8_core.business.integration.services import import_pages as module
from igny8_core.business.integration.services.import_pages import (
    analyse_page_file,
    cancel_page_import,
    import_pages,
)
from igny8_core.business.integration.states import PAGE_IMPORT, PageImportStatus
from igny8_core.business.planning.errors import FileTooLarge
from igny8_core.cli import keywords
from igny8_core.cli import pages as command
from igny8_core.common.errors import NotFound, TransitionNotAllowed
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.business.integration.test_page_files import CRAWL, SITEMAP, WXR, item
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(domain="s.example")


def analysed(sector: Sector, data: str, **options: Any) -> ContentImport:
    return analyse_page_file(
        account=sector.account,
        site=sector.site,
        sector=sector,
        file_name="pages.xml",
        data=io.BytesIO(data.encode()),
        now=NOW,
        **options,
    )


def imported(sector: Sector, data: str, **options: Any) -> ContentImport:
    found = analysed(sector, data, **options)
    return import_pages(account=sector.account, import_id=found.pk, clock=lambda: NOW)


def counts(found: ContentImport) -> tuple[int, ...]:
    return (
        found.created, found.updated, found.unchanged, found.posts_created, found.posts_updated,
        found.posts_unchanged,
    )  # fmt: skip


def sitemap(*paths: str) -> str:
    return SITEMAP.format("".join(f"<url><loc>https://s.example{p}</loc></url>" for p in paths))


def crawl(*lines: str) -> str:
    return CRAWL + "".join(f"https://s.example{line}\n" for line in lines)


def test_the_preview_says_what_is_in_a_file_and_writes_no_page(sector: Sector) -> None:
    imported(sector, sitemap("/a"))

    found = analysed(sector, sitemap("/a", "/b", "/b#x", "/c").replace("/c", "/c d"))

    assert (found.status, found.kind, found.pages_total) == ("analysed", "sitemap", 2)
    assert (found.report["pages"], found.report["known_pages"]) == (2, 1)
    assert found.report["issues"] == {"duplicate_url": 1, "url_invalid": 1}
    assert found.report["samples"][0] == {"url": "https://s.example/a", "title": "", "h1": ""}
    assert SitePage.unscoped.filter(site=sector.site).count() == 1
    issues = ContentImportIssue.unscoped.filter(content_import=found).order_by("row")
    assert [(issue.row, issue.code) for issue in issues] == [
        (3, "duplicate_url"),
        (4, "url_invalid"),
    ]


def test_the_unknown_never_replaces_the_known(sector: Sector) -> None:
    imported(
        sector, crawl("/a,text/html,200,OK,Indexable,,Title,5,About,H,,https://s.example/,90,1,")
    )
    first = imported(sector, sitemap("/a", "/b"))
    second = imported(
        sector, "Top pages,Clicks,Impressions,CTR,Position\nhttps://s.example/a/,3,40,7%,4.5\n"
    )

    assert (counts(first)[:3], counts(second)[:3]) == ((1, 0, 1), (0, 1, 0))
    page = SitePage.unscoped.get(site=sector.site, url="https://s.example/a")
    assert (page.title, page.h1, page.meta_description, page.word_count) == (
        "Title", "H", "About", 90,
    )  # fmt: skip
    assert (page.status_code, page.is_indexable, page.is_canonical) == (200, True, False)
    assert (page.clicks, page.impressions, page.position) == (3, 40, 4.5)
    assert (page.source, page.last_seen_at) == ("crawl", NOW)
    other = SitePage.unscoped.get(site=sector.site, url="https://s.example/b")
    assert (other.source, other.status_code, other.is_canonical) == ("sitemap", None, True)


def test_the_same_file_twice_is_one_import_and_another_that_says_the_same_changes_nothing(
    sector: Sector,
) -> None:
    first = imported(sector, sitemap("/a", "/b"))
    again = imported(sector, sitemap("/a", "/b"))
    before = list(SitePage.unscoped.filter(site=sector.site).order_by("pk").values())

    other = imported(sector, sitemap("/b", "/a"))

    assert again.pk == first.pk
    assert counts(other) == (0, 0, 2, 0, 0, 0)
    assert list(SitePage.unscoped.filter(site=sector.site).order_by("pk").values()) == before


def test_posts_become_content_behind_their_pages(sector: Sector) -> None:
    more = '<category domain="post_tag" nicename="grey">Grey</category>' + (
        '<category domain="product_cat" nicename="x">x</category>'
    )
    html = "<p>One two</p><script>alert(1)</script>"

    found = imported(
        sector,
        WXR.format(
            item(html=html, more=more)
            + item(id="8", link="https://s.example/draft", status="draft", slug="sofa", title="")
        ),
    )

    assert counts(found) == (2, 0, 0, 2, 0, 0)
    page = SitePage.unscoped.get(site=sector.site, url="https://s.example/sofa/")
    row = page.content
    assert row is not None
    assert (row.title, row.html, row.status, row.source, row.slug) == (
        "A sofa", "<p>One two</p>", "published", "wordpress", "sofa",
    )  # fmt: skip
    assert (row.external_id, row.external_type, row.external_url) == (
        "7", "post", "https://s.example/sofa/",
    )  # fmt: skip
    assert row.published_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert row.external_metadata["html"] == html
    assert ContentVersion.unscoped.get(content=row).reason == "imported"
    [link] = ContentTaxonomyLink.unscoped.filter(content=row).select_related("taxonomy")
    assert (link.taxonomy.name, link.taxonomy.slug, link.taxonomy.taxonomy_type) == (
        "Grey", "grey", "tag",
    )  # fmt: skip
    draft = Content.unscoped.get(external_id="8", site=sector.site)
    assert (draft.status, draft.slug, draft.title) == ("draft", "sofa-2", "(no title)")


def test_a_post_is_written_again_only_when_it_is_newer_there_and_untouched_here(
    sector: Sector,
) -> None:
    imported(sector, WXR.format(item()))
    older = imported(sector, WXR.format(item(title="Old", modified="2026-01-01 00:00:00")))
    newer = imported(sector, WXR.format(item(title="New", modified="2026-03-01 00:00:00")))
    row = Content.unscoped.get(site=sector.site)
    assert (counts(older)[3:], counts(newer)[3:]) == ((0, 0, 1), (0, 1, 0))
    assert (row.title, row.version) == ("New", 2)

    Content.unscoped.filter(pk=row.pk).update(title="Mine", version=3)
    both = imported(sector, WXR.format(item(title="Theirs", modified="2026-04-01 00:00:00")))

    row.refresh_from_db()
    assert (row.title, counts(both)[3:]) == ("Mine", (0, 0, 1))
    assert ContentImportIssue.unscoped.get(content_import=both).code == "conflict"


def test_a_deleted_post_is_not_brought_back(sector: Sector) -> None:
    imported(sector, WXR.format(item(status="draft")))
    Content.unscoped.get(site=sector.site).soft_delete(now=NOW)

    again = imported(sector, WXR.format(item(status="draft", modified="2026-05-01 00:00:00")))

    assert counts(again)[3:] == (0, 0, 1)
    assert Content.unscoped.filter(site=sector.site).count() == 1


def test_only_pages_when_posts_are_not_wanted(sector: Sector) -> None:
    found = imported(sector, WXR.format(item()), with_posts=False)

    assert counts(found) == (1, 0, 0, 0, 0, 0)
    assert not Content.unscoped.filter(site=sector.site).exists()


def test_what_lives_on_another_platform_is_not_copied_to_our_own_site(sector: Sector) -> None:
    imported(sector, WXR.format(item()))

    with tenant(sector.account_id):
        assert content.site_snapshot(account=sector.account, site=sector.site) == []


class Killed(BaseException):
    """The process is gone."""


def test_a_killed_import_goes_on_behind_its_last_batch(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_PAGES", 2)
    monkeypatch.setattr(module, "CHECKED_PAGES", 2)
    data = sitemap("/a", "/b", "/c", "/d", "/e")
    found = analysed(sector, data)
    calls: list[str] = []

    def dying(name: str) -> None:
        calls.append(name)
        if len(calls) == 2:
            raise Killed

    monkeypatch.setattr(module, "failpoint", dying)
    with pytest.raises(Killed):
        import_pages(account=sector.account, import_id=found.pk, clock=lambda: NOW)
    with pytest.raises(TransitionNotAllowed):  # its lease still runs
        import_pages(account=sector.account, import_id=found.pk, clock=lambda: NOW)
    later = NOW + timedelta(minutes=10)
    done = import_pages(account=sector.account, import_id=found.pk, clock=lambda: later)
    again = import_pages(account=sector.account, import_id=found.pk, clock=lambda: later)

    assert (counts(done)[:3], done.pages_done, again.status) == ((5, 0, 0), 5, "completed")


def test_cancelling_stops_after_the_batch(sector: Sector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_PAGES", 1)
    found = analysed(sector, sitemap("/a", "/b"))

    def cancelling(_name: str) -> None:
        cancel_page_import(account=sector.account, import_id=found.pk, now=NOW)

    monkeypatch.setattr(module, "failpoint", cancelling)
    with pytest.raises(PageLeaseLost):
        import_pages(account=sector.account, import_id=found.pk, clock=lambda: NOW)

    found.refresh_from_db()
    assert (found.status, found.pages_done) == ("cancelled", 1)
    cancel_page_import(account=sector.account, import_id=found.pk, now=NOW)
    assert imported(sector, sitemap("/a", "/b")).pk != found.pk


def test_a_file_without_pages_is_on_record_as_failed(sector: Sector) -> None:
    with pytest.raises(PageFileInvalid):
        analysed(sector, "<html><body></body></html>")

    found = ContentImport.unscoped.get(sector=sector)
    assert (found.status, found.error_code) == ("failed", "page_file_invalid")


def test_a_file_beyond_the_limit_is_not_stored(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10)

    with pytest.raises(FileTooLarge):
        analysed(sector, sitemap("/a"))

    assert not ContentImport.unscoped.filter(sector=sector).exists()


def test_another_accounts_import_is_unknown(sector: Sector) -> None:
    found = analysed(sector, sitemap("/a"))
    stranger = make.account()

    with pytest.raises(NotFound):
        import_pages(account=stranger, import_id=found.pk, clock=lambda: NOW)
    with pytest.raises(NotFound):
        cancel_page_import(account=stranger, import_id=found.pk, now=NOW)


@pytest.mark.parametrize("source", list(PageImportStatus))
@pytest.mark.parametrize("target", list(PageImportStatus))
def test_imports_of_pages_end_in_one_of_three_ways(
    source: PageImportStatus, target: PageImportStatus
) -> None:
    edges = {
        ("uploaded", "analysed"), ("uploaded", "failed"), ("uploaded", "cancelled"),
        ("analysed", "importing"), ("analysed", "cancelled"),
        ("importing", "completed"), ("importing", "failed"), ("importing", "cancelled"),
        ("importing", "analysed"),
    }  # fmt: skip

    assert PAGE_IMPORT.allows(source, target) is ((source.value, target.value) in edges)


def test_pages_from_a_terminal(
    sector: Sector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keywords, "database", lambda _folder: contextlib.nullcontext())
    path = tmp_path / "sitemap.xml"
    path.write_text(sitemap("/a", "/b", "/a/"), encoding="utf-8")
    wrong = tmp_path / "wrong.xml"
    wrong.write_text("<html/>", encoding="utf-8")

    def igny8(*arguments: object) -> Any:
        return CliRunner().invoke(
            command.pages, [*map(str, arguments), "--site", str(sector.site_id)]
        )

    shown = igny8("preview", path)
    done = igny8("import", path)
    as_json = json.loads(igny8("import", path, "--json").stdout)
    refused = igny8("import", wrong)

    assert shown.stdout.splitlines() == [
        "sitemap.xml: sitemap",
        "2 pages, 0 of them known, 0 posts",
        "  duplicate_url: 1",
    ]
    assert "2 created, 0 updated, 0 unchanged, 0 posts created" in done.stdout
    assert as_json["counts"]["created"] == 2
    assert refused.exit_code == 1
    assert refused.stderr.endswith("[page_file_invalid]\n")
