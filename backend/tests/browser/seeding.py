"""What the browser tests look at: a coffee shop's site with something on every screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.test import Client
from django.utils import timezone

from igny8_core.auth.models import Plan, SeedKeyword
from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import configs, runs
from igny8_core.business.billing.services import plan_periods
from igny8_core.business.content.models import ContentVerdict
from igny8_core.business.content.states import ContentStatus, TaskStatus
from igny8_core.business.planning.models import Clusters, Keywords
from igny8_core.business.planning.services.import_keywords import analyse_keyword_file
from igny8_core.business.planning.services.keyword_options import ReadOptions
from igny8_core.business.planning.states import (
    ClusterRole,
    FigureKind,
    IdeaStatus,
    IntentSource,
    KeywordStatus,
)
from tests import make
from tests.browser.money_seeding import seed_money
from tests.browser.seeding_long import seed_long
from tests.browser.seeding_outside import connections
from tests.browser.seeding_work import seed_work
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Account, Sector, Site

TOPICS = (
    "espresso machine", "aeropress", "pour over", "moka pot", "french press", "cold brew",
    "coffee grinder", "gooseneck kettle", "portafilter", "tamper", "milk frother", "coffee scale",
    "paper filter", "drip coffee", "siphon coffee", "turkish coffee",
)  # fmt: skip
ENDINGS = (
    "", "maintenance", "buying guide", "ratio", "recipes", "for beginners", "vs espresso",
    "cleaning", "price", "review", "how to use", "temperature", "best", "for office",
    "troubleshooting",
)  # fmt: skip
INTENTS = ("informational", "commercial", "transactional", "navigational")
UNPLACED = 4
"""The last topics have no cluster yet."""


@dataclass(frozen=True)
class Seeded:
    """Where everything is.

    :ivar session: of the owner; ``viewer_session`` of somebody who may only read;
        ``operator_session`` of staff who may do everything.
    """

    database: str
    session: str
    viewer_session: str
    operator_session: str
    account: Account
    site: Site
    sector: Sector
    empty: Sector
    ids: dict[str, int]

    def path(self, rest: str = "", *, empty: bool = False) -> str:
        """An address of the sector, or of one with nothing in it."""
        sector = self.empty if empty else self.sector
        return f"/s/{sector.site_id}/{sector.pk}/{rest}"


def seed(database: str, media: Path) -> Seeded:
    """Fill an empty, migrated database, and the folder of pictures."""
    make_billing.prices()
    plan, _ = Plan.objects.get_or_create(
        code="browser",
        defaults={
            "name": "Agency", "credits_per_period": 10_000, "max_sites": 20, "max_users": 20,
            "max_keywords": 500_000,
        },
    )  # fmt: skip
    account = make_billing.account_on(plan, name="Northwind Coffee", slug="northwind")
    plan_periods.open_current_period(account=account, now=timezone.now())
    site = make.site(account, slug="northwind", domain="northwind.coffee", country_code="US")
    site.name = "Northwind Coffee"
    site.save()
    sector = make.sector(site, "Home brewing")
    empty = make.sector(site, "Coffee beans")
    _keywords(sector)
    clusters = _clusters(sector)
    _ideas(clusters)
    articles = _articles(sector, clusters)
    ids = {"cluster": clusters[0].pk, "content": articles[1], "published": articles[3]}
    ids["analysed"], ids["imported"] = _imports(empty)
    ids["run"] = _run(sector)
    ids |= connections(site, articles[3])
    owner = make.member(account, Role.OWNER, email="mo@northwind.coffee", name="Mo Winter")
    ids |= seed_work(sector, clusters, articles, media, owner=owner.pk)
    viewer = make.member(account, Role.VIEWER)
    operator = make.user(email="ops@igny8.example", is_staff=True, is_superuser=True)
    ids |= seed_money(account, owner)
    ids |= seed_long(owner)
    sessions = (_session(owner), _session(viewer), _session(operator))
    return Seeded(database, *sessions, account, site, sector, empty, ids)


def _session(person: object) -> str:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]  # a user
    return str(client.cookies["sessionid"].value)


def _keywords(sector: Sector) -> None:
    seeds, rows = [], []
    for i, topic in enumerate(TOPICS):
        for j, ending in enumerate(ENDINGS):
            number = i * len(ENDINGS) + j
            text = f"{topic} {ending}".strip()
            seeds.append(
                SeedKeyword(
                    industry_sector_id=sector.industry_sector_id, language="en", keyword=text,
                    keyword_norm=text,
                )
            )  # fmt: skip
            rows.append(_keyword(sector, text, number))
    made = SeedKeyword.objects.bulk_create(seeds)
    for row, found in zip(rows, made, strict=True):
        row.seed_keyword = found
        row.keyword_norm = found.keyword_norm
        row.account_id, row.site_id = sector.account_id, sector.site_id
        row.industry_sector_id = sector.industry_sector_id
    Keywords.unscoped.bulk_create(rows)


def _keyword(sector: Sector, text: str, number: int) -> Keywords:
    volume = 49_190 // (1 + number // 3) + number * 7 % 90
    rising = 1 if number % 3 else -1
    trend = [max(1, volume + rising * month * volume // 30 + (number * month) % 7 * volume // 60)
             for month in range(12)]  # fmt: skip
    is_known = number % 11 != 10
    source = {"tool": "Ahrefs", "import": 1, "row": number + 2, "kind": "exact", "volume": volume,
              "difficulty": number * 13 % 97, "cpc": f"{number % 40 / 10 + 0.2:.2f}",
              "cpc_currency": "USD", "observed_on": "2026-10-01", "trend": trend,
              "trend_kind": "absolute", "trend_end": "2026-10"}  # fmt: skip
    intent = INTENTS[number % 7] if number % 7 < len(INTENTS) else ""
    return Keywords(
        sector=sector,
        keyword=text,
        volume=volume if is_known else None,
        volume_kind=FigureKind.EXACT if is_known else FigureKind.UNKNOWN,
        difficulty=number * 13 % 97 if is_known else None,
        difficulty_kind=FigureKind.EXACT if is_known else FigureKind.UNKNOWN,
        cpc_minor=20 + number % 40 * 10,
        cpc_currency="USD",
        intent=intent,
        intent_source=IntentSource.IMPORT if intent else IntentSource.UNKNOWN,
        is_disabled=number % 29 == 28,
        attributes={"sources": [source] if is_known else []},
    )


def _clusters(sector: Sector) -> list[Clusters]:
    found = []
    for topic in TOPICS[:-UNPLACED]:
        cluster = make_planning.cluster(sector, topic.capitalize(), intent="informational")
        rows = Keywords.unscoped.filter(sector=sector, keyword_norm__startswith=topic)
        for place, row in enumerate(rows.order_by("pk")):
            Keywords.unscoped.filter(pk=row.pk).update(
                cluster=cluster, status=KeywordStatus.MAPPED, page=place // 4,
                page_place=place % 4,
                role=ClusterRole.HUB if place == 0 else ClusterRole.SUPPORTING,
            )  # fmt: skip
        found.append(Clusters.unscoped.get(pk=cluster.pk))
    return found


def _ideas(clusters: list[Clusters]) -> None:
    for number, cluster in enumerate(clusters):
        for page, status in enumerate((IdeaStatus.NEW, IdeaStatus.NEW)):
            make_planning.idea(
                cluster,
                title=f"{cluster.name}: {('the complete guide', 'seven mistakes to avoid')[page]}",
                target_keyword=f"{cluster.name.lower()} {('guide', 'mistakes')[page]}",
                status=status,
                page=page,
                volume=cluster.volume // (page + 2),
                estimated_words=1200 + 100 * number,
                estimated_credits=12 + number,
                reason=f"{cluster.keywords_count} keywords and no page of yours about them.",
                outline=["What it is", "How to choose", "Common mistakes"],
            )


def _imports(sector: Sector) -> tuple[int, int]:
    """(a file that waits, one that is imported): of another sector than the big list."""
    done = make_planning.imported(
        sector, make_planning.csv_bytes(["keyword", "volume"], ["green coffee", "900"])
    )
    waiting = analyse_keyword_file(
        account=sector.account,
        site=sector.site,
        sector=sector,
        file_name="beans_semrush.csv",
        data=csv_file(start=100),
        options=ReadOptions(),
        now=timezone.now(),
    )
    return waiting.pk, done.pk


FAILED_GATES = [
    {"gate": "unique", "kind": "hard", "problems": ["12 % of the text is on no other page"]},
    {"gate": "seo_fields", "kind": "soft", "problems": ["title of 18 characters"]},
]


def _articles(sector: Sector, clusters: list[Clusters]) -> list[int]:
    made = []
    now = timezone.now()
    states = (
        ContentStatus.DRAFT,
        ContentStatus.REVIEW,
        ContentStatus.REVIEW,
        ContentStatus.PUBLISHED,
    )
    for number, cluster in enumerate(clusters[:8]):
        done = make_content.writing_task(
            cluster,
            title=f"{cluster.name} explained",
            status=TaskStatus.COMPLETED,
            keywords="\n".join(
                f"{cluster.name.lower()} {ending}".strip() for ending in ENDINGS[:4]
            ),
        )
        article = make_content.article(
            sector,
            cluster=cluster,
            task=done,
            title=f"{cluster.name} explained",
            primary_keyword=cluster.name.lower(),
            meta_title=f"{cluster.name} explained",
            meta_description=f"Everything about {cluster.name.lower()} in ten minutes.",
            status=states[number % len(states)],
            word_count=900 + number * 137,
            created_at=now - timedelta(days=number),
        )
        made.append(article.pk)
        if article.status == ContentStatus.REVIEW:
            ContentVerdict.unscoped.create(
                account=sector.account, content=article, version=1, content_hash="x",
                step="submit", outcome="refused", failed=FAILED_GATES,
            )  # fmt: skip
        make_content.writing_task(
            cluster, title=f"{cluster.name}: what to buy", target_word_count=1400
        )
    return made


def _run(sector: Sector) -> int:
    """A run that writes articles, with some done and one that failed."""
    account, now = sector.account, timezone.now()
    configs.save_config(
        account=account, site_id=sector.site_id, now=now, is_enabled=True, max_credits_per_run=800
    )
    run = runs.start_run(account=account, site_id=sector.site_id, now=now)
    ids = make_automation.work_items(account, 8, run=run)
    items = WorkItem.unscoped.filter(pk__in=ids).order_by("pk")
    for place, item in enumerate(items):
        status = "done" if place < 5 else "failed" if place == 5 else "ready"
        WorkItem.unscoped.filter(pk=item.pk).update(
            status=status,
            credits_charged=14 if status == "done" else 0,
            ended_at=now if status != "ready" else None,
            error="The provider refused the request." if status == "failed" else "",
        )
    return run.pk


def csv_file(start: int = 1) -> bytes:
    """A keyword file as Ahrefs writes it, with rows of every kind."""
    header = [
        "#",
        "Keyword",
        "Country",
        "Difficulty",
        "Volume",
        "CPC",
        "Parent Keyword",
        "Global volume",
    ]
    body = [[n, f"coffee beans {n}", "us", n % 90, 100 * n, "0.40", "coffee beans", 5000 * n]
            for n in range(start, start + 40)]  # fmt: skip
    return make_planning.csv_bytes(header, *body, ["", "", "", "", "", "", "", ""], body[0])
