"""An account whose words are too long and whose figures are too big: every list has to bear it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from igny8_core.auth.models import Membership
from igny8_core.auth.states import Role
from igny8_core.business.automation.services import webhook_endpoints
from igny8_core.business.content.models import Content
from igny8_core.business.content.services import edit_taxonomies
from igny8_core.business.content.states import ContentStatus
from igny8_core.business.planning.models import Clusters
from tests import make
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make import publishing as make_publishing

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector, User

COMPOUND = (
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz und "
    "Grundstücksverkehrsgenehmigungszuständigkeitsübertragungsverordnung"
)
SENTENCE = (
    "how do i choose between a small espresso machine with a built in grinder and a separate one "
    "when my kitchen is narrow the water is hard and three people want a cappuccino before seven "
    "in the morning"
)
UNBROKEN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamten" * 2
WORDS = (
    SENTENCE[:200],
    COMPOUND.lower(),
    UNBROKEN.lower(),
    "كيف أختار آلة إسبرسو للمنزل",
    "家庭用エスプレッソマシンの選び方とおすすめ",
    "c",
)
BILLION = 1_234_567_890


def seed_long(owner: User) -> dict[str, int]:
    """The ids that addresses need."""
    account = make.account(slug="long", name=f"{COMPOUND} GmbH", country_code="DE")
    Membership.unscoped.create(account=account, user=owner, role=Role.OWNER)
    make_billing.credits(account, BILLION)
    site = make.site(account, slug="long", domain=f"www.{'sehr-langer-name-' * 6}de.example.com")
    site.name = f"{COMPOUND} und Söhne"
    site.save()
    sector = make.sector(site, "Wohnungseigentumsverwaltung")
    clusters = _plan(sector)
    article = _write(clusters)
    _around(account, sector, owner)
    return {"long": site.pk, "long_sector": sector.pk, "long_cluster": clusters[0].pk,
            "long_content": article, "long_account": account.pk}  # fmt: skip


def _plan(sector: Sector) -> list[Clusters]:
    clusters = []
    for word in WORDS:
        cluster = make_planning.cluster(sector, word.capitalize(), description=SENTENCE)
        make_planning.keyword(
            sector, word, cluster=cluster, volume=BILLION, difficulty=100, cpc_minor=1_234_567,
            cpc_currency="CHF", intent="transactional",
        )  # fmt: skip
        make_planning.idea(
            cluster, title=word.capitalize(), target_keyword=word, volume=BILLION,
            estimated_words=10_000, estimated_credits=1_234_567, reason=SENTENCE,
        )  # fmt: skip
        clusters.append(Clusters.unscoped.get(pk=cluster.pk))
    return clusters


def _write(clusters: list[Clusters]) -> int:
    """The first article's id."""
    made = []
    now, states = timezone.now(), (ContentStatus.REVIEW, ContentStatus.PUBLISHED)
    for place, cluster in enumerate(clusters):
        make_content.writing_task(cluster, title=cluster.name, target_word_count=10_000)
        row = make_content.article(
            cluster.sector, cluster=cluster, title=cluster.name, status=states[place % 2],
            primary_keyword=cluster.name.lower(), word_count=1_234_567, score=100,
        )  # fmt: skip
        made.append(row.pk)
        Content.unscoped.filter(pk=row.pk).update(
            **{"published_at": now} if place % 2 else {"publish_at": now + timedelta(hours=2)}
        )
        make_content.image(
            row, status="failed", alt=SENTENCE[:125], error=f"{UNBROKEN}: {SENTENCE}"
        )
        make_publishing.record(
            row, status="failed", error_code="refused",
            error=f"https://example.com/{UNBROKEN}: {SENTENCE}",
        )  # fmt: skip
    return int(made[0])


def _around(account: Account, sector: Sector, owner: User) -> None:
    make.member(
        account, Role.EDITOR, name=COMPOUND[:150], email=f"{'langer-name-' * 5}@example.com"
    )
    webhook_endpoints.create_endpoint(
        account=account,
        url=f"https://hooks.northwind.coffee/{'langer-pfad' * 12}",
        description=COMPOUND[:100],
    )
    for kind in ("category", "tag"):
        edit_taxonomies.create_taxonomy(
            account=account, site_id=sector.site_id, taxonomy_type=kind, name=COMPOUND,
            description=SENTENCE,
        )  # fmt: skip
    make_planning.imported(
        sector, make_planning.csv_bytes(["keyword", "volume"], ["grün", BILLION]),
        file_name=f"{COMPOUND}.csv",
    )  # fmt: skip
