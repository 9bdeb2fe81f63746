"""Fixes that need no model, and so cost nothing: title, description, heading levels, hub link.

Pure. A fix is kept only when the score rises by it and no check loses anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import regex

from igny8_core.business.content.services.scoring_text import flat
from igny8_core.business.content.services.scoring_width import MAX_UNITS, title_units
from igny8_core.business.content.services.text_measures import cut_at_word
from igny8_core.business.optimization.services.passages import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.business.content.services.scoring_total import Score
    from igny8_core.business.optimization.services.drafts import Draft

RULES: Final = "rules"
TITLE_LENGTH: Final = 255
LOWEST_LEVEL: Final = 4
_LEADS: Final = regex.compile(r"^[\s:|,\u2013\u2014-]+|[\s:|,\u2013\u2014-]+$")


def rule_changes(draft: Draft) -> list[Change]:
    """The changes that rules can make, in the order in which they were tried."""
    kept: list[Change] = []
    score = draft.before
    for make in (_levels, _title, _description, _hub_link):
        best: list[Change] = []
        reached = score
        for proposed in make(draft):
            changed = draft.score_with([*kept, *proposed])
            if is_better(score, changed) and changed.earned > reached.earned:
                best, reached = proposed, changed
        kept += best
        score = reached
    return kept


def is_better(before: Score, after: Score) -> bool:
    """Whether points were won, and none lost anywhere."""
    if before.score is None or after.score is None or after.earned <= before.earned:
        return False
    was = {check.check: check.earned for check in before.checks}
    return after.score >= before.score and all(
        check.earned >= was.get(check.check, 0) for check in after.checks
    )


def _lost(draft: Draft, *names: str) -> tuple[str, ...]:
    lost = {check.check for check in draft.before.lost}
    return tuple(name for name in names if name in lost)


def _title(draft: Draft) -> Iterable[list[Change]]:
    """The keyphrase first; cut at a word where the title is too wide."""
    checks = _lost(draft, "placement.title", "snippet.title_width")
    if not checks:
        return
    title = flat(draft.page.meta_title or draft.page.title)
    keyphrase = draft.target.primary.strip("\"' ")
    named = _capital(keyphrase)
    place = title.lower().find(keyphrase.lower())
    wanted = [title]
    if place >= 0:
        rest = _LEADS.sub("", title[:place] + title[place + len(keyphrase) :])
        wanted = [f"{named}: {_capital(flat(rest))}" if rest else named, title]
    else:
        wanted = [f"{named}: {title}", title]
    for text in wanted:
        fitting = _fitting(text)
        if fitting and fitting != title:
            yield [_field("meta_title", draft.page.meta_title, fitting, checks)]


def _fitting(title: str) -> str:
    """The longest beginning of whole words that is shown in a result list."""
    text = cut_at_word(title, TITLE_LENGTH)
    while text and (units := title_units(text)) is not None and units > MAX_UNITS:
        text = cut_at_word(text, len(text) - 1)
    return text


def _description(draft: Draft) -> Iterable[list[Change]]:
    """The keyphrase, then the text's own first sentences, within the wanted length."""
    checks = _lost(draft, "snippet.meta_length", "placement.meta_keyphrase")
    if not checks:
        return
    fix = draft.before.check("snippet.meta_length").fix
    params = fix["params"] if fix else {"at_least": 121, "at_most": 156}
    most = int(params["at_most"])
    said = " ".join(s.text for s in draft.document.prose[:8])
    keyphrase = _capital(draft.target.primary.strip("\"' "))
    own = flat(draft.page.meta_description)
    for start in (own, f"{keyphrase}: {own}" if own else "", "", f"{keyphrase}:"):
        text = flat(f"{start} {said}")
        cut = text if len(text) <= most else f"{cut_at_word(text, most - 1)}…"
        if cut and cut != own:
            yield [_field("meta_description", draft.page.meta_description, cut, checks)]


def _levels(draft: Draft) -> Iterable[list[Change]]:
    """Headings begin at level 2 and go down one level at a time."""
    checks = _lost(draft, "structure.heading_order", "structure.single_h1")
    headings = [p for p in draft.form.passages if p.kind == "heading" and p.level and p.can_change]
    if not checks or not headings:
        return
    changes: list[Change] = []
    level = 1
    for heading in headings:
        wanted = max(2, min(heading.level, level + 1, LOWEST_LEVEL))
        if wanted != heading.level:
            changes.append(
                Change("level", heading.number, str(heading.level), str(wanted), RULES,
                       checks=checks)
            )  # fmt: skip
        level = wanted
    if changes:
        yield changes


def _hub_link(draft: Draft) -> Iterable[list[Change]]:
    """The first mention of the hub's keyword or title becomes a link to it."""
    checks = _lost(draft, "links.internal")
    if not checks:
        return
    for hub in draft.hubs:
        for passage in draft.form.passages:
            if passage.kind != "paragraph" or passage.marks or not passage.can_change:
                continue
            if anchor := _mention(passage.text, hub.names):
                yield [
                    Change("link", passage.number, "", anchor, RULES, str(hub.content_id), checks)
                ]
                break


def _mention(text: str, names: Sequence[str]) -> str:
    for name in names:
        found = name and regex.search(rf"(?<!\w){regex.escape(name)}(?!\w)", text, regex.IGNORECASE)
        if found:
            return str(found[0])
    return ""


def _field(name: str, before: str, after: str, checks: tuple[str, ...]) -> Change:
    return Change("field", -1, before, after, RULES, name, checks)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
