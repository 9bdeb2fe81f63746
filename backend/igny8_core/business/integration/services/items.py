"""What an article is at a site: found, reserved, written, lost. Called by who delivers and imports.

Each change is one short transaction: a crash between two requests leaves what the site was last
seen to be, and the next attempt reads before it writes.
"""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.integration.models import ExternalItem, SiteIntegration
from igny8_core.business.integration.services.events import without_secrets
from igny8_core.business.integration.states import (
    EXTERNAL_ITEM,
    LIVE_WORDS,
    SYNC,
    ItemState,
    SyncStatus,
)
from igny8_core.common.errors import NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.url_keys import web_address

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.clients.destinations import Remote

SENT_KEPT: Final = 8
VERIFY_AFTER: Final = timedelta(minutes=10)
FAILURES_MAX: Final = 5
ERROR_LENGTH: Final = 500


def hash_of(watched: Mapping[str, Any]) -> str:
    """The fingerprint by which an item, or a body, is recognised."""
    return sha256(json.dumps(watched, sort_keys=True).encode()).hexdigest()


def is_unchanged(item: ExternalItem, watched: Mapping[str, Any]) -> bool:
    """Whether what stands there is what we last saw.

    By field, over the fields known then and now: a plugin that comes or goes is no edit.
    """
    if hash_of(watched) == item.remote_hash:
        return True
    known = item.metadata.get("fields") or {}
    common = known.keys() & watched.keys()
    return bool(common) and by_field({n: watched[n] for n in common}) == {
        name: known[name] for name in common
    }


def is_ours(item: ExternalItem, watched: Mapping[str, Any]) -> bool:
    """Whether it is what we last saw, or something that we have sent since."""
    return hash_of(watched) in item.sent_hashes or is_unchanged(item, watched)


def by_field(watched: Mapping[str, Any]) -> dict[str, str]:
    """A short fingerprint of each field."""
    return {name: hash_of({name: value})[:16] for name, value in watched.items()}


@tenant_atomic()
def item_of(
    *,
    account: Account,
    integration: SiteIntegration,
    content_id: int,
    external_type: str = "post",
) -> ExternalItem:
    """The item that an article is at a site; made when there is none yet."""
    rows = ExternalItem.objects.for_account(account)
    ExternalItem.unscoped.bulk_create(
        [
            ExternalItem(
                account_id=account.pk,
                site_id=integration.site_id,
                integration=integration,
                content_id=content_id,
                external_type=external_type,
            )
        ],
        ignore_conflicts=True,
    )
    found: ExternalItem = rows.get(integration=integration, content_id=content_id)
    return found


@tenant_atomic()
def find_item(
    *, account: Account, integration: SiteIntegration, content_id: int
) -> ExternalItem | None:
    """The item that an article is at a site, if it is one."""
    rows = ExternalItem.objects.for_account(account)
    return rows.filter(integration=integration, content_id=content_id).first()


@tenant_atomic()
def locked_item(*, account: Account, item_id: int) -> ExternalItem:
    """An item, locked until the transaction ends.

    :raises NotFound: it was deleted meanwhile.
    """
    rows = ExternalItem.objects.for_account(account).select_for_update()
    found: ExternalItem | None = rows.filter(pk=item_id).first()
    if found is None:
        raise NotFound("no such item", item_id=item_id)
    return found


def addresses_of(
    *, account: Account, integration: SiteIntegration, content_ids: Collection[int]
) -> dict[int, str]:
    """Where articles are at a site, of those that visitors see there."""
    rows = ExternalItem.objects.for_account(account).filter(
        integration=integration,
        content_id__in=content_ids,
        state__in=[ItemState.LINKED, ItemState.CONFLICT],
        site_status__in=LIVE_WORDS,
    )
    return dict(rows.values_list("content_id", "external_url"))


def articles_by_address(*, account: Account, integration: SiteIntegration) -> dict[str, int]:
    """Articles of ours by where they are at a site."""
    rows = ExternalItem.objects.for_account(account).filter(
        integration=integration, content__isnull=False
    )
    return dict(rows.exclude(external_url="").values_list("external_url", "content_id"))


def note_reserved(item: ExternalItem, external_id: str, *, now: datetime) -> None:
    """Write down the id before anything is done with it. Inside the account's block."""
    if item.state in {ItemState.NEW, ItemState.GONE}:
        _move(item, ItemState.RESERVED, now, external_id=external_id)
        return
    item.external_id = external_id
    item.save(update_fields=["external_id", "updated_at"])


def note_sent(item: ExternalItem, *, sent_hash: str, way: str) -> None:
    """Write down what is about to be sent: if it arrives late, it is recognised as ours."""
    kept = [known for known in item.sent_hashes if known != sent_hash]
    item.sent_hashes = [*kept, sent_hash][-SENT_KEPT:]
    item.way = way
    item.save(update_fields=["sent_hashes", "way", "updated_at"])


