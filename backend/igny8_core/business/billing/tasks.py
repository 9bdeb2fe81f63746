"""Hints to workers about money: an id, the rows say what is to be done."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from igny8_core.business.billing.services import document_mail, webhooks
from igny8_core.business.billing.services.rounds import AccountKey
from igny8_core.common.tasks import ServiceTask


@shared_task(name="billing.deliver_documents", base=ServiceTask)
def deliver_documents(*, account_id: int, **_newer: object) -> None:
    """Make and mail an account's new documents. A repeat finds them sent."""
    document_mail.deliver_documents(account=AccountKey(account_id), now=timezone.now())


@shared_task(name="billing.handle_webhooks", base=ServiceTask)
def handle_webhooks(**_newer: object) -> None:
    """Take the webhooks that are due. A repeat finds none."""
    webhooks.handle_due(clock=timezone.now)
