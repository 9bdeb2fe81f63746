"""Articles on their way to a site: asked for, sent, edited meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.content.services.editing import ContentChanges, edit_content
from igny8_core.business.integration.models import ExternalItem, SiteIntegration
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.business.publishing.services import ask, deliver, due
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.content.models import Content
    from tests.make.publishing import Clock


def request(
    integration: SiteIntegration, content: Content, clock: Clock, **options: Any
) -> PublishingRecord:
    (record,) = ask.request_publishing(
        account=content.account,
        integration_id=integration.pk,
        content_ids=[content.pk],
        now=clock(),
        **options,
    )
    return record


def send(record: PublishingRecord, clock: Clock) -> PublishingRecord:
    return deliver.deliver(account=record.account, record_id=record.pk, clock=clock)


def publish(
    integration: SiteIntegration, content: Content, clock: Clock, **options: Any
) -> PublishingRecord:
    return send(request(integration, content, clock, **options), clock)


def edit(content: Content, title: str, clock: Clock) -> None:
    content.refresh_from_db()
    edit_content(
        account=content.account,
        content_id=content.pk,
        version=content.version,
        changes=ContentChanges(title=title),
        now=clock(),
    )


def once(name: str, verdict: Any) -> Any:
    """A failure of the first request of a name."""
    verdicts = {name: [verdict]}
    return lambda called: (verdicts.get(called) or [None]).pop() if verdicts.get(called) else None


def item_of(content: Content) -> ExternalItem:
    found: ExternalItem = ExternalItem.objects.for_account(content.account).get(content=content)
    return found


def send_all(account: Account, clock: Clock, rounds: int = 1) -> None:
    """Try what waits, as workers would, with an hour between."""
    for _ in range(rounds):
        SiteIntegration.objects.for_account(account).update(failures=0)
        for record in PublishingRecord.objects.for_account(account).filter(status="pending"):
            try:
                send(record, clock)
            except DomainError:
                continue
        clock.wait(hours=1)


def look_again(account: Account, clock: Clock, rounds: int = 1) -> int:
    """The checks ten minutes after lost answers; how many were asked for."""
    asked = 0
    for _ in range(rounds):
        clock.wait(minutes=11)
        asked += due.start_checks(now=clock())
        send_all(account, clock)
    return asked
