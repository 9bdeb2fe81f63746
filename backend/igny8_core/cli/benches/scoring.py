"""Score articles of a given length against 30 keywords each: milliseconds an article.

Pure work of one process: no database, no network. Words come from the packaged keyword list. The
process is warm when the clock starts; ``cold_ms`` is its first article.
"""

from __future__ import annotations

import csv
import hashlib
import random
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.django_setup import setup_django

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.business.content.services.scoring_document import PageInput
    from igny8_core.business.content.services.scoring_target import Target

PACKAGED = Path(__file__).resolve().parents[2] / "data" / "wands.tsv"
SEED = 8
SECTION_WORDS = 180
PARAGRAPH_WORDS = 60
OWN_SHARE = 0.2
JOINS = (
    "because the", "and it is", "so that your", "with a", "which was made for the", "but not the",
    "when you need a", "for example the", "that has been used in", "although most of the",
)  # fmt: skip

OPTIONS = [
    click.Option(
        ["--articles"],
        type=click.IntRange(1, 10_000),
        default=200,
        show_default=True,
        help="Articles, each with words and a target of its own.",
    ),
    click.Option(
        ["--words"],
        type=click.IntRange(100, 20_000),
        default=1_500,
        show_default=True,
        help="Words of an article.",
    ),
    click.Option(
        ["--terms"],
        type=click.IntRange(1, 30),
        default=30,
        show_default=True,
        help="Keywords of an article's target.",
    ),
]


def run(*, articles: int, words: int, terms: int) -> dict[str, Any]:
    """Measure one run; see the module."""
    setup_django()
    from igny8_core.business.content.services.scoring_total import SCORER_VERSION, score_page

    chance = random.Random(SEED)  # noqa: S311 - test data
    keywords = _keywords()
    pages = [_article(chance, keywords, words=words, terms=terms) for _ in range(articles)]
    began = time.perf_counter()
    first = score_page(*pages[0])
    cold = time.perf_counter() - began
    for page, target in pages[:20]:
        score_page(page, target)
    spent, digest, scores = [], hashlib.sha256(), []
    for page, target in pages:
        began = time.perf_counter()
        score = score_page(page, target)
        spent.append(1_000 * (time.perf_counter() - began))
        digest.update(repr(score.as_json()).encode())
        scores.append(score.score or 0)
    return {
        "articles": articles,
        "words": first.word_count,
        "terms": terms,
        "ms_per_article": round(statistics.mean(spent), 2),
        "median_ms": round(statistics.median(spent), 2),
        "worst_ms": round(max(spent), 2),
        "cold_ms": round(1_000 * cold, 1),
        "mean_score": round(statistics.mean(scores), 1),
        "scorer_version": SCORER_VERSION,
        "fingerprint": digest.hexdigest()[:16],
    }


def _keywords() -> list[str]:
    with PACKAGED.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row["keyword"] for row in rows]


def _article(
    chance: random.Random, keywords: Sequence[str], *, words: int, terms: int
) -> tuple[PageInput, Target]:
    from igny8_core.business.content.services.scoring_document import PageImage, PageInput
    from igny8_core.business.content.services.scoring_target import (
        Target,
        TargetAttribute,
        TargetKeyword,
    )

    own = chance.sample(list(keywords), terms)
    primary = own[0]
    html, written = [f"<p>{_sentence(chance, [primary])}</p>"], 0
    while written < words:
        html.append(f"<h2>{chance.choice(own).capitalize()}: what to look for</h2>")
        for _ in range(SECTION_WORDS // PARAGRAPH_WORDS):
            sentences, length = [], 0
            while length < PARAGRAPH_WORDS:
                picked = own if chance.random() < OWN_SHARE else keywords
                sentences.append(_sentence(chance, picked))
                length += len(sentences[-1].split())
            html.append(f"<p>{' '.join(sentences)}</p>")
            written += length
            if written >= words:
                break
        html.append('<p><a href="#content-7">See the other page</a> for more.</p>')
    page = PageInput(
        title=f"{primary.capitalize()}: a guide",
        html="\n".join(html),
        language="en",
        meta_description=_sentence(chance, [primary]),
        slug=primary.replace(" ", "-"),
        images=(PageImage(f"A {primary}"),),
    )
    rest = tuple(TargetKeyword(keyword, chance.randrange(10_000)) for keyword in own[1:])
    facts = (TargetAttribute("product_spec", "Seat height", "45", "cm"),)
    target = Target(primary, rest, facts, role="supporting", hub_ids=(7,), known_ids=(7,))
    return page, target


def _sentence(chance: random.Random, keywords: Sequence[str]) -> str:
    parts = [f"The {chance.choice(keywords)}"]
    for _ in range(chance.randrange(1, 4)):
        parts += [chance.choice(JOINS), chance.choice(keywords)]
    return " ".join(parts) + "."