def note_seen(
    item: ExternalItem, remote: Remote, *, revision: int, desired_hash: str, now: datetime
) -> None:
    """Write down what stands there after a write, or what was found to stand there already.

    When an answer was lost on the way, it is looked at again ten minutes later: an older write
    may still arrive.
    """
    is_late_possible = item.outcome_unknown_at is not None
    is_unseen = not remote.is_readable and not remote.url  # nothing was written, nothing is shown
    values: dict[str, Any] = {
        "external_id": remote.external_id,
        "external_url": item.external_url if is_unseen else web_address(remote.url)[:2000],
        "site_status": item.site_status
        if is_unseen
        else remote.site_status[:32] or remote.state.value,
        "revision": revision,
        "remote_hash": hash_of(remote.watched),
        "remote_modified_at": remote.modified_at,
        "desired_hash": desired_hash,
        "sent_hashes": item.sent_hashes if is_late_possible else [],
        "verify_at": now + VERIFY_AFTER if is_late_possible else None,
        "missing_count": 0,
        "metadata": {k: v for k, v in item.metadata.items() if k != "conflict"}
        | {"fields": by_field(remote.watched)},
    }
    if item.state == ItemState.LINKED:
        _set(item, values)
    else:
        _move(item, ItemState.LINKED, now, **values)


def note_unknown(item: ExternalItem, *, now: datetime) -> None:
    """An answer was lost: what was asked for may have happened, or may still happen."""
    _set(item, {"outcome_unknown_at": now})


def note_look_later(item: ExternalItem, *, now: datetime) -> None:
    """Nothing of it is there, but what was asked for may still arrive: look again."""
    _set(item, {"verify_at": now + VERIFY_AFTER})


def note_verified(item: ExternalItem) -> None:
    """Nothing that was sent can arrive any more."""
    _set(item, {"outcome_unknown_at": None, "verify_at": None, "sent_hashes": []})


def note_conflict(item: ExternalItem, remote: Remote, *, now: datetime) -> None:
    """It was changed at the site, too; what stands there is kept for a person to see."""
    shown = {
        "title": str(remote.watched.get("title", ""))[:300],
        "hash": hash_of(remote.watched),
        "status": remote.site_status,
    }
    metadata = item.metadata | {"conflict": shown}
    if item.state == ItemState.CONFLICT:
        _set(item, {"metadata": metadata})
    elif EXTERNAL_ITEM.allows(item.state, ItemState.CONFLICT):
        _move(item, ItemState.CONFLICT, now, metadata=metadata)


def note_gone(item: ExternalItem, *, now: datetime) -> None:
    """It was deleted at the site. It is made again only when somebody asks for it."""
    if item.state != ItemState.GONE and EXTERNAL_ITEM.allows(item.state, ItemState.GONE):
        _move(item, ItemState.GONE, now)


def forget_remote(item: ExternalItem) -> None:
    """Let a deleted item be made again, under a new id and a new key."""
    fresh = ExternalItem(external_type=item.external_type)
    _set(
        item,
        {
            "external_key": fresh.external_key,
            "external_id": "",
            "external_url": "",
            "site_status": "",
            "remote_hash": "",
            "desired_hash": "",
            "sent_hashes": [],
            "verify_at": None,
            "outcome_unknown_at": None,
            "missing_count": 0,
        },
    )


@tenant_atomic()
def note_answered(*, account: Account, integration_id: int) -> None:
    """The site gave an answer: the outcomes in a row that were none are over."""
    rows = SiteIntegration.objects.for_account(account).filter(pk=integration_id, failures__gt=0)
    rows.update(failures=0)


@tenant_atomic()
def note_no_answer(*, account: Account, integration_id: int, error: str, now: datetime) -> bool:
    """Count an outcome that was no answer; whether the connection is paused for it.

    Five in a row pause it: a person looks, and resumes it.
    """
    row = _locked_integration(account, integration_id)
    row.failures += 1
    row.save(update_fields=["failures", "updated_at"])
    if row.failures < FAILURES_MAX or row.sync_status == SyncStatus.PAUSED:
        return row.sync_status == SyncStatus.PAUSED
    if not SYNC.allows(row.sync_status, SyncStatus.PAUSED):
        return False
    text = f"The site gave no usable answer {row.failures} times in a row: {error}"
    _stop(row, SyncStatus.PAUSED, text, now)
    return True


@tenant_atomic()
def note_auth_failed(*, account: Account, integration_id: int, error: str, now: datetime) -> None:
    """The site does not know us: nothing goes there before new credentials come."""
    row = _locked_integration(account, integration_id)
    if SYNC.allows(row.sync_status, SyncStatus.AUTH_FAILED):
        _stop(row, SyncStatus.AUTH_FAILED, error, now)


def _stop(row: SiteIntegration, to: SyncStatus, text: str, now: datetime) -> None:
    advance(
        row,
        to,
        table=SYNC,
        now=now,
        field="sync_status",
        sync_error=without_secrets(text)[:ERROR_LENGTH],
        lease_expires_at=None,
    )


def _locked_integration(account: Account, integration_id: int) -> SiteIntegration:
    rows = SiteIntegration.objects.for_account(account).select_for_update(no_key=True)
    found: SiteIntegration = rows.get(pk=integration_id)
    return found


def _move(item: ExternalItem, to: ItemState, now: datetime, **columns: Any) -> None:
    advance(item, to, table=EXTERNAL_ITEM, now=now, field="state", **columns)


def _set(item: ExternalItem, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(item, name, value)
    item.save(update_fields=[*values, "updated_at"])
