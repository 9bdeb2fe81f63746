"""Accounts, people, sites and sectors."""

from __future__ import annotations

import itertools
from typing import Any

from igny8_core.auth.models import Account, Industry, IndustrySector, Membership, Sector, Site, User
from igny8_core.auth.states import Role

_numbers = itertools.count(1)


def unique(word: str) -> str:
    """A text that no other builder of this run returns."""
    return f"{word}-{next(_numbers)}"


def user(**fields: Any) -> User:
    """A person with the password ``pw``."""
    fields.setdefault("email", f"{unique('person')}@example.com")
    return User.objects.create_user(password="pw", **fields)


def account(**fields: Any) -> Account:
    """An account; its wallet comes from the database."""
    slug = fields.pop("slug", None) or unique("account")
    made = Account.objects.create(slug=slug, name=fields.pop("name", slug), **fields)
    return Account.objects.select_related("credit_wallet").get(pk=made.pk)


def member(account: Account, role: Role = Role.OWNER, **fields: Any) -> User:
    """A new person with a role in the account."""
    person = user(**fields)
    Membership.unscoped.create(account=account, user=person, role=role)
    return person


def industry_sector(name: str = "Sofas") -> IndustrySector:
    """A sector of the industry Furniture, made on first use."""
    industry, _ = Industry.objects.get_or_create(slug="furniture", defaults={"name": "Furniture"})
    found, _ = IndustrySector.objects.get_or_create(
        industry=industry, slug=name.lower(), defaults={"name": name}
    )
    return found


def site(account: Account, **fields: Any) -> Site:
    """A site in the industry Furniture."""
    slug = fields.pop("slug", None) or unique("site")
    fields.setdefault("industry", industry_sector().industry)
    return Site.unscoped.create(account=account, slug=slug, name=slug, **fields)


def sector(site: Site, name: str = "Sofas", **fields: Any) -> Sector:
    """A sector of the site."""
    return Sector.unscoped.create(
        account=site.account,
        site=site,
        industry_sector=industry_sector(name),
        name=name,
        slug=fields.pop("slug", None) or unique(name.lower()),
        **fields,
    )
