"""``igny8 manage rescore``: score every article that is behind, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from igny8_core.business.content.services.score_content import BATCH, rescore

if TYPE_CHECKING:
    from argparse import ArgumentParser

MAX_BATCHES = 10_000


class Command(BaseCommand):
    help = "Score articles whose text changed, or whose score is a day old, in bounded batches."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=BATCH, help="Articles at a time.")
        parser.add_argument("--limit", type=int, help="Articles at most.")

    def handle(self, *_args: Any, **options: Any) -> None:
        done, limit = 0, options["limit"]
        for _ in range(MAX_BATCHES):
            size = options["batch"] if limit is None else min(options["batch"], limit - done)
            scored = rescore(now=timezone.now(), limit=size) if size > 0 else 0
            done += scored
            if not scored:
                break
        self.stdout.write(f"{done} articles scored")
