"""Named places where a test can kill the process: a crash that happens exactly there."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings


def failpoint(name: str) -> None:
    """End the process at once, as ``kill -9`` would, if ``IGNY8_CRASH_AT`` has this name.

    With ``IGNY8_CRASH_MARKER`` it happens once: the marker file is made first, and where it
    exists already nothing happens. A no-op everywhere else.
    """
    if name != settings.CRASH_AT:
        return
    if settings.CRASH_MARKER is not None:
        try:
            Path(settings.CRASH_MARKER).touch(exist_ok=False)
        except FileExistsError:
            return
    os._exit(9)
