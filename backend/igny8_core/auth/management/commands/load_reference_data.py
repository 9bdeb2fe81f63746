"""Load industries, sectors and plans; safe to repeat."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from igny8_core.auth.services import load_reference_data


class Command(BaseCommand):
    """Bring the reference data up to what the package ships."""

    help = "Load industries, sectors and plans; safe to repeat."

    def handle(self, *_args: Any, **_options: Any) -> None:
        counts = load_reference_data()
        self.stdout.write(", ".join(f"{name}: {count}" for name, count in counts.items()))
