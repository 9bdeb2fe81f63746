"""``igny8 account``: whole accounts out and in, and their lifecycle."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.database import database
from igny8_core.cli.keywords import NumberRange
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account

GIB = 2**30
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the installation. Default: IGNY8_DATA_DIR.",
)
REASON = click.option("--reason", required=True, help="Why; it goes into the account's trail.")


@click.group()
def account() -> None:
    """Export and import whole accounts; suspend, reactivate, close and erase them."""


@account.command("export")
@click.argument("slug")
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The archive. Default: igny8-account-SLUG-DATE.zip in this folder.",
)
@JSON
@DATA_DIR
def export_(*, slug: str, target: Path | None, as_json: bool, data_dir: Path | None) -> None:
    """Write the account SLUG into one archive: rows, files, no secret."""
    with _command(data_dir):
        from django.utils import timezone

        from igny8_core.transfer.export_account import export_account

        name = f"igny8-account-{slug}-{timezone.now():%Y-%m-%d}.zip"
        file = target or Path(name)
        done = export_account(account=_account(slug), target=file, clock=timezone.now)
    report = {
        "file": str(file),
        "size_bytes": done.size_bytes,
        "rows": done.rows,
        "history": done.history,
        "files": done.files,
        "missing_files": done.missing,
        "left_out": done.left_out,
    }
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"{file}: {done.size_bytes:,} bytes, {sum(done.rows.values()):,} rows,")
    click.echo(f"  {sum(done.history.values()):,} records of history, {done.files:,} files")
    for path in done.missing:
        click.echo(f"  missing: {path}", err=True)
    click.echo("Left out:")
    for what, why in done.left_out.items():
        click.echo(f"  {what}: {why}")


@account.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--owner", "owner_email", default="", help="E-mail address of the owner.")
@click.option("--name", default="", help="Name of the new account. Default: the archive's.")
@click.option("--plan", "plan_code", default="", help="Its plan. Default: the archive's, or free.")
@click.option(
    "--with-credits", is_flag=True, help="Grant the balance that the archive says it had."
)
@click.option(
    "--max-gib",
    type=NumberRange(0, 10_000, min_open=True),
    default=50,
    show_default=True,
    help="The most that the archive may unpack to.",
)
@JSON
@DATA_DIR
def import_(
    *,
    file: Path,
    owner_email: str,
    name: str,
    plan_code: str,
    with_credits: bool,
    max_gib: float,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Make a new account of the archive FILE: all of it, or nothing."""
    with _command(data_dir):
        from django.utils import timezone

        from igny8_core.common.tenancy.context import acting
        from igny8_core.transfer.import_account import import_account

        with acting("command:account import"):
            done = import_account(
                path=file,
                owner_email=owner_email,
                name=name,
                plan_code=plan_code,
                with_credits=with_credits,
                max_bytes=int(max_gib * GIB),
                clock=timezone.now,
            )
    report = {
        "account": done.account.slug,
        "account_id": done.account.pk,
        "rows": done.rows,
        "files": done.files,
        "files_dropped": done.files_dropped,
        "people_not_here": done.people_not_here,
        "credits": done.credits,
    }
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"{done.account.name} ({done.account.slug}): {sum(done.rows.values()):,} rows,")
    click.echo(f"  {done.files:,} files, {done.credits:,} credits granted")
    for email in done.people_not_here:
        click.echo(f"  not here, invite them: {email}")


@account.command()
@click.argument("slug")
@REASON
@DATA_DIR
def suspend(*, slug: str, reason: str, data_dir: Path | None) -> None:
    """Stop work and changes in the account SLUG; reading goes on."""
    _move("suspend_account", slug, reason, data_dir)


@account.command()
@click.argument("slug")
@REASON
@DATA_DIR
def reactivate(*, slug: str, reason: str, data_dir: Path | None) -> None:
    """Let the suspended account SLUG work again."""
    _move("reactivate_account", slug, reason, data_dir)


@account.command()
@click.argument("slug")
@REASON
@DATA_DIR
def close(*, slug: str, reason: str, data_dir: Path | None) -> None:
    """End the account SLUG for good; its rows stay."""
    _move("close_account", slug, reason, data_dir)


@account.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
@DATA_DIR
def erase(*, slug: str, yes: bool, as_json: bool, data_dir: Path | None) -> None:
    """Remove the work of the closed account SLUG for good; its books stay."""
    if not yes:
        question = f"Remove sites, content, files and people of {slug!r}? Nothing brings them back"
        click.confirm(question, abort=True, err=True)
    with _command(data_dir):
        from igny8_core.common.tenancy.context import acting
        from igny8_core.transfer.erase_account import erase_account

        with acting("command:account erase"):
            done = erase_account(account=_account(slug))
    if as_json:
        click.echo(json.dumps({"rows": done.rows, "files": done.files, "people": done.people}))
        return
    click.echo(f"{slug}: {sum(done.rows.values()):,} rows, {done.files:,} files and", nl=False)
    click.echo(f" {done.people:,} people are gone; ledger, invoices, payments and trail stay.")


def _move(service: str, slug: str, reason: str, data_dir: Path | None) -> None:
    with _command(data_dir):
        from django.utils import timezone

        from igny8_core.auth import services
        from igny8_core.common.tenancy.context import acting

        move: Any = getattr(services, service)
        with acting("command:account"):
            done = move(account=_account(slug), reason=reason, now=timezone.now())
        click.echo(f"{done.name} ({done.slug}) is {done.get_status_display().lower()}.")


def _account(slug: str) -> Account:
    from igny8_core.auth import selectors
    from igny8_core.common.errors import NotFound

    found = selectors.account_by_slug(slug)
    if found is None:
        raise NotFound(f"There is no account {slug!r}.")
    return found


@contextmanager
def _command(data_dir: Path | None) -> Iterator[None]:
    """Django on the installation's database; a refusal is one line, and exit 1."""
    try:
        with database(data_dir):
            yield
    except DomainError as exc:
        click.echo(f"igny8 account: {' '.join([exc.message, *exc.texts])} [{exc.code}]", err=True)
        sys.exit(1)
