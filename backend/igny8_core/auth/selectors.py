"""Accounts, sites and people, read."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import BigIntegerField, Prefetch, Q, Subquery
from django.db.models.functions import JSONObject
from django.utils.functional import SimpleLazyObject

from igny8_core.auth.models import (
    Account,
    ApiKey,
    Impersonation,
    Industry,
    IndustrySector,
    Invitation,
    Membership,
    Sector,
    SeedKeyword,
    Site,
    StatusChange,
    Subscription,
)
from igny8_core.auth.states import AccountStatus, Role, SeedSource, SubscriptionStatus
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import current_account_id, tenant
from igny8_core.common.text_forms import normal_form

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.auth.models import User

    Lazy = SimpleLazyObject[Account]
else:
    Lazy = SimpleLazyObject


def account(account_id: int) -> Account:
    """The account with its wallet.

    :raises NotFound: there is none.
    """
    # Inside the account's block another savepoint would cost two round trips.
    with nullcontext() if current_account_id() == account_id else tenant(account_id):
        found = Account.objects.select_related("credit_wallet").filter(pk=account_id).first()
    if found is None:
        raise NotFound("no such account", account_id=account_id)
    return found


@dataclass(frozen=True)
class Arrears:
    """A subscription whose renewal is not paid.

    :ivar provider: who collects it; empty when it is paid by hand.
    """

    subscription_id: int
    stage: str
    provider: str


def account_and_arrears(account_id: int) -> tuple[Account, Arrears | None]:
    """The account with its wallet, and what it owes for its plan, in one question.

    Inside the account's block.

    :raises NotFound: there is none.
    """
    behind = Subscription.objects.for_account(known_account(account_id)).filter(
        status=SubscriptionStatus.PAST_DUE
    )
    owed = Subquery(
        behind.values(
            found=JSONObject(subscription_id="pk", stage="dunning_stage", provider="provider")
        )[:1]
    )
    rows = Account.objects.select_related("credit_wallet").annotate(owed=owed)
    found = rows.filter(pk=account_id).first()
    if found is None:
        raise NotFound("no such account", account_id=account_id)
    return found, None if found.owed is None else Arrears(**found.owed)


def known_account(account_id: int) -> Account:
    """An account that is there, loaded when more is asked of it than its key."""
    return cast("Account", _KnownAccount(account_id))


class _KnownAccount(Lazy):
    """Stands for the row. A list needs only its key, and a query costs as much as the list."""

    def __init__(self, account_id: int) -> None:
        super().__init__(lambda: account(account_id))
        self.__dict__["pk"] = self.__dict__["id"] = account_id


def account_id_of_site(site_id: int) -> int:
    """The account that owns a site: for commands and visitors, who name a site only.

    :raises NotFound: there is no such site, or its account was closed.
    """
    found = None
    if 0 < site_id <= BigIntegerField.MAX_BIGINT:
        with connection.cursor() as cursor:
            cursor.execute("SELECT account_of_site(%s)", [site_id])
            found = cursor.fetchone()[0]
    if found is None:
        raise NotFound("no such site", site_id=site_id)
    return int(found)


def all_memberships_of(user_id: int) -> list[tuple[int, Role, AccountStatus]]:
    """(account id, role, the account's status) of a person, closed accounts included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, role, status FROM memberships_of(%s)", [user_id])
        return [(pk, Role(role), AccountStatus(status)) for pk, role, status in cursor.fetchall()]


def memberships_of(user_id: int) -> list[tuple[int, Role]]:
    """(account id, role) of every account that a person may enter, oldest account first."""
    return [
        (account_id, role)
        for account_id, role, status in all_memberships_of(user_id)
        if status != AccountStatus.CLOSED
    ]


def members(*, account: Account) -> QuerySet[Membership]:
    """Who belongs to the account, with the people loaded."""
    rows = Membership.objects.for_account(account).select_related("user")
    return rows.order_by("pk")


def notices_seen_at(*, account: Account, person: User) -> datetime | None:
    """When a member looked at the account's notices last; None: never, or they are none."""
    rows = Membership.objects.for_account(account).filter(user_id=person.pk)
    found: datetime | None = rows.values_list("notices_seen_at", flat=True).first()
    return found


def api_key(*, account: Account, key_id: int) -> ApiKey:
    """One key of the account, revoked or not.

    :raises NotFound: unknown, or another account's.
    """
    found: ApiKey | None = api_keys(account=account).filter(pk=key_id).first()
    if found is None:
        raise NotFound("no such key", key_id=key_id)
    return found


def invitations(*, account: Account) -> QuerySet[Invitation]:
    """Invitations that were neither accepted nor taken back, expired ones included."""
    rows = Invitation.objects.for_account(account).filter(accepted_at=None, revoked_at=None)
    return rows.select_related("invited_by").order_by("pk")


def api_keys(*, account: Account) -> QuerySet[ApiKey]:
    """Keys of the account, revoked ones included, newest first."""
    rows = ApiKey.objects.for_account(account).select_related("created_by")
    return rows.order_by("-pk")


def working_keys_of(*, account: Account, person: User, now: datetime) -> int:
    """How many of the account's keys that a person made still work."""
    rows = ApiKey.objects.for_account(account).filter(created_by=person, revoked_at=None)
    return rows.filter(Q(expires_at=None) | Q(expires_at__gt=now)).count()


def impersonations(*, account: Account) -> QuerySet[Impersonation]:
    """Who of the staff was in the account, newest first."""
    rows = Impersonation.objects.for_account(account).select_related("staff")
    return rows.order_by("-pk")


def industries() -> QuerySet[Industry]:
    """Lines of business that a site can have, with their sectors, by name."""
    sectors = IndustrySector.objects.filter(is_active=True).order_by("name", "pk")
    rows = Industry.objects.filter(is_active=True).order_by("name", "pk")
    return rows.prefetch_related(Prefetch("sectors", queryset=sectors))


def seed_keywords(
    *, industry: str = "", sector: str = "", language: str = "", q: str = ""
) -> QuerySet[SeedKeyword]:
    """Seed keywords of the packaged lists, in the order of their texts.

    Those that accounts brought are left out: what an account researches is nobody else's business.

    :param industry: slug of an industry.
    :param sector: slug of a sector.
    :param q: words that the keyword holds.
    """
    rows = SeedKeyword.objects.filter(source=SeedSource.PACKAGED)
    rows = rows.filter(industry_sector__is_active=True, industry_sector__industry__is_active=True)
    wanted = {
        "industry_sector__industry__slug": industry,
        "industry_sector__slug": sector,
        "language": language,
        "keyword_norm__contains": normal_form(q),
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return rows.select_related("industry_sector__industry").order_by("keyword_norm", "pk")


def status_changes(
    *, account: Account, label: str = "", row_id: int | None = None
) -> QuerySet[StatusChange]:
    """Every step of every lifecycle in the account, newest first.

    :param label: of one model, as ``app.Model``.
    :param row_id: of one row of it.
    """
    rows = StatusChange.objects.for_account(account)
    if label:
        rows = rows.filter(label=label)
    if row_id is not None:
        rows = rows.filter(row_id=row_id)
    return rows.order_by("-pk")


def active_sites(*, account: Account) -> int:
    """How many sites count against the plan."""
    return int(Site.objects.for_account(account).filter(is_active=True).count())


def sites(*, account: Account) -> QuerySet[Site]:
    """The account's sites, by name."""
    return Site.objects.for_account(account).order_by("name", "pk")


def site(*, account: Account, site_id: int) -> Site:
    """One site of the account.

    :raises NotFound: unknown, or another account's.
    """
    found: Site | None = Site.objects.for_account(account).filter(pk=site_id).first()
    if found is None:
        raise NotFound("no such site", site_id=site_id)
    return found


def sectors(*, account: Account, site: Site | int) -> QuerySet[Sector]:
    """The sectors of a site, or of the site with this id, by name, with their site."""
    rows = Sector.objects.for_account(account).filter(site=site)
    return rows.select_related("site", "industry_sector").order_by("name", "pk")


def account_sectors(
    *, account: Account, site: Site | None = None, is_active: bool | None = None
) -> QuerySet[Sector]:
    """The sectors of all sites, or of one, by name."""
    rows = Sector.objects.for_account(account).select_related("industry_sector")
    if site is not None:
        rows = rows.filter(site=site)
    if is_active is not None:
        rows = rows.filter(is_active=is_active)
    return rows.order_by("name", "pk")


def sector(*, account: Account, sector_id: int) -> Sector:
    """One sector of the account, with its site.

    :raises NotFound: unknown, or another account's.
    """
    rows = Sector.objects.for_account(account).select_related("site", "industry_sector")
    found: Sector | None = rows.filter(pk=sector_id).first()
    if found is None:
        raise NotFound("no such sector", sector_id=sector_id)
    return found


def bare_sector(*, account: Account, sector_id: int) -> Sector:
    """One sector of the account, without its site: to narrow a list down.

    :raises NotFound: unknown, or another account's.
    """
    found: Sector | None = Sector.objects.for_account(account).filter(pk=sector_id).first()
    if found is None:
        raise NotFound("no such sector", sector_id=sector_id)
    return found


def account_by_slug(slug: str) -> Account | None:
    """The account of a slug, for commands and operators; read as the staff role."""
    rows = Account.objects.using(settings.TENANCY_STAFF_ALIAS)
    found = rows.filter(slug=slug).values_list("pk", flat=True).first()
    return None if found is None else account(found)


def account_slugs(base: str) -> list[str]:
    """The short names of accounts that begin with a text; read as the staff role."""
    rows = Account.objects.using(settings.TENANCY_STAFF_ALIAS)
    return list(rows.filter(slug__startswith=base).values_list("slug", flat=True))


def kind_of_table(table: str | None) -> str:
    """What the rows of a table are called."""
    for model in apps.get_models():
        if model._meta.db_table == table:
            name = str(model._meta.verbose_name)  # many of the specification's are plural
            return name if name.endswith("s") else str(model._meta.verbose_name_plural)
    return "other rows"
