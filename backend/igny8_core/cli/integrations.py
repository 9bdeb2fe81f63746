"""``igny8 integrations``: connect sites, examine them, bring over what they have."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.database import database
from igny8_core.cli.keywords import DATA_DIR, JSON, SITE, account_of
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from igny8_core.auth.models import Account

ID = click.argument("integration_id", type=int)
STDIN = "-"
USERNAME = click.option(
    "--username", default="", help="Who signs in there; of Shopify the client id."
)
SECRET = click.option(
    "--secret",
    prompt="Application password or secret",
    hide_input=True,
    help="Asked for when it is left out; `-` reads it from standard input.",
)
REFRESH = click.option(
    "--refresh-token",
    default="",
    help="Of Shopify, where the application is of another organisation; `-` reads the next line.",
)
SECRET_FIELDS = {
    "wordpress": ("username", "application_password"),
    "shopify": ("client_id", "client_secret"),
    "custom": ("", "secret"),
}


@click.group()
def integrations() -> None:
    """Connections of sites to WordPress, Shopify and others."""


@integrations.command("list")
@SITE
@JSON
@DATA_DIR
def list_(*, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """The connections of a site."""
    with running("integrations", data_dir):
        from igny8_core.business.integration import selectors
        from igny8_core.common.tenancy.context import tenant

        account = account_of(site_id, changes=False)
        with tenant(account.pk, read_only=True):
            rows = selectors.integrations(account=account).filter(site_id=site_id)
            found = [_shown(row) for row in rows]
    if as_json:
        click.echo(json.dumps(found))
        return
    for row in found:
        click.echo(f"{row['id']}: {row['platform']} {row['base_url']} ({row['status']})")


@integrations.command()
@SITE
@click.option("--platform", type=click.Choice(sorted(SECRET_FIELDS)), default="wordpress")
@click.option("--url", "base_url", required=True, help="Address of the site, https.")
@USERNAME
@SECRET
@REFRESH
@JSON
@DATA_DIR
def connect(
    *,
    site_id: int,
    platform: str,
    base_url: str,
    username: str,
    secret: str,
    refresh_token: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Connect a site, and examine it at once. An application password is made at the site."""
    credentials = _credentials(platform, username, secret, refresh_token)
    with running("integrations", data_dir):
        from igny8_core.business.integration.services.integrations import create_integration

        account = account_of(site_id)
        row = create_integration(
            account=account,
            site_id=site_id,
            platform=platform,
            config={"base_url": base_url},
            credentials=credentials,
        )
        report = _examined(account, row.pk, is_writing=True)
    _show_report({"id": row.pk, **report}, as_json=as_json)


@integrations.command("credentials")
@ID
@USERNAME
@SECRET
@REFRESH
@JSON
@DATA_DIR
def change_credentials(
    *,
    integration_id: int,
    username: str,
    secret: str,
    refresh_token: str,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Give a connection new credentials, and examine it at once. The old ones are forgotten."""
    with running("integrations", data_dir):
        from django.utils import timezone

        from igny8_core.business.integration import selectors
        from igny8_core.business.integration.services.integrations import change_integration
        from igny8_core.common.tenancy.context import tenant

        account = account_of_integration(integration_id)
        with tenant(account.pk, read_only=True):
            row = selectors.integration(account=account, integration_id=integration_id)
        change_integration(
            account=account,
            integration_id=integration_id,
            credentials=_credentials(row.platform, username, secret, refresh_token),
            now=timezone.now(),
        )
        report = _examined(account, integration_id, is_writing=True)
    _show_report({"id": integration_id, **report}, as_json=as_json)


@integrations.command()
@ID
@click.option("--no-write", is_flag=True, help="Make no test draft and no test image.")
@JSON
@DATA_DIR
def doctor(*, integration_id: int, no_write: bool, as_json: bool, data_dir: Path | None) -> None:
    """Examine a site: what is in the way of publishing, and what helps. Exit 1 on a problem."""
    with running("integrations", data_dir):
        account = account_of_integration(integration_id, changes=not no_write)
        report = _examined(account, integration_id, is_writing=not no_write)
    _show_report({"id": integration_id, **report}, as_json=as_json)
    if not report["is_ok"]:
        sys.exit(1)


@integrations.command()
@ID
@click.option("--quick", is_flag=True, help="Only what was changed since the last time.")
@JSON
@DATA_DIR
def sync(*, integration_id: int, quick: bool, as_json: bool, data_dir: Path | None) -> None:
    """Bring over what the site has, now and here."""
    with running("integrations", data_dir):
        from django.utils import timezone

        from igny8_core.business.integration.services.sync import sync_integration

        counts = sync_integration(
            account=account_of_integration(integration_id),
            integration_id=integration_id,
            is_full=not quick,
            clock=timezone.now,
        )
    if as_json:
        click.echo(json.dumps(counts))
        return
    shown = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()) if count)
    click.echo(shown or "nothing new")


@integrations.command()
@ID
@click.option("--failed", is_flag=True, help="Only what went wrong.")
@click.option("--search", "q", default="", help="A part of the error, or an id at the site.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@JSON
@DATA_DIR
def events(
    *, integration_id: int, failed: bool, q: str, limit: int, as_json: bool, data_dir: Path | None
) -> None:
    """What was exchanged with a site, the newest first."""
    with running("integrations", data_dir):
        from igny8_core.business.integration import selectors
        from igny8_core.common.tenancy.context import tenant

        account = account_of_integration(integration_id, changes=False)
        with tenant(account.pk, read_only=True):
            row = selectors.integration(account=account, integration_id=integration_id)
            rows = selectors.sync_events(
                account=account, integration=row, q=q, success=False if failed else None
            )
            found = [_event(event) for event in rows.order_by("-pk")[:limit]]
    if as_json:
        click.echo(json.dumps(found))
        return
    for event in found:
        what = f"{event['type']} {event['action']}"
        content = f" content {event['content']}" if event["content"] else ""
        said = "ok" if event["success"] else f"{event['code']}: {event['error']}"
        click.echo(f"{event['at']}  {what}{content}  {said}")


@integrations.command()
@ID
@DATA_DIR
def pause(*, integration_id: int, data_dir: Path | None) -> None:
    """Let nothing more go to the site or come from it."""
    _move("pause_sync", integration_id, data_dir, changes=False)


@integrations.command()
@ID
@DATA_DIR
def resume(*, integration_id: int, data_dir: Path | None) -> None:
    """Go on with a paused site."""
    _move("resume_sync", integration_id, data_dir)


@integrations.command()
@ID
@DATA_DIR
def disconnect(*, integration_id: int, data_dir: Path | None) -> None:
    """Forget the credentials and stop; says what stays at the site."""
    with running("integrations", data_dir):
        from igny8_core.business.integration import selectors
        from igny8_core.business.integration.services import integrations as services
        from igny8_core.common.tenancy.context import tenant

        account = account_of_integration(integration_id, changes=False)
        row = services.disconnect_integration(account=account, integration_id=integration_id)
        with tenant(account.pk, read_only=True):
            live = selectors.live_items(account=account, integration=row).count()
    click.echo(services.what_stays(live))


@integrations.command()
@ID
@JSON
@DATA_DIR
def webhook(*, integration_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Make a new secret for the site's messages, and show it this once."""
    with running("integrations", data_dir):
        from django.utils import timezone

        from igny8_core.business.integration.services.webhook_secrets import set_up_webhook

        made = set_up_webhook(
            account=account_of_integration(integration_id),
            integration_id=integration_id,
            clock=timezone.now,
        )
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"Address: {made['url']}\nSecret:  {made['secret']}")
    click.echo("The companion plugin has it." if made["is_set_up"] else "Enter both at the site.")


