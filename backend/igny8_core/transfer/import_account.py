"""An archive into a new account: all of it in one transaction, or nothing.

Rows are inserted as the runtime role inside the new account's own block: whatever an archive
says, it cannot write a row of another account.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Final

from django.core.files.base import File
from django.core.files.storage import storages
from django.db import connection

from igny8_core.auth import plan_limits, selectors
from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.models import Membership, Plan, User
from igny8_core.auth.services.opening import FREE_PLAN, insert_account, reserve_account
from igny8_core.auth.states import Role
from igny8_core.business.billing.services.lots import grant_credits
from igny8_core.business.billing.states import TransactionType
from igny8_core.business.planning.services.keyword_limit import use_of_keywords
from igny8_core.common.tenancy.context import tenant
from igny8_core.transfer import catalog, histories, insert_rows, references, rewrites
from igny8_core.transfer.archive import MAX_BYTES, opened
from igny8_core.transfer.errors import ArchiveInvalid, ImportRefused
from igny8_core.transfer.ids import Ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from igny8_core.auth.models import Account
    from igny8_core.transfer.archive import Archive

MAX_FILE_BYTES: Final = 512 * 2**20
SPOOLED_BYTES: Final = 16 * 2**20


@dataclass(frozen=True)
class Imported:
    """What an import made.

    :ivar people_not_here: addresses of members whom nobody here has: they can be invited.
    :ivar files_dropped: files of the archive that are of no row, or have no place.
    :ivar credits: how many were granted.
    """

    account: Account
    rows: dict[str, int]
    files: int
    files_dropped: int
    people_not_here: list[str]
    credits: int


@dataclass
class _Written:
    """Files outside the database, to be taken back if the transaction is."""

    files: list[tuple[str, str]] = field(default_factory=list)

    def take_back(self) -> None:
        for storage, path in self.files:
            with suppress(OSError):
                storages[storage].delete(path)


def import_account(
    *,
    path: Path,
    owner_email: str = "",
    name: str = "",
    plan_code: str = "",
    with_credits: bool = False,
    max_bytes: int = MAX_BYTES,
    clock: Callable[[], datetime],
) -> Imported:
    """Make a new account of an archive. Outside tenant blocks.

    New ids throughout; industries, sectors and seed keywords are found by their names, people by
    their addresses. Texts of seed keywords that are new here stay even if the import fails: they
    are of no account.

    :param owner_email: who owns the new account; made when nobody has the address. Without one,
        an owner of the archive's account must be here.
    :param plan_code: by default the archive's plan if there is one of that code, else the free one.
    :param with_credits: grant what the archive says the account had. Whoever holds an archive can
        write any figure into it.
    :param max_bytes: the most that the archive may unpack to.
    :raises ArchiveInvalid: no archive, damaged, or of another version; nothing was imported.
    :raises ArchiveTooLarge: it would unpack to more; nothing was imported.
    :raises ImportRefused: by option; nothing was imported.
    :raises PlanLimitReached: the plan is too small for it; nothing was imported.
    """
    with opened(path, max_bytes=max_bytes) as archive:
        histories.refuse_bad_names(archive.manifest.history)
        insert_rows.refuse_other_versions(archive.manifest)
        plan = _plan(archive, plan_code)
        _refuse_too_small(plan, archive)
        reserved = reserve_account(name or archive.manifest.account.name)
        ids = Ids(reserved.pk)
        people = references.find_all(archive, ids, now=clock())
        _refuse_without_owner(archive, ids, owner_email)
        written = _Written()
        try:
            with tenant(reserved.pk):
                _take_time()
                account = insert_account(_account_of(archive, reserved, plan))
                rows = _insert_all(archive, ids)
                _make_owner(account, owner_email)
                _refuse_over(account, now=clock())
                files, dropped = _copy_files(archive, ids, written)
                _keep_history(archive, account, written)
                granted = _grant(archive, path, account, clock()) if with_credits else 0
        except BaseException:
            written.take_back()
            raise
    return Imported(
        account=selectors.account(reserved.pk),
        rows=rows,
        files=files,
        files_dropped=dropped,
        people_not_here=people,
        credits=granted,
    )


def _take_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL statement_timeout = '10min'")


def _plan(archive: Archive, code: str) -> Plan:
    if code:
        found = Plan.objects.filter(code=code, is_active=True).first()
        if found is None:
            raise ImportRefused("Nothing was imported.", plan=[f"There is no plan {code!r}."])
        return found
    wanted = Plan.objects.filter(code=archive.manifest.account.plan or FREE_PLAN, is_active=True)
    plan = wanted.first() or Plan.objects.filter(code=FREE_PLAN, is_active=True).first()
    if plan is None:
        text = "There is no plan yet: run igny8 manage load_reference_data."
        raise ImportRefused("Nothing was imported.", plan=[text])
    return plan


def _refuse_too_small(plan: Plan, archive: Archive) -> None:
    """Early, by what the manifest says; the rows have the last word."""
    in_use = archive.manifest.account.in_use
    for what, limit in (("sites", plan.max_sites), ("keywords", plan.max_keywords)):
        _refuse_beyond(plan, what, plan_limits.Use(limit, in_use.get(what, 0)))


def _refuse_over(account: Account, *, now: datetime) -> None:
    assert account.plan is not None, "an import has a plan"  # noqa: S101 - only a bug can break it
    uses = {
        "sites": plan_limits.use_of_sites(account=account),
        "people": plan_limits.use_of_people(account=account, now=now),
        "keywords": use_of_keywords(account=account),
    }
    for what, use in uses.items():
        _refuse_beyond(account.plan, what, use)


def _refuse_beyond(plan: Plan, what: str, use: plan_limits.Use) -> None:
    if use.limit is not None and use.in_use > use.limit:
        raise PlanLimitReached(
            f"The plan {plan.name} allows {use.limit:,} {what}; the archive has {use.in_use:,}."
            " Name a larger plan.",
            limit=use.limit,
            in_use=use.in_use,
        )


def _refuse_without_owner(archive: Archive, ids: Ids, owner_email: str) -> None:
    """An account needs somebody who can enter it."""
    table = archive.manifest.rows.get("igny8_auth.Membership")
    if owner_email or table is None:
        return
    owners = [row for row in archive.objects(table) if row.get("role") == Role.OWNER]
    if not any(ids.get(catalog.USER, row.get("user_id")) for row in owners):
        text = "None of the account's owners is here. Say who owns it."
        raise ImportRefused("Nothing was imported.", owner=[text])


def _account_of(archive: Archive, reserved: Account, plan: Plan) -> Account:
    data = archive.manifest.account
    reserved.plan = plan
    reserved.country_code, reserved.timezone = data.country_code, data.timezone
    reserved.retention_days = data.retention_days
    reserved.max_credits_per_day, reserved.settings = data.max_credits_per_day, data.settings
    return reserved


def _insert_all(archive: Archive, ids: Ids) -> dict[str, int]:
    found = {}
    for label in catalog.portable():
        if (table := archive.manifest.rows.get(label)) is not None:
            found[label] = insert_rows.insert_table(archive, table, label, ids)
    return found


def _make_owner(account: Account, email: str) -> None:
    """The person who was named; those of the archive keep their roles."""
    if not email:
        return
    person = User.objects.filter(email=email.strip().lower()).first()
    person = person or User.objects.create_user(email)
    row = Membership.objects.filter(user=person).first() or Membership(account=account, user=person)
    row.role = Role.OWNER
    row.save()


def _copy_files(archive: Archive, ids: Ids, written: _Written) -> tuple[int, int]:
    """Files to where rows look for them. Their names are digests of what they hold."""
    copied = dropped = 0
    for record in archive.files():
        place = rewrites.place_of(record.storage, record.path, ids)
        if record.size_bytes > MAX_FILE_BYTES:
            raise ArchiveInvalid(f"{record.entry} is larger than 512 MiB.")
        with SpooledTemporaryFile(max_size=SPOOLED_BYTES) as data:
            for block in archive.blocks(record):  # read to the end: it may be damaged
                data.write(block)
            if place is None:
                dropped += 1
                continue
            path, digest = place
            if not record.sha256.startswith(digest):
                raise ArchiveInvalid(f"{record.entry} is not the file that its name says.")
            data.seek(0)
            if not storages[record.storage].exists(path):
                written.files.append((record.storage, path))
                storages[record.storage].save(path, File(data))
            copied += 1
    return copied, dropped


def _keep_history(archive: Archive, account: Account, written: _Written) -> None:
    manifest = archive.manifest
    origin = histories.origin_of(manifest.account.slug, manifest.made_at)
    for name, table in manifest.history.items():
        if table.rows == 0:
            continue
        lines = archive.lines(table.entry)
        path = histories.keep(lines, account_id=account.pk, origin=origin, name=name)
        written.files.append((histories.STORAGE, path))


def _grant(archive: Archive, path: Path, account: Account, now: datetime) -> int:
    """The old balance as one lot: the ledger itself begins anew, its history stays readable."""
    data = archive.manifest.account
    if data.credits < 1:
        return 0
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    grant_credits(
        account=account,
        amount=data.credits,
        type=TransactionType.ADJUSTMENT,
        idempotency_key=f"import:{digest[:40]}",
        metadata={"imported_from": data.slug, "made_at": archive.manifest.made_at},
        now=now,
    )
    return data.credits
