"""Accounts, opened: one transaction each, so that nobody is left with half of one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from igny8_core.auth import selectors
from igny8_core.auth.errors import AddressTaken, SlugTaken
from igny8_core.auth.models import Account, Membership, Plan, User
from igny8_core.auth.services.sites import create_site, site_problems
from igny8_core.auth.services.slugs import free_slug
from igny8_core.auth.states import Role
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from igny8_core.auth.models import Site

T = TypeVar("T")

FREE_PLAN = "free"
MAX_NAME = 200
MAX_OWN_ACCOUNTS = 10
SLUG_RACES = 3


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
    :raises AddressTaken: somebody has this address; nothing was written.
    """
    _refuse_bad_opening(account_name, site_name, industry_slug, sector_slugs)

    def fill(account: Account) -> tuple[User, Site]:
        person = _new_person(email, password, is_verified=False)
        _own(account, person)
        return person, create_site(
            account=account,
            name=site_name,
            industry_slug=industry_slug,
            sector_slugs=sector_slugs,
            domain=domain,
            language=language,
        )

    return _opened(account_name, FREE_PLAN, fill)


def open_own_account(
    *,
    person: User,
    account_name: str,
    site_name: str,
    industry_slug: str,
    sector_slugs: Sequence[str],
    domain: str = "",
    language: str = "en",
) -> Site:
    """A further account of a signed-in person, with its first site.

    :raises InvalidInput: by field; nothing was written.
    :raises Conflict: the person owns ten open accounts already; nothing was written.
    """
    _refuse_bad_opening(account_name, site_name, industry_slug, sector_slugs)
    roles = [role for _, role in selectors.memberships_of(person.pk)]
    if roles.count(Role.OWNER) >= MAX_OWN_ACCOUNTS:
        raise Conflict(f"You own {MAX_OWN_ACCOUNTS} accounts already.", limit=MAX_OWN_ACCOUNTS)

    def fill(account: Account) -> Site:
        _own(account, person)
        return create_site(
            account=account,
            name=site_name,
            industry_slug=industry_slug,
            sector_slugs=sector_slugs,
            domain=domain,
            language=language,
        )

    return _opened(account_name, FREE_PLAN, fill)


def open_account(
    *, name: str, owner_email: str, owner_password: str | None, plan_code: str = FREE_PLAN
) -> Account:
    """A new account with its owner, an empty wallet and no site yet.

    The person is created when the address is new. An existing person is not changed: whoever calls
    this has authenticated them.

    :raises InvalidInput: an empty name, a bad address, or an unknown plan; nothing was written.
    """
    problems = _name_problems("name", name)
    try:
        validate_email(owner_email)
    except ValidationError as exc:
        problems["owner_email"] = list(exc.messages)
    if not Plan.objects.filter(code=plan_code, is_active=True).exists():
        problems["plan_code"] = [f"There is no plan {plan_code!r}."]
    if problems:
        raise InvalidInput("The account cannot be opened.", **problems)

    def fill(account: Account) -> Account:
        known = User.objects.filter(email=owner_email.strip().lower()).first()
        _own(account, known or _new_person(owner_email, owner_password, is_verified=True))
        return account

    return _opened(name, plan_code, fill)


def reserve_account(name: str) -> Account:
    """A row to insert in a tenant block of its own, with an id that no account has or will have.

    As the staff role, whose insert takes the id and is rolled back. Outside tenant blocks.
    """
    staff = settings.TENANCY_STAFF_ALIAS
    slug = free_slug(name, selectors.account_slugs)
    with transaction.atomic(using=staff):
        row = Account.objects.using(staff).create(name=name, slug=f"r-{uuid.uuid4().hex}")
        transaction.set_rollback(True, using=staff)
    return Account(pk=row.pk, name=name.strip(), slug=slug)


def insert_account(account: Account) -> Account:
    """Insert a reserved row inside its own tenant block.

    :raises SlugTaken: another account has taken the slug since.
    """
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as exc:
        raise SlugTaken("another account took this short name", slug=account.slug) from exc
    return selectors.account(account.pk)


def _opened(name: str, plan_code: str, fill: Callable[[Account], T]) -> T:
    """A new account with what ``fill`` puts into it, in one transaction."""
    plan = Plan.objects.filter(code=plan_code, is_active=True).first()
    for races in range(1, SLUG_RACES + 1):
        reserved = reserve_account(name)
        reserved.plan = plan
        try:
            with tenant(reserved.pk):
                return fill(insert_account(reserved))
        except SlugTaken:
            if races == SLUG_RACES:
                raise
    raise AssertionError("the last race returns or raises")


def _own(account: Account, person: User) -> None:
    Membership(account=account, user=person, role=Role.OWNER).save()


def _new_person(email: str, password: str | None, *, is_verified: bool) -> User:
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, is_verified=is_verified)
    except IntegrityError as exc:
        raise AddressTaken("Somebody has this address.") from exc


def _refuse_bad_opening(
    account_name: str, site_name: str, industry_slug: str, sector_slugs: Sequence[str]
) -> None:
    problems = site_problems(name=site_name, industry_slug=industry_slug, sectors=sector_slugs)
    problems |= _name_problems("account_name", account_name)
    if problems:
        raise InvalidInput("The account cannot be opened.", **problems)


def _name_problems(field: str, name: str) -> dict[str, list[str]]:
    if 1 <= len(name.strip()) <= MAX_NAME:
        return {}
    return {field: ["Give the account a name of at most 200 characters."]}