@integrations.command("rotate-credentials")
@click.option("--account", "slug", required=True, help="Slug of the account.")
@DATA_DIR
def rotate(*, slug: str, data_dir: Path | None) -> None:
    """Seal an account's credentials with the newest of IGNY8_CREDENTIAL_KEYS."""
    with running("integrations", data_dir):
        from igny8_core.auth import selectors
        from igny8_core.business.integration.services.credentials import rotate_credentials
        from igny8_core.common.errors import NotFound

        account = selectors.account_by_slug(slug)
        if account is None:
            raise NotFound(f"There is no account {slug!r}.")
        done = rotate_credentials(account=account)
    click.echo(f"{done:,} sealed again")


@contextmanager
def running(command: str, data_dir: Path | None) -> Iterator[None]:
    """Django on the installation's database; a refusal is one line, and exit 1."""
    try:
        with database(data_dir):
            yield
    except DomainError as exc:
        text = " ".join([exc.message, *exc.texts])
        click.echo(f"igny8 {command}: {text} [{exc.code}]", err=True)
        sys.exit(1)


def account_of_integration(integration_id: int, *, changes: bool = True) -> Account:
    """Whose connection it is.

    :param changes: whether something is to be changed or started.
    :raises NotFound: no such connection.
    :raises AccountSuspended: it can only be read.
    """
    from igny8_core.auth import selectors as accounts
    from igny8_core.auth.access.entrance import refuse_unless_open
    from igny8_core.business.integration import selectors

    account = accounts.account(selectors.account_id_of_integration(integration_id))
    refuse_unless_open(account, changes=changes)
    return account


def _credentials(platform: str, username: str, secret: str, refresh_token: str) -> dict[str, str]:
    """What was given, as the platform calls it."""
    name, word = SECRET_FIELDS[platform]
    given = {word: _typed(secret)}
    if name:
        given[name] = username
    if refresh_token:
        given["refresh_token"] = _typed(refresh_token)
    return given


def _typed(value: str) -> str:
    """A secret that was given, or that stands on the next line of standard input."""
    return sys.stdin.readline().strip() if value == STDIN else value


def _move(
    service: str, integration_id: int, data_dir: Path | None, *, changes: bool = True
) -> None:
    """:param changes: False for what stops things: a suspended account may do it."""
    with running("integrations", data_dir):
        from django.utils import timezone

        from igny8_core.business.integration.services import integrations as services

        move: Any = getattr(services, service)
        row = move(
            account=account_of_integration(integration_id, changes=changes),
            integration_id=integration_id,
            now=timezone.now(),
        )
        click.echo(f"{row.pk} is {row.sync_status}.")


def _examined(account: Account, integration_id: int, *, is_writing: bool) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.integration.services.check import check_integration

    report = check_integration(
        account=account, integration_id=integration_id, is_writing=is_writing, clock=timezone.now
    )
    return {"is_ok": report.is_ok, "findings": [asdict(finding) for finding in report.findings]}


def _show_report(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"Connection {report['id']}:")
    for finding in report["findings"]:
        click.echo(f"  {'ok ' if finding['is_ok'] else 'NOT'} {finding['text']}")
        if finding["fix"]:
            click.echo(f"      {finding['fix']}")


def _event(row: Any) -> dict[str, Any]:
    return {
        "at": row.created_at.isoformat(timespec="seconds"),
        "type": row.event_type,
        "action": row.action,
        "success": row.success,
        "content": row.content_id,
        "external_id": row.external_id,
        "code": row.details.get("code", ""),
        "error": row.error,
    }


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "platform": row.platform,
        "base_url": row.config.get("base_url", ""),
        "status": row.sync_status if row.is_active else "disconnected",
    }
