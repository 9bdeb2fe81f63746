"""The pages of the golden scores: real sentences of every listed language, in many shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from igny8_core.business.content.services.scoring_document import digest
from igny8_core.business.content.services.scoring_total import SCORER_VERSION, score_page
from tests.make.scoring import page, target

SENTENCES = Path(__file__).parent / "sentences"
KEYPHRASES = {
    "en": "red lamp", "de": "rote Lampe", "fr": "lampe rouge", "es": "lámpara roja",
    "it": "lampada rossa", "nl": "rode lamp", "pt": "lâmpada vermelha", "pl": "czerwona lampa",
    "sv": "röd lampa", "ru": "красная лампа", "tr": "k\u0131rm\u0131z\u0131 lamba",
    "fi": "punainen lamppu", "ja": "赤いランプ",
}  # fmt: skip
OTHERS = {
    "fi": "Punainen lamppu maksaa paljon. Sohva on nurkassa. Tarvitsemme kaksi lautasta.",
    "ja": "赤いランプは四十ユーロです。ソファは隅にあります。皿が二枚必要です。",
}


def pages() -> dict[str, tuple[Any, Any]]:
    """Page and target by name: four shapes of each language."""
    return {
        f"{language}-{shape.__name__}": shape(language)
        for language in KEYPHRASES
        for shape in (good, bare, long, hub)
    }


def text_of(language: str) -> list[str]:
    """Sentences of a language."""
    if language in OTHERS:
        marks = "。" if language == "ja" else ". "
        return [
            f"{part}{marks.strip()}" for part in OTHERS[language].rstrip(".。").split(marks)
        ] * 20
    lines = (SENTENCES / f"{language}.txt").read_text(encoding="utf-8").splitlines()
    return [line[3:] for line in lines]


def good(language: str) -> tuple[Any, Any]:
    """An article with everything in its place."""
    key, said = KEYPHRASES[language], text_of(language)
    parts = [f"<p>{key.capitalize()}. {' '.join(said[:4])}</p>"]
    for number in range(4):
        about = key if number % 2 else said[number].rstrip(".")[:30]
        parts.append(f"<h2>{about} {number}</h2>")
        parts.append(f"<p>{' '.join(said[number * 12 : number * 12 + 14])}</p>")
    parts.append(f'<p><a href="#content-5">{said[5]}</a> {key}.</p>')
    return (
        page(
            "".join(parts),
            language=language,
            title=f"{key.capitalize()}: 3.5",
            slug=key.replace(" ", "-"),
            meta_description=f"{key}. {' '.join(said[:3])}"[:150],
            alts=(f"{key} 1",),
        ),
        target(
            key,
            keywords=[(said[7].rstrip("."), 900), (said[50].rstrip("."), 50)],
            attributes=[("product_spec", "x", "40", "cm")],
            role="supporting",
            hub_ids=(5,),
            known_ids=(5,),
        ),
    )


def bare(language: str) -> tuple[Any, Any]:
    """A short text alone."""
    return page(f"<p>{' '.join(text_of(language)[:9])}</p>", language=language), target(
        KEYPHRASES[language]
    )


def long(language: str) -> tuple[Any, Any]:
    """One long paragraph without headings, with two images of five alternative texts."""
    said = text_of(language)
    return (
        page(f"<p>{' '.join([*said, *said[::-1]])}</p>", language=language, alts=("", "a", "b")),
        target(KEYPHRASES[language], target_words=500, same_keyphrase=1),
    )


def hub(language: str) -> tuple[Any, Any]:
    """A hub page with a list, a table and a link elsewhere."""
    key, said = KEYPHRASES[language], text_of(language)
    items = "".join(f"<li>{line}</li>" for line in said[:20])
    html = (
        f"<h2>{key}</h2><ul>{items}</ul><table><tr><td>{said[1]}</td><td>40 cm</td></tr></table>"
        f'<h4>{said[2]}</h4><p>{" ".join(said[20:40])} <a href="https://x.test">{key}</a></p>'
    )
    return page(html, language=language, title=said[0], slug="x"), target(
        f'"{key}"' if language == "en" else key, role="hub", keywords=[said[3]]
    )


def figures() -> dict[str, list[Any]]:
    """Score, points, most points, and a digest of the whole explanation, by name."""
    return {
        name: [found.score, found.earned, found.max, digest(found.as_json())[:16]]
        for name, case in pages().items()
        for found in [score_page(*case)]
    }


def write() -> None:
    """Write the golden file anew, after SCORER_VERSION was raised."""
    stored = {"scorer_version": SCORER_VERSION, "scores": figures()}
    (Path(__file__).parent / "golden_scores.json").write_text(json.dumps(stored, indent=1) + "\n")
