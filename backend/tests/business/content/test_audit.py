"""Priced results and their charges: each fault is found, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.content.services.audit import result_problems
from igny8_core.business.content.services.generation import generate_content
from igny8_core.business.content.services.images import generate_image, plan_images, retry_image
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make.content import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Account
    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db

NO_LOG = "DELETE FROM billing_creditusagelog WHERE account_id = %s AND operation_type = '{}'"


@pytest.fixture(autouse=True)
def media(settings: object, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]  # pytest-django's wrapper


def article(account: Account) -> Content:
    task = make_content.writing_task(make_content.cluster(account))
    return generate_content(
        account=account,
        writing_task_id=task.pk,
        fence=lambda: None,
        clock=lambda: NOW,
        providers=[make_content.writer()],
    )


def cover(account: Account, content: Content) -> int:
    (image_id,) = plan_images(account=account, content_ids=[content.pk], now=NOW)
    generate_image(account=account, image_id=image_id, fence=lambda: None, clock=lambda: NOW)
    return image_id


def test_paid_articles_and_covers_are_in_order() -> None:
    account = make_content.rich_account()
    image_id = cover(account, article(account))
    make_content.writing_task(make_content.cluster(account))  # waits, and nobody paid for it
    retry_image(account=account, image_id=image_id, now=NOW)  # waits again; one was paid for

    assert result_problems() == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (NO_LOG.format("content"), "article that nobody was charged for"),
        (NO_LOG.format("image"), "image that nobody was charged for"),
        (
            "UPDATE content_tasks SET status = 'queued' WHERE account_id = %s",
            "charge for an article that was not written",
        ),
        (
            "UPDATE content_images SET status = 'pending', path = '' WHERE account_id = %s",
            "more charges than images",
        ),
    ],
)
def test_each_fault_is_found(statement: str, expected: str) -> None:
    account, other = make_content.rich_account(), make_content.rich_account()
    for each in (account, other):
        cover(each, article(each))

    make_billing.forge(statement, account.pk)

    found = result_problems()
    assert len(found) == 1
    assert found[0].startswith(f"account {account.pk}: {expected} (")
