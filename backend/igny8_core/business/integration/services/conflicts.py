"""What a person decides about an article that was changed on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.content.services.synced_posts import version_of
from igny8_core.business.integration.services.items import locked_item
from igny8_core.business.integration.services.sync import QUEUE as SYNC_QUEUE
from igny8_core.business.integration.services.sync import RUN_SYNC
from igny8_core.business.integration.states import EXTERNAL_ITEM, ItemState
from igny8_core.common.errors import TransitionNotAllowed
from igny8_core.common.queue import enqueue_on_commit
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.integration.models import ExternalItem


@tenant_atomic()
def keep_theirs(*, account: Account, item_id: int, now: datetime) -> ExternalItem:
    """Let the site's text be the next version of the article; a sync takes it over.

    :raises NotFound: no such item of this account.
    :raises TransitionNotAllowed: there is no conflict.
    """
    item = locked_item(account=account, item_id=item_id)
    if item.state != ItemState.CONFLICT:
        raise TransitionNotAllowed(
            "There is no conflict.", source=item.state, target=ItemState.LINKED.value
        )
    version = None
    if item.content_id is not None:
        version = version_of(account=account, content_id=item.content_id)
    metadata = {name: value for name, value in item.metadata.items() if name != "conflict"}
    advance(
        item,
        ItemState.LINKED,
        table=EXTERNAL_ITEM,
        now=now,
        field="state",
        metadata=metadata,
        revision=version or item.revision,  # what was written here is settled, too
        remote_modified_at=None,  # so that the sweep looks at it
    )
    enqueue_on_commit(
        RUN_SYNC,
        queue=SYNC_QUEUE,
        account_id=account.pk,
        integration_id=item.integration_id,
        is_full=True,
    )
    return item
