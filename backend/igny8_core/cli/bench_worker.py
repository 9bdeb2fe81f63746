"""The Celery app of ``igny8 bench pipeline``: one more kind of work, a slow provider."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from django.db import connection

from igny8_core.business.automation.services import stages
from igny8_core.celery_app import app
from igny8_core.cli.benches.pipeline import EFFECT, KIND, LATENCY
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from igny8_core.business.automation.services.stages import Work

LATENCY_SECONDS = int(os.environ.get(LATENCY, "0")) / 1000

# The table has no key over the item: an effect that is stored twice is seen.
STORE = """
INSERT INTO automation_runevent (account_id, item_id, code, data, created_at, updated_at)
VALUES (%s, %s, %s, '{}', now(), now())
"""

__all__ = ["app"]


def call(work: Work) -> None:
    """One call, one stored effect behind the fence."""
    time.sleep(LATENCY_SECONDS)
    with tenant(work.account.pk), connection.cursor() as cursor:
        work.fence()
        cursor.execute(STORE, [work.account.pk, work.item_id, EFFECT])


stages.KINDS[KIND] = stages.Kind(call, deadline_seconds=300)
