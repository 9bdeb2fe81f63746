"""Let people connect a WordPress by signing in there: one way out, one way back, good once."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings

from igny8_core.auth import selectors as accounts
from igny8_core.business.integration import selectors
from igny8_core.business.integration.errors import IntegrationExists
from igny8_core.business.integration.models import ConnectRequest, SiteIntegration
from igny8_core.business.integration.services.adapters import http_client
from igny8_core.business.integration.services.check import request_check
from igny8_core.business.integration.services.integrations import (
    change_integration,
    create_integration,
)
from igny8_core.business.integration.states import Platform
from igny8_core.clients.addresses import address_problem, normal_address
from igny8_core.clients.wordpress import parse, same_origin
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account

APP_NAME: Final = "IGNY8"
GOOD_FOR: Final = timedelta(minutes=30)


def start_connecting(
    *,
    account: Account,
    site_id: int,
    base_url: str,
    user_id: int,
    clock: Callable[[], datetime],
) -> str:
    """The page at the site where a person lets us in; the way back is good once, for half an hour.

    :raises NotFound: the account has no such site.
    :raises InvalidInput: the address may not be used, or the site does not offer it.
    :raises DomainError: the site does not answer.
    """
    allowed = settings.SITE_PRIVATE_ADDRESSES
    if (problem := address_problem(base_url, is_private_allowed=allowed)) is not None:
        raise InvalidInput("That address cannot be used.", base_url=[problem])
    with tenant(account.pk, read_only=True):
        site = accounts.site(account=account, site_id=site_id)
    url = normal_address(base_url)
    page = _authorize_page(url)
    state = _remember(account=account, site_id=site.pk, base_url=url, user_id=user_id, now=clock())
    back = f"{settings.PUBLIC_URL}/connect/wordpress/{account.pk}/{state}/"
    query = urlencode(
        {
            "app_name": APP_NAME,
            "app_id": str(uuid5(NAMESPACE_URL, settings.PUBLIC_URL)),
            "success_url": back,
            "reject_url": f"{back}?rejected=1",
        }
    )
    return f"{page}{'&' if '?' in page else '?'}{query}"


@tenant_atomic()
def finish_connecting(
    *,
    account: Account,
    state: str,
    user_id: int,
    username: str,
    application_password: str,
    now: datetime,
) -> SiteIntegration:
    """Store what the site sent along with the person who came back; the way is closed then.

    A worker examines the site next.

    :raises NotFound: no such way for this person, used already, or too late.
    :raises InvalidInput: nothing that can be a password came along.
    """
    asked = _use(account, state, user_id, now)
    given = {"username": username, "application_password": application_password}
    return _connect(
        account=account,
        site_id=asked.site_id,
        platform=Platform.WORDPRESS,
        config={"base_url": asked.base_url},
        credentials=given,
        now=now,
    )


@tenant_atomic()
def connect_site(
    *,
    account: Account,
    site_id: int,
    platform: Platform,
    config: Mapping[str, Any],
    credentials: Mapping[str, str],
    now: datetime,
) -> SiteIntegration:
    """Connect a site, or connect it again after it was disconnected; a worker examines it next.

    :raises NotFound: the account has no such site.
    :raises IntegrationExists: it is connected to such a platform; nothing was written.
    :raises InvalidInput: as in :func:`create_integration`.
    """
    site = accounts.site(account=account, site_id=site_id)
    same = selectors.integrations(account=account, site=site, platform=platform).first()
    if same is not None and same.credentials:
        raise IntegrationExists("The site has such a connection.", integration_id=same.pk)
    return _connect(
        account=account,
        site_id=site_id,
        platform=platform,
        config=config,
        credentials=credentials,
        now=now,
    )


def _connect(
    *,
    account: Account,
    site_id: int,
    platform: Platform,
    config: Mapping[str, Any],
    credentials: Mapping[str, str],
    now: datetime,
) -> SiteIntegration:
    site = accounts.site(account=account, site_id=site_id)
    found = selectors.integrations(account=account, site=site, platform=platform).first()
    if found is None:
        row = create_integration(
            account=account,
            site_id=site_id,
            platform=platform,
            config=config,
            credentials=credentials,
        )
    else:
        row = change_integration(
            account=account,
            integration_id=found.pk,
            config=config,
            credentials=credentials,
            is_active=True,
            now=now,
        )
    return request_check(account=account, integration_id=row.pk, now=now)


@tenant_atomic()
def give_up_connecting(*, account: Account, state: str, user_id: int, now: datetime) -> None:
    """Close the way of somebody who said no at the site.

    :raises NotFound: no such way for this person, used already, or too late.
    """
    _use(account, state, user_id, now)


def _authorize_page(base_url: str) -> str:
    """:raises InvalidInput: the site offers none, or one at another server."""
    http = http_client(base_url)
    try:
        answer = http.discover(f"{base_url}/wp-json/")
    finally:
        http.close()
    root, _ = parse(answer.body)
    offered = root.get("authentication") if isinstance(root, dict) else None
    found: dict[str, Any] = offered if isinstance(offered, dict) else {}
    endpoints = (found.get("application-passwords") or {}).get("endpoints") or {}
    page = str(endpoints.get("authorization", ""))
    if not same_origin(page, base_url) or not same_origin(answer.url, base_url):
        raise InvalidInput(
            "The site does not offer to let applications in.",
            base_url=["enter an application password instead; a check says what is in the way"],
        )
    return page


@tenant_atomic()
def _remember(*, account: Account, site_id: int, base_url: str, user_id: int, now: datetime) -> str:
    state = secrets.token_urlsafe(32)
    ConnectRequest.objects.for_account(account).filter(expires_at__lte=now - GOOD_FOR).delete()
    ConnectRequest(
        account_id=account.pk,
        site_id=site_id,
        user_id=user_id,
        state_hash=_hash(state),
        base_url=base_url,
        expires_at=now + GOOD_FOR,
    ).save()
    return state


def _use(account: Account, state: str, user_id: int, now: datetime) -> ConnectRequest:
    rows = ConnectRequest.objects.for_account(account).filter(
        state_hash=_hash(state), user_id=user_id, used_at=None, expires_at__gt=now
    )
    found: ConnectRequest | None = rows.select_related("site").first()
    if found is None or rows.filter(pk=found.pk).update(used_at=now, updated_at=now) != 1:
        raise NotFound("This way has been used, or it was too late: connect the site again.")
    return found


def _hash(state: str) -> str:
    return sha256(state.encode()).hexdigest()
