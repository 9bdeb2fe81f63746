"""Workers that die in the middle of paid work, each at the failpoint that it is told.

Run as ``python -m tests.ai.crash_worker``: reads a JSON list of jobs, does each in a process of
its own, forked once Django is loaded, and writes the list of their exit statuses.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igny8_core.ai.engine import Finish

EFFECT = "crash_test"
"""Code of the row that stands for the result."""


def do(job: dict[str, Any]) -> None:
    """One attempt, as the runtime role: the result is a row beside the capture."""
    from django.conf import settings
    from django.utils import timezone

    from igny8_core.auth import selectors as accounts
    from igny8_core.business.automation.models import RunEvent
    from igny8_core.common.tenancy.context import tenant
    from tests.ai.doors import PaidWork, image_at, text_at

    class Work(PaidWork):
        def save(self, made: Any, finish: Finish) -> int:
            with tenant(self.account.pk, durable=True):
                RunEvent.unscoped.create(
                    account=self.account, code=EFFECT, data={"size": len(made)}
                )
                return finish(quantities={"per_words": 250})

    settings.CRASH_AT = job["dies_at"]
    Work(
        accounts.account(job["account_id"]),
        job["mode"],
        [text_at(job["server"])],
        [image_at(job["server"])] if job["mode"] == "image" else [],
        clock=timezone.now,
    ).run(lease_token=job["attempt"])


def forked(job: dict[str, Any]) -> int:
    """The exit status of a process that does the job: 9 when it died as it was told."""
    child = os.fork()
    if not child:
        try:
            do(job)
        except BaseException:  # noqa: BLE001 - a forked child must never return
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    import django

    django.setup()
    from tests.ai import doors  # noqa: F401 - loaded once, before the forks

    json.dump([forked(job) for job in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
