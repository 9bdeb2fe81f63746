"""``igny8 publish``: articles to connected sites, now and here, without a worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.integrations import account_of_integration, running
from igny8_core.cli.keywords import DATA_DIR, JSON
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from igny8_core.auth.models import Account

INTEGRATION = click.option(
    "--integration", "integration_id", type=int, required=True, help="Number of the connection."
)
CONTENTS = click.argument("content_ids", type=int, nargs=-1, required=True, metavar="CONTENT…")
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])


@click.group()
def publish() -> None:
    """Send articles to connected sites, hide them there, try again."""


@publish.command()
@INTEGRATION
@CONTENTS
@click.option("--at", "publish_at", type=MOMENT, help="Not before this time (UTC).")
@click.option("--again", is_flag=True, help="Make anew what was deleted at the site.")
@JSON
@DATA_DIR
def send(
    *,
    integration_id: int,
    content_ids: tuple[int, ...],
    publish_at: datetime | None,
    again: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Publish articles, or update them. What does not get through is tried again by a worker."""
    with running("publish", data_dir):
        from datetime import UTC

        from django.utils import timezone

        from igny8_core.business.publishing.services.ask import request_publishing

        account = account_of_integration(integration_id)
        records = request_publishing(
            account=account,
            integration_id=integration_id,
            content_ids=content_ids,
            publish_at=publish_at.replace(tzinfo=UTC) if publish_at else None,
            again=again,
            now=timezone.now(),
        )
        is_later = publish_at is not None and publish_at.replace(tzinfo=UTC) > timezone.now()
        done = [_shown(r) if is_later else _delivered(account, r.pk) for r in records]
    _show(done, as_json=as_json)


@publish.command()
@INTEGRATION
@CONTENTS
@JSON
@DATA_DIR
def withdraw(
    *, integration_id: int, content_ids: tuple[int, ...], as_json: bool, data_dir: Path | None
) -> None:
    """Hide articles at a site; they stay there as drafts."""
    with running("publish", data_dir):
        from igny8_core.business.publishing.services.ask import request_withdrawal

        account = account_of_integration(integration_id)
        records = [
            request_withdrawal(
                account=account, integration_id=integration_id, content_id=content_id
            )
            for content_id in content_ids
        ]
        done = [_delivered(account, record.pk) for record in records]
    _show(done, as_json=as_json)


@publish.command()
@INTEGRATION
@click.argument("record_ids", type=int, nargs=-1, required=True, metavar="RECORD…")
@click.option("--overwrite", is_flag=True, help="Write over what was changed at the site.")
@JSON
@DATA_DIR
def retry(
    *,
    integration_id: int,
    record_ids: tuple[int, ...],
    overwrite: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Try failed records again."""
    with running("publish", data_dir):
        from django.utils import timezone

        from igny8_core.business.publishing.services.ask import retry_publishing

        account = account_of_integration(integration_id)
        for record_id in record_ids:
            retry_publishing(
                account=account, record_id=record_id, overwrite=overwrite, now=timezone.now()
            )
        done = [_delivered(account, record_id) for record_id in record_ids]
    _show(done, as_json=as_json)


@publish.command()
@INTEGRATION
@click.option("--all", "with_past", is_flag=True, help="Also what is not live any more.")
@JSON
@DATA_DIR
def status(*, integration_id: int, with_past: bool, as_json: bool, data_dir: Path | None) -> None:
    """What is live at a site, on its way, or failed."""
    with running("publish", data_dir):
        from igny8_core.business.integration import selectors as integrations
        from igny8_core.business.publishing import selectors
        from igny8_core.common.tenancy.context import tenant

        account = account_of_integration(integration_id, changes=False)
        with tenant(account.pk, read_only=True):
            row = integrations.integration(account=account, integration_id=integration_id)
            records = selectors.publishing_records(account=account, integration=row)
            found = [_shown(r) for r in records if with_past or r.retired_at is None]
    _show(found, as_json=as_json)


def _delivered(account: Account, record_id: int) -> dict[str, Any]:
    """The record after one attempt."""
    from django.utils import timezone

    from igny8_core.business.publishing import selectors
    from igny8_core.business.publishing.services.deliver import deliver
    from igny8_core.common.tenancy.context import tenant

    try:
        deliver(account=account, record_id=record_id, clock=timezone.now)
    except DomainError as exc:
        click.echo(f"igny8 publish: {exc.message} [{exc.code}]", err=True)
    with tenant(account.pk, read_only=True):
        return _shown(selectors.publishing_records(account=account).get(pk=record_id))


def _shown(record: Any) -> dict[str, Any]:
    return {
        "record": record.pk,
        "action": record.action,
        "content": record.content_id,
        "revision": record.revision,
        "status": record.status,
        "url": record.destination_url,
        "error": record.error,
        "drift": record.metadata.get("drift", []),
        "publish_at": record.publish_at.isoformat() if record.publish_at else None,
    }


def _show(records: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(records))
        return
    for record in records:
        where = record["url"] or record["error"] or record["publish_at"] or ""
        click.echo(f"content {record['content']}, revision {record['revision']}: "
                   f"{_word(record)} {where}")  # fmt: skip
        if record["drift"]:
            click.echo(f"  the site changed: {', '.join(record['drift'])}")


def _word(record: dict[str, Any]) -> str:
    """What became of it, in one word; of a failed one also the number that `retry` wants."""
    if record["status"] == "failed":
        return f"failed (record {record['record']})"
    is_hidden = record["action"] == "withdraw" and record["status"] == "published"
    return "hidden" if is_hidden else str(record["status"])
