"""An account that has rows of every kind, for what asks the API from outside."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from igny8_core.auth import services
from igny8_core.auth.access.impersonation import start_impersonation
from igny8_core.auth.states import Role
from igny8_core.business.automation.services.runs import pause_run, resume_run
from igny8_core.business.automation.services.webhook_endpoints import create_endpoint
from igny8_core.business.billing.models import CreditPackage
from igny8_core.business.billing.services.late_results import withhold_result
from igny8_core.business.billing.services.low_balance import note_low_balance
from igny8_core.business.billing.services.payment_methods import add_payment_method
from igny8_core.business.billing.services.plan_periods import open_current_period
from igny8_core.business.billing.services.reservations import release_credits
from igny8_core.business.content.models import (
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
)
from igny8_core.business.content.services.score_content import score_content
from igny8_core.business.content.services.versions import keep_version
from igny8_core.business.content.states import VersionReason
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.planning.models import SavedView
from igny8_core.business.planning.services.mark_clusters import flag_clusters
from igny8_core.business.planning.services.recluster import propose_rebuild
from tests import make
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import integration as make_integration
from tests.make import planning as make_planning
from tests.make import publishing as make_publishing

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector

FULL_SITES, EMPTY_SITES = 6, 4
"""With rows, and without: what is made or deleted on the way leaves enough of both."""


@dataclass(frozen=True)
class Seeded:
    """What there is to ask about.

    :ivar known: values that requests are accepted with, by the names in `schemathesis.toml`.
    """

    account: Account
    known: dict[str, list[Any]]


def seed_billing(account: Account) -> None:
    """A plan with little left of its period, invoices, payments, and ways to pay."""
    now = timezone.now()
    account.plan = make_billing.plan(10**9)
    account.save()
    open_current_period(account=account, now=now)
    make_billing.plan(10)
    values: dict[str, Any] = {"credits": 1_000, "price_minor": 900}
    CreditPackage.objects.create(name="Thousand", slug="thousand", **values)
    hold = make_billing.reservation(account, 10**9, related=("writing_task", 1), now=now)
    note_low_balance(account=account, now=now)
    withhold_result(
        account=account, reservation_id=hold.reservation_id, attempt=1, amount=8, now=now
    )
    release_credits(account=account, reservation_id=hold.reservation_id, attempt=1, now=now)
    with transaction.atomic():
        make_billing.offered("DE", "bank_transfer")
        make_billing.payment(make_billing.invoice(account))
    for name in ("Bank", "Another"):
        add_payment_method(account=account, type="bank_transfer", display_name=name)


def seed_everything() -> Seeded:
    """Rows of every kind that the API shows, committed, and the data that new ones refer to."""
    services.load_reference_data()
    account = make_billing.account_with(1_000_000, country_code="DE")
    seed_billing(account)
    with transaction.atomic():
        make_billing.one_of_everything(account)
    for role in Role:
        make.member(account, role)
    now = timezone.now()
    start_impersonation(account=account, staff=make.user(is_staff=True), reason="Seed", now=now)
    services.suspend_account(account=account, reason="Seed", now=now)
    services.reactivate_account(account=account, reason="Seed", now=now)
    sectors = [make_planning.sector(account) for _ in range(FULL_SITES + EMPTY_SITES)]
    found: dict[str, list[Any]] = defaultdict(list)
    for _ in range(3):  # before there are runs: what happens to them is told
        url = make_integration.ADDRESSES["custom"]
        endpoint, _secret = create_endpoint(account=account, url=url)
        found["endpoint"].append(endpoint.pk)
    for sector in sectors[:FULL_SITES]:
        fill_sector(sector, found)
    return Seeded(
        account=account,
        known=found
        | {
            "account": [account.pk],
            "site": [sector.site_id for sector in sectors],
            "sector": [sector.pk for sector in sectors],
            "address": list(make_integration.ADDRESSES.values()),
            "secret": [make_integration.SECRET],
            "word": ["editor"],
            "industry": ["pets"],
            "industry_sector": ["dogs", "cats"],
            "country": ["DE", "US", ""],
            "time_zone": ["UTC", "Europe/Berlin"],
            "language": ["en", "de"],
            "payment_method": ["bank_transfer"],
        },
    )


def fill_sector(sector: Sector, found: dict[str, list[Any]]) -> None:
    """A few rows of every kind in one sector of a site; ids that others refer to are noted."""
    account = sector.account
    cluster = make_planning.cluster(sector)
    sofas = ["sofa", "leather sofa", "corner sofa"]
    keywords = make_planning.keywords(sector, sofas, cluster=cluster)
    make_planning.keywords(sector, ["desk", "oak desk"], volume=90, difficulty=12)
    make_planning.imported(sector, make_planning.csv_bytes(("Keyword",), ("stool",), ("",)))
    other = make_planning.cluster(sector)
    make_planning.keywords(sector, ["bench", "park bench"], cluster=other, role="hub")
    locked = flag_clusters(
        account=account, cluster_ids=[other.pk], is_locked=False, now=timezone.now()
    )
    propose_rebuild(account=account, site=sector.site, sector=sector, clock=timezone.now)
    SavedView.unscoped.create(
        account=account, owner=make.user(), name=f"View {sector.pk}", is_shared=True
    )
    idea = make_planning.idea(cluster)
    task = make_content.writing_task(cluster)
    article = make_content.article(sector)
    make_content.image(article)
    keep_version(article, reason=VersionReason.EDITED)
    tag = ContentTaxonomy.unscoped.create(
        account=account, site=sector.site, taxonomy_type="tag", name="Sofas", slug="sofas"
    )
    ContentClusterMap.unscoped.create(content=article, cluster=cluster)
    ContentAttribute.unscoped.create(
        content=article, attribute_type="product_spec", name="Width", value="80"
    )
    score_content(account=account, content_id=article.pk, now=timezone.now())
    OptimizationTask.unscoped.create(content=article)
    run = make_automation.run(account, site=sector.site)
    make_automation.work_items(account, 3, run=run)
    make_automation.event(run)
    pause_run(account=account, run_id=run.pk, now=timezone.now())
    resume_run(account=account, run_id=run.pk, now=timezone.now())
    make_automation.config(account, site=sector.site)
    connection = make_integration.integration(sector.site)
    make_integration.sync_event(connection, content=article)
    make_integration.integration(sector.site, "custom")
    make_publishing.record(article, integration=connection)
    make_publishing.deployment(sector)
    rows = {"cluster": cluster, "idea": idea, "task": task, "content": article, "taxonomy": tag}
    for name, row in rows.items():
        found[name].append(row.pk)
    found["cluster"].append(other.pk)
    found["edit"].append(locked.pk)
    found["keyword"] += [keyword.pk for keyword in keywords]
