"""A site's connection to a platform: made, changed, paused, taken away. Nobody outside is asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import RestrictedError

from igny8_core.auth import selectors as accounts
from igny8_core.business.integration import selectors
from igny8_core.business.integration.errors import IntegrationExists, IntegrationInUse
from igny8_core.business.integration.models import SiteIntegration
from igny8_core.business.integration.services.credentials import check_credentials, seal_credentials
from igny8_core.business.integration.states import SYNC, ConflictPolicy, Platform, SyncStatus
from igny8_core.clients.addresses import address_problem, normal_address
from igny8_core.common.errors import InvalidInput
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account

_RULE = re.compile(r"off|approved|submitted")
FURTHER_SETTINGS = {
    Platform.WORDPRESS: {"markup": re.compile(r"blocks|classic"), "auto_publish": _RULE},
    Platform.SHOPIFY: {
        "blog_id": re.compile(r"gid://shopify/Blog/\d+"),
        "auto_publish": _RULE,
    },
    Platform.CUSTOM: {"auto_publish": _RULE},
}
"""By platform: names of what else ``config`` holds, and what a value looks like."""

SHOP = re.compile(r"https://[a-z0-9][a-z0-9-]*\.myshopify\.com")


@tenant_atomic()
def create_integration(
    *,
    account: Account,
    site_id: int,
    platform: str,
    config: Mapping[str, Any],
    credentials: Mapping[str, str],
) -> SiteIntegration:
    """Connect a site. The credentials are sealed, and not tried yet.

    :param config: ``base_url`` and, if wanted, ``conflict_policy``.
    :raises NotFound: the account has no such site.
    :raises IntegrationExists: the site has a connection to such a platform.
    :raises InvalidInput: the address may not be used, or credentials are missing; by dotted name.
    """
    site = accounts.site(account=account, site_id=site_id)
    same = selectors.integrations(account=account, site=site, platform=Platform(platform))
    if (found := same.first()) is not None:
        raise IntegrationExists("the site has such a connection", integration_id=found.pk)
    row = SiteIntegration(account=account, site=site, platform=platform)
    row.config = _checked(platform, {"conflict_policy": ConflictPolicy.ASK.value} | dict(config))
    given = check_credentials(platform, credentials)
    row.save()
    row.credentials = seal_credentials(row, given)
    row.save(update_fields=["credentials"])
    return row


@tenant_atomic()
def change_integration(
    *,
    account: Account,
    integration_id: int,
    config: Mapping[str, Any] | None = None,
    credentials: Mapping[str, str] | None = None,
    is_active: bool | None = None,
    is_sync_enabled: bool | None = None,
    now: datetime,
) -> SiteIntegration:
    """Change what is given. New credentials let a connection go on that was refused.

    :param config: the keys to change.
    :raises NotFound: the account has no such connection.
    :raises InvalidInput: as in :func:`create_integration`; another host without new credentials,
        which were given for the old one; or a connection without credentials is to be active.
    """
    row = _locked(account, integration_id)
    if config is not None:
        earlier, row.config = row.config, _checked(row.platform, row.config | dict(config))
        if credentials is None and row.credentials and _host(earlier) != _host(row.config):
            raise InvalidInput(
                "Another address needs its credentials.",
                credentials=["send them again: these were given for another host"],
            )
    if credentials is not None:
        row.credentials = seal_credentials(row, check_credentials(row.platform, credentials))
    row.is_active = row.is_active if is_active is None else is_active
    row.is_sync_enabled = row.is_sync_enabled if is_sync_enabled is None else is_sync_enabled
    if not row.credentials and (is_active or is_sync_enabled):
        raise InvalidInput("The site is disconnected.", credentials=["are missing"])
    row.save()
    if credentials is not None and row.sync_status == SyncStatus.AUTH_FAILED:
        _move(row, SyncStatus.IDLE, now, sync_error="")
    return row


@tenant_atomic()
def disconnect_integration(*, account: Account, integration_id: int) -> SiteIntegration:
    """Forget the credentials and stop; what was published stays where it is. Safe to repeat.

    :raises NotFound: the account has no such connection.
    """
    row = _locked(account, integration_id)
    row.credentials, row.webhook_secrets, row.capabilities = {}, {}, {}
    row.is_active, row.is_sync_enabled = False, False
    row.save()
    return row


def what_stays(live_items: int) -> str:
    """For the person who disconnects a site."""
    if not live_items:
        there = "No article of ours is live at the site"
    elif live_items == 1:
        there = "1 article stays live at the site"
    else:
        there = f"{live_items:,} articles stay live at the site"
    return (
        f"{there}; nothing there was changed or deleted. The credentials are forgotten: revoke"
        " them at the site, too. Connected again, everything is found again."
    )


@tenant_atomic()
def delete_integration(*, account: Account, integration_id: int) -> None:
    """Take a connection away that nothing was published through, with its log.

    :raises NotFound: the account has no such connection.
    :raises IntegrationInUse: something was; disconnect it instead. Nothing was changed.
    """
    row = _locked(account, integration_id)
    try:
        row.delete()
    except RestrictedError as exc:
        raise IntegrationInUse(
            "Something was published through it: disconnect it instead.",
            integration_id=integration_id,
        ) from exc


@tenant_atomic()
def pause_sync(*, account: Account, integration_id: int, now: datetime) -> SiteIntegration:
    """Let nothing more go to the site or come from it. A paused connection stays as it is.

    :raises NotFound: the account has no such connection.
    :raises TransitionNotAllowed: the site refuses us: new credentials come first.
    """
    return _to(account, integration_id, SyncStatus.PAUSED, now)


@tenant_atomic()
def resume_sync(*, account: Account, integration_id: int, now: datetime) -> SiteIntegration:
    """Go on. A connection that is not paused stays as it is.

    :raises NotFound: the account has no such connection.
    :raises TransitionNotAllowed: it is not paused; nothing was written.
    """
    return _to(account, integration_id, SyncStatus.IDLE, now)


def _to(
    account: Account, integration_id: int, status: SyncStatus, now: datetime
) -> SiteIntegration:
    row = _locked(account, integration_id)
    if row.sync_status != status:
        _move(row, status, now)
    return row


def _move(row: SiteIntegration, to: SyncStatus, now: datetime, **columns: Any) -> None:
    columns |= {"lease_expires_at": None, "failures": 0}
    advance(row, to, table=SYNC, now=now, field="sync_status", **columns)


def _locked(account: Account, integration_id: int) -> SiteIntegration:
    rows = selectors.integrations(account=account).select_for_update(of=("self",))
    return selectors.one_integration(rows, integration_id)


def _checked(platform: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config as it is kept."""
    problems: dict[str, list[str]] = {}
    url = str(config.get("base_url") or "")
    allowed = settings.SITE_PRIVATE_ADDRESSES
    if (problem := address_problem(url, is_private_allowed=allowed)) is not None:
        problems["config.base_url"] = [problem]
    elif platform == Platform.SHOPIFY and not SHOP.fullmatch(normal_address(url)):
        problems["config.base_url"] = ["must be https://<shop>.myshopify.com"]
    if config.get("conflict_policy") not in ConflictPolicy.values:
        problems["config.conflict_policy"] = [f"is one of {', '.join(ConflictPolicy.values)}"]
    further = FURTHER_SETTINGS.get(Platform(platform), {})
    kept = {}
    for name, value in config.items():
        if name in {"base_url", "conflict_policy"}:
            continue
        if name not in further:
            problems[f"config.{name}"] = ["there is no such setting"]
        elif not further[name].fullmatch(str(value)):
            problems[f"config.{name}"] = [f"must be like {further[name].pattern}"]
        else:
            kept[name] = str(value)
    if problems:
        raise InvalidInput("The site cannot be connected like this.", **problems)
    given = {"base_url": normal_address(url), "conflict_policy": config["conflict_policy"]}
    return given | kept


def _host(config: Mapping[str, Any]) -> str:
    return urlsplit(str(config.get("base_url") or "")).netloc
