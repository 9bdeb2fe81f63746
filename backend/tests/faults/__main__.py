"""Seeded fault runs: ``python -m tests.faults --seeds 20``, one JSON line for each seed.

Seed 0 is the undisturbed run, -1 one that is cancelled, -2 one that
is listened to. Exit 1 on any finding. Own engines in a
folder of its own, loopback and unix sockets only; bounded in count and time; ends only what it
started.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.seeded import Seeded


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--no-web", action="store_true", help="start runs without the API")
    parser.add_argument("--rabbitmq", action="store_true", help="RabbitMQ as the broker")
    parser.add_argument(
        "--only", default="", help="kinds of faults, with commas; others are left out"
    )
    parser.add_argument("--default-pace", action="store_true", help="leases of 45 s, as installed")
    return parser.parse_args()


def tell(found: Seeded) -> bool:
    """One line; whether anything was wrong."""
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
    sys.stdout.flush()
    return bool(found.problems)


def main() -> int:
    args = parsed()
    folder = Path(tempfile.mkdtemp(prefix="igny8-f-"))
    os.environ["IGNY8_TEST_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "igny8_core.settings.test"
    import django

    django.setup()
    from tests.faults import seeded
    from tests.faults.machine import DEFAULTS, HURRIED, Machine
    from tests.faults.plan import faults_of
    from tests.faults.provider import Provider
    from tests.faults.rabbitmq import RabbitMq

    pace, bad = DEFAULTS if args.default_pace else HURRIED, 0
    rabbitmq = RabbitMq(folder / "rabbitmq") if args.rabbitmq else None
    only = set(filter(None, args.only.split(",")))
    with (
        Provider() as provider,
        Machine(folder, provider_url=provider.url, pace=pace, rabbitmq=rabbitmq) as machine,
    ):
        os.environ["TEST_PROVIDER_URL"] = provider.url
        try:
            seeded.prepare(machine, has_web=not args.no_web)
            runner = seeded.Runner(machine, provider)
            for seed in [0, *range(args.first, args.first + args.seeds)]:
                faults = faults_of(seed, results=seeded.RESULTS) if seed else []
                faults = [fault for fault in faults if not only or fault.kind in only]
                bad += tell(runner.one(seed, faults))
            bad += tell(runner.cancelled())
            if machine.has_web:
                bad += tell(runner.listened())
        finally:
            seeded.close()
    if bad:
        sys.stderr.write(f"{bad} seeds with problems; logs in {folder}\n")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
