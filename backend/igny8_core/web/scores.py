"""A score in words: its groups, what was lost, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content.services.scoring_messages import REASONS, fix_text, title_of
from igny8_core.business.content.services.scoring_total import band_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GROUPS: Final = {
    "topic": "Topic coverage",
    "use": "Use of the keyphrase",
    "placement": "Where the keyphrase stands",
    "structure": "Structure",
    "read": "Readability",
    "readability": "Readability",
    "links": "Links",
    "media": "Images",
    "images": "Images",
    "site": "The rest of the site",
    "snippet": "Search snippet",
    "keyphrase": "The keyphrase itself",
    "title": "Title",
    "description": "Description",
}
TONES: Final = {"weak": "bad", "fair": "warn", "good": "info", "strong": "ok"}
FIXES_SHOWN: Final = 8


def tone_of(score: int | None) -> str:
    """The tone of a score's band; empty without a score."""
    return "" if score is None else TONES[band_of(score)]


def shares(checks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Percent of the points that each group of checks reached."""
    groups: dict[str, list[int]] = {}
    for check in checks:
        if check.get("state") == "not_applicable" or not check["max"]:
            continue
        sums = groups.setdefault(check["check"].partition(".")[0], [0, 0])
        sums[0] += check["earned"]
        sums[1] += check["max"]
    return {
        GROUPS.get(name, name.capitalize()): round(got * 100 / most)
        for name, (got, most) in groups.items()
    }


def shown_score(kept: Any, *, version: int) -> dict[str, Any]:
    """A kept score with what it lost, the dearest first.

    :param version: the article's; a score of an earlier one is marked as old.
    """
    lost = [
        (check["max"] - check["earned"], fix_text(check["fix"]))
        for check in kept.checks
        if check.get("state") != "not_applicable"
        and check["earned"] < check["max"]
        and check.get("fix")
    ]
    return {
        "kept": kept,
        "band": "" if kept.score is None else band_of(kept.score),
        "tone": tone_of(kept.score),
        "groups": list(shares(kept.checks).items()),
        "fixes": [
            (text, f"{points / 100:.1f}")
            for points, text in sorted(lost, reverse=True)[:FIXES_SHOWN]
        ],
        "caps": [(title_of(cap["cap"]), cap["most"]) for cap in kept.caps],
        "reason": REASONS.get(kept.reason, ""),
        "is_old": kept.version != version,
    }


def gains(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Groups of two stored scores side by side, what changed most first."""
    was, now = shares(before.get("checks", ())), shares(after.get("checks", ()))
    found = [
        {"name": name, "before": was.get(name), "after": share, "gain": share - was.get(name, 0)}
        for name, share in now.items()
    ]
    return sorted(found, key=lambda one: -abs(one["gain"]))
