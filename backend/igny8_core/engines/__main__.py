"""The stack for a program that starts it: events as JSON lines, stop when standard input closes.

``python -m igny8_core.engines --data-dir D --port N``; see :mod:`igny8_core.engines.background`.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.events import STACK, Event
from igny8_core.engines.stack import serve
from igny8_core.settings.env import EnvironmentInvalid


def tell(event: Event) -> None:
    """One line; a listener that is gone is no reason to stop."""
    with suppress(OSError):
        sys.stdout.write(event.dump() + "\n")
        sys.stdout.flush()


def main() -> int:
    """Serve until asked to stop; 1 when something did not start."""
    parser = argparse.ArgumentParser(prog="igny8_core.engines")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    try:
        serve(options.data_dir, port=options.port, report=tell, stop_on_close=sys.stdin.fileno())
    except (EngineFailed, EnvironmentInvalid) as exc:
        tell(Event(STACK, "failed", str(exc)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
