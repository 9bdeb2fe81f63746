"""Image files that no row names: left by a crash between writing them and storing their row."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Final

import structlog
from django.conf import settings
from django.db import OperationalError

from igny8_core.business.content.services.image_files import TEMPORARY, remove_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

log = structlog.get_logger(__name__)

SPARED_FOR: Final = timedelta(days=1)
"""A file that is younger may belong to work that is under way."""

ROUNDS: Final = 24
"""After so many hourly runs every folder was looked at."""

FILES_PER_RUN: Final = 100_000
REMOVED_AT_ONCE: Final = 500


def sweep_files(*, now: datetime, rounds: int = ROUNDS) -> int:
    """Remove image files that nothing names, a part of the folders at each run of an hour.

    Bounded; safe to repeat, and beside writers: a file goes only under the lock of its account,
    when no row names it.

    :param rounds: in how many runs all folders are looked at; 1 looks at all of them now.
    :returns: how many files were removed.
    """
    turn = int(now.timestamp() // 3600) % rounds
    oldest = (now - SPARED_FOR).timestamp()
    removed = seen = 0
    for account_id, folders in _accounts(turn, rounds):
        waiting: list[str] = []
        for folder in folders:
            for file in sorted(folder.iterdir()):
                seen += 1
                if seen > FILES_PER_RUN:
                    log.warning("content.files.many", files=seen)
                    return removed + _remove(account_id, waiting)
                if not _is_old(file, oldest):
                    continue
                if file.name.startswith(TEMPORARY):
                    file.unlink(missing_ok=True)
                    removed += 1
                    continue
                waiting.append(str(file.relative_to(settings.MEDIA_ROOT)))
                if len(waiting) >= REMOVED_AT_ONCE:
                    removed += _remove(account_id, waiting)
                    waiting = []
        removed += _remove(account_id, waiting)
    if removed:
        log.info("content.files.swept", files=removed)
    return removed


def _is_old(file: Path, oldest: float) -> bool:
    """Whether it is a file, and older; one that a writer renamed meanwhile is neither."""
    try:
        found = file.lstat()
    except FileNotFoundError:
        return False
    return S_ISREG(found.st_mode) and found.st_mtime <= oldest


def _remove(account_id: int, paths: list[str]) -> int:
    """Those of the paths that no row names."""
    if not paths:
        return 0
    try:
        return remove_files(account_id=account_id, paths=paths)
    except OperationalError as exc:  # its writers are busy: the next day will do
        log.warning("content.files.busy", account_id=account_id, error=type(exc).__name__)
        return 0


def _accounts(turn: int, rounds: int) -> Iterator[tuple[int, list[Path]]]:
    """Accounts with their folders of images whose turn it is: ``<account>/<site>/images/ab``."""
    root = Path(settings.MEDIA_ROOT)
    if not root.is_dir():
        return
    for account in sorted(root.iterdir()):
        if not account.name.isdigit() or not account.is_dir():
            continue
        folders = [
            folder
            for folder in sorted(account.glob("*/images/??"))
            if folder.is_dir() and _number(folder.name) % rounds == turn
        ]
        if folders:
            yield int(account.name), folders


def _number(name: str) -> int:
    """The first two digits of the files' digests."""
    try:
        return int(name, 16)
    except ValueError:
        return 0
