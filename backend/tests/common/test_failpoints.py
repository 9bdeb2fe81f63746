from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from igny8_core.common.failpoints import failpoint

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import django
django.setup()
from igny8_core.common.failpoints import failpoint
failpoint("other")
failpoint("here")
print("survived")
"""


def crash(**environment: str) -> tuple[int, str]:
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "igny8_core.settings.test", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return process.returncode, process.stdout.strip()


def test_a_named_place_ends_the_process_once(tmp_path: Path) -> None:
    marker = {"IGNY8_CRASH_AT": "here", "IGNY8_CRASH_MARKER": str(tmp_path / "crashed")}

    assert crash(**marker) == (9, "")
    assert crash(**marker) == (0, "survived")


def test_without_the_variable_nothing_happens() -> None:
    failpoint("here")
