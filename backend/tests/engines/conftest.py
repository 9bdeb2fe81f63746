"""A folder that the embedded server's system user can reach.

pytest's own temporary folders lie below one that every run makes private again, also while a
server that was started as root runs below it as another user.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="igny8-engines-")).resolve()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
