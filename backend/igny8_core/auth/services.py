"""Accounts, people and sites, written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from igny8_core.auth import reference, selectors
from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.models import (
    Account,
    Industry,
    IndustrySector,
    Membership,
    Plan,
    Sector,
    Site,
    User,
)
from igny8_core.auth.states import Role
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

SLUG_TRIES = 1_000


def sign_up(
    *,
    email: str,
    password: str,
    account_name: str,
    site_name: str,
    industry_slug: str,
    sector_slugs: Sequence[str],
    domain: str = "",
    language: str = "en",
) -> tuple[User, Site]:
    """A new person with an account of their own and its first site.

    The address is not yet verified: the caller sends the mail.

    :raises InvalidInput: by field; nothing was written.
    :raises Conflict: somebody has this address; nothing was written.
    """
    problems = _site_problems(name=site_name, industry_slug=industry_slug, sectors=sector_slugs)
    if not account_name.strip():
        problems["account_name"] = ["Give the account a name."]
    if problems:
        raise InvalidInput("The account cannot be opened.", **problems)
    staff = settings.TENANCY_STAFF_ALIAS
    try:
        with transaction.atomic(using=staff):
            person = User.objects.db_manager(staff).create_user(email, password, is_verified=False)
    except IntegrityError as exc:
        raise Conflict("somebody has this address") from exc
    account = open_account(name=account_name, owner_email=person.email, owner_password=None)
    site = create_site(
        account=account,
        name=site_name,
        industry_slug=industry_slug,
        sector_slugs=sector_slugs,
        domain=domain,
        language=language,
    )
    return person, site


def mark_verified(*, user_id: int, now: datetime) -> None:
    """The person proved that the address is theirs; the first proof counts."""
    User.objects.filter(pk=user_id, email_verified_at=None).update(email_verified_at=now)


def open_account(
    *, name: str, owner_email: str, owner_password: str | None, plan_code: str = "free"
) -> Account:
    """A new account with its owner, an empty wallet and no site yet.

    The person is created when the address is new. An existing person is not changed: whoever calls
    this has authenticated them.

    :raises InvalidInput: an empty name, a bad address, or an unknown plan.
    """
    problems: dict[str, list[str]] = {}
    if not name.strip():
        problems["name"] = ["Give the account a name."]
    try:
        validate_email(owner_email)
    except ValidationError as exc:
        problems["owner_email"] = list(exc.messages)
    plan = Plan.objects.filter(code=plan_code, is_active=True).first()
    if plan is None:
        problems["plan_code"] = [f"There is no plan {plan_code!r}."]
    if problems:
        raise InvalidInput("The account cannot be opened.", **problems)
    staff = settings.TENANCY_STAFF_ALIAS  # before the account exists no tenant block can be open
    with transaction.atomic(using=staff):
        owner = User.objects.using(staff).filter(email=owner_email.strip().lower()).first()
        if owner is None:
            owner = User.objects.db_manager(staff).create_user(owner_email, owner_password)
        slug = _free_slug(name, set(Account.objects.using(staff).values_list("slug", flat=True)))
        account = Account.objects.using(staff).create(name=name.strip(), slug=slug, plan=plan)
        Membership.unscoped.using(staff).create(account=account, user=owner, role=Role.OWNER)
    return selectors.account(account.pk)


@tenant_atomic()
def create_site(
    *,
    account: Account,
    name: str,
    industry_slug: str,
    sector_slugs: Sequence[str],
    domain: str = "",
    language: str = "en",
) -> Site:
    """A site with one sector for each industry sector named.

    :raises InvalidInput: an empty name, an unknown industry, a sector of another industry, or none.
    :raises PlanLimitReached: the plan allows no further site.
    """
    if problems := _site_problems(name=name, industry_slug=industry_slug, sectors=sector_slugs):
        raise InvalidInput("The site cannot be created.", **problems)
    industry = Industry.objects.get(slug=industry_slug, is_active=True)
    known = _sectors_of(industry)
    locked = Account.objects.select_for_update(of=("self",)).select_related("plan")
    plan = locked.get(pk=account.pk).plan
    taken = list(selectors.sites(account=account).values_list("slug", flat=True))
    if plan is not None and len(taken) >= plan.max_sites:
        raise PlanLimitReached(
            f"The plan {plan.name} allows {plan.max_sites} sites.",
            limit=plan.max_sites,
            in_use=len(taken),
        )
    site = Site(account=account, name=name.strip(), industry=industry)
    site.slug, site.domain, site.language = _free_slug(name, set(taken)), domain, language
    site.save()
    for slug in dict.fromkeys(sector_slugs):
        Sector(site=site, industry_sector=known[slug], name=known[slug].name, slug=slug).save()
    return site


def _site_problems(
    *, name: str, industry_slug: str, sectors: Sequence[str]
) -> dict[str, list[str]]:
    """What is wrong with a new site, by field."""
    problems: dict[str, list[str]] = {}
    industry = Industry.objects.filter(slug=industry_slug, is_active=True).first()
    if not name.strip():
        problems["name"] = ["Give the site a name."]
    if industry is None:
        problems["industry_slug"] = [f"There is no industry {industry_slug!r}."]
    elif not sectors:
        problems["sector_slugs"] = ["Choose at least one sector."]
    elif unknown := sorted(set(sectors) - set(_sectors_of(industry))):
        problems["sector_slugs"] = [f"{industry.name} has no sector {slug!r}." for slug in unknown]
    return problems


def _sectors_of(industry: Industry) -> dict[str, IndustrySector]:
    rows = IndustrySector.objects.filter(industry=industry, is_active=True)
    return {row.slug: row for row in rows}


def set_password(*, email: str, password: str) -> None:
    """Give a person a new password; their other sessions end.

    :raises NotFound: nobody has this address.
    """
    person = User.objects.filter(email=email.strip().lower()).first()
    if person is None:
        raise NotFound("nobody has this address", email=email)
    person.set_password(password)
    person.save(update_fields=["password"])


def load_reference_data() -> dict[str, int]:
    """Bring industries, their sectors and the plans up to what the package ships; repeatable.

    Nothing is removed. Runs as the staff role.

    :returns: how many rows of each kind there are now.
    """
    staff = settings.TENANCY_STAFF_ALIAS
    with transaction.atomic(using=staff):
        for name, sectors in reference.INDUSTRIES.items():
            industry, _ = Industry.objects.using(staff).update_or_create(
                slug=slugify(name), defaults={"name": name}
            )
            for sector in sectors:
                IndustrySector.objects.using(staff).update_or_create(
                    industry=industry, slug=slugify(sector), defaults={"name": sector}
                )
        for plan in reference.PLANS:
            Plan.objects.using(staff).get_or_create(code=plan["code"], defaults=dict(plan))
    return {
        "industries": Industry.objects.using(staff).count(),
        "industry_sectors": IndustrySector.objects.using(staff).count(),
        "plans": Plan.objects.using(staff).count(),
    }


def _free_slug(name: str, taken: set[str]) -> str:
    base = slugify(name)[:80] or "site"
    for number in range(1, SLUG_TRIES):
        slug = base if number == 1 else f"{base}-{number}"
        if slug not in taken:
            return slug
    raise Conflict("too many of the same name", name=name)
