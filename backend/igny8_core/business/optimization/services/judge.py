"""Whether a better text may replace the old one: gates, facts, links, points. Pure.

A change that breaks something by itself is taken out, with its reason. What is left has to win
points without losing anything, else nothing of it is offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import regex

from igny8_core.business.content.services.article_blocks import HeadingBlock, ParagraphBlock
from igny8_core.business.content.services.assemble_article import Article
from igny8_core.business.content.services.check_gates import (
    HEADING_MAX,
    check_gates,
    hard_failures,
)
from igny8_core.business.content.services.language_guess import is_foreign
from igny8_core.business.content.services.scoring_bands import WEIGHTS, State
from igny8_core.business.content.services.scoring_document import read_page
from igny8_core.business.content.services.scoring_links import article_id
from igny8_core.business.content.services.scoring_text import words_of
from igny8_core.business.content.services.text_measures import is_whole
from igny8_core.business.optimization.services.ask_sections import MODEL
from igny8_core.business.optimization.services.facts import lost_facts
from igny8_core.business.optimization.services.passages import anchor_of, marks_of, plain
from igny8_core.business.optimization.states import Outcome
from igny8_core.common.html import sanitize_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.business.content.services.scoring_total import Score
    from igny8_core.business.optimization.services.drafts import Draft
    from igny8_core.business.optimization.services.passages import Change, Passage

HEAVY: Final = 3
"""A check of this weight must not fall from full to nothing."""

LEAST_PERCENT, MOST_PERCENT = -10, 30
PROBLEMS_MAX: Final = 20
_TAG: Final = regex.compile(r"<\s*/?\s*[a-zA-Z!]")


@dataclass(frozen=True)
class Refused:
    """A change that was taken out, and why."""

    change: Change
    reason: str
    detail: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it is stored: with the place and what was tried."""
        return {
            "reason": self.reason,
            "detail": list(self.detail),
            "passage": self.change.passage,
            "kind": self.change.kind,
            "text": self.change.after[:500],
        }


@dataclass(frozen=True)
class Verdict:
    """What is to become of an optimisation.

    :ivar changes: those that hold.
    :ivar reasons: why it is not accepted by itself.
    :ivar new_facts: what neither text nor target says: a person has to look.
    """

    outcome: Outcome
    after: Score
    changes: tuple[Change, ...] = ()
    refused: tuple[Refused, ...] = ()
    reasons: tuple[str, ...] = ()
    new_facts: tuple[str, ...] = ()

    @property
    def words_by_model(self) -> int:
        """The words that a model delivered and that hold."""
        return sum(len(words_of(plain(c.after))) for c in self.changes if c.by == MODEL)


def judge(draft: Draft, changes: Sequence[Change], *, is_automatic: bool) -> Verdict:
    """Take out what breaks something, then see whether the rest is better.

    :param is_automatic: what holds is accepted; else a person is asked.
    """
    passages = {passage.number: passage for passage in draft.form.passages}
    kept: list[Change] = []
    refused: list[Refused] = []
    for change in changes:
        problem = _problem(draft, passages, change) if change.by == MODEL else None
        if problem is None:
            kept.append(change)
        else:
            refused.append(problem)
    after = draft.score_with(kept)
    reasons = whole_problems(draft, kept, after)
    if reasons and len(kept) > 1:
        kept, after, reasons = _without_harm(draft, kept, after, reasons)
    if reasons or not kept:
        why = tuple(reasons) or ("no_change_holds",)
        return Verdict(Outcome.REJECTED, after, (), tuple(refused), why[:PROBLEMS_MAX])
    new = new_facts(draft, kept)
    if new:
        return Verdict(
            Outcome.NEEDS_REVIEW, after, tuple(kept), tuple(refused), ("new_facts",), tuple(new)
        )
    if not is_automatic:
        return Verdict(
            Outcome.NEEDS_REVIEW, after, tuple(kept), tuple(refused), ("person_decides",)
        )
    return Verdict(Outcome.ACCEPTED, after, tuple(kept), tuple(refused))


def _without_harm(
    draft: Draft, kept: list[Change], after: Score, reasons: list[str]
) -> tuple[list[Change], Score, list[str]]:
    """What rules changed alone, where the whole does not hold because of the model's changes."""
    by_rules = [change for change in kept if change.by != MODEL]
    if not by_rules or len(by_rules) == len(kept):
        return kept, after, reasons
    alone = draft.score_with(by_rules)
    if problems := whole_problems(draft, by_rules, alone):
        return kept, after, [*reasons, *problems]
    return by_rules, alone, []


def whole_problems(draft: Draft, changes: Sequence[Change], after: Score) -> list[str]:
    """Why an article with these changes must not replace the old one; empty when it may."""
    before = draft.before
    if after.score is None or before.score is None:
        return ["not_scorable"]
    found = []
    if after.scorer_version != before.scorer_version or after.target_hash != before.target_hash:
        found.append("scored_otherwise")
    if after.score < before.score + 1:
        found.append("score_did_not_rise")
    was = {check.check: check.state for check in before.checks}
    for check in after.checks:
        fell = was.get(check.check) is State.FULL and check.state is State.NONE
        if fell and WEIGHTS.get(check.check, 0) >= HEAVY:
            found.append(f"check_fell:{check.check}")
    page = draft.page_with(changes)
    document = read_page(page)
    words, now = draft.document.word_count, document.word_count
    if not LEAST_PERCENT * words <= 100 * (now - words) <= MOST_PERCENT * words:
        found.append("word_count")
    if sanitize_html(page.html) != page.html:
        found.append("unclean_html")
    if _links(document) != _links(draft.document) and not _only_added(draft, document):
        found.append("link_lost")
    if [image.alt for image in document.images] != [i.alt for i in draft.document.images]:
        found.append("image_lost")
    if lost := _lost_targets(draft, document):
        found.append(f"heading_id_lost:{lost}")
    facts = lost_facts(
        _whole(draft.document), _whole(document), language=draft.language, values=draft.values
    )
    return found + [f"fact_lost:{fact}" for fact in facts]


def new_facts(draft: Draft, changes: Sequence[Change]) -> list[str]:
    """Facts of the changed text that neither the old one nor the target states."""
    target = draft.target
    known = " \n".join(
        [
            _whole(draft.document),
            draft.page.title,
            draft.page.meta_title,
            draft.page.meta_description,
            target.primary,
            *(keyword.text for keyword in target.keywords),
            *(f"{a.name} {a.value} {a.unit}" for a in target.attributes),
        ]
    )
    said = " \n".join(plain(change.after) for change in changes if change.by == MODEL)
    return lost_facts(said, known, language=draft.language)


def _whole(document: Any) -> str:
    return " \n".join(block.text for block in document.blocks)


def _links(document: Any) -> list[tuple[str, str]]:
    return sorted((link.href, link.rel) for link in document.links)


def _only_added(draft: Draft, document: Any) -> bool:
    """Whether every old link is still there, and each new one leads to a known hub page."""
    was, now = _links(draft.document), _links(document)
    hubs = {hub.content_id for hub in draft.hubs}
    for link in was:
        if link not in now:
            return False
        now.remove(link)
    return all(article_id(href) in hubs for href, _ in now)


def _lost_targets(draft: Draft, document: Any) -> str:
    """An id that a link of the page names and that no heading has any more."""
    wanted = {link.href[1:] for link in draft.document.links if link.href.startswith("#")}
    had = {block.id for block in draft.document.blocks if block.id}
    has = {block.id for block in document.blocks if block.id}
    return ", ".join(sorted((wanted & had) - has))


def _problem(draft: Draft, passages: dict[int, Passage], change: Change) -> Refused | None:
    """Why one change of the model cannot stand."""
    passage = passages[change.passage]
    before = passage.text if change.kind == "text" else ""
    after = change.after
    marks = marks_of(after)
    if marks is None or sorted(marks) != sorted(passage.marks if before else ()):
        return Refused(change, "link_lost")
    if before and not all(words in plain(after) for words in passage.emphasised):
        return Refused(change, "emphasis_lost")
    if gates := _gate_problems(draft, passage, change):
        return Refused(change, "gate", tuple(gates[:PROBLEMS_MAX]))
    if hub := _hub_anchor(draft, passage, change):
        return Refused(change, "hub_anchor", (hub,))
    lost = lost_facts(plain(before), plain(after), language=draft.language, values=draft.values)
    if lost:
        return Refused(change, "fact_lost", tuple(lost[:PROBLEMS_MAX]))
    if is_foreign(plain(after), draft.page.language):
        return Refused(change, "language")
    return None


def _gate_problems(draft: Draft, passage: Passage, change: Change) -> list[str]:
    """The writer's own gates over one passage, and that it is plain and whole."""
    text = plain(change.after)
    is_heading = (
        (change.field == "heading") if change.kind == "insert" else passage.kind == "heading"
    )
    if not text:
        return ["empty"]
    if _TAG.search(text):
        return ["tags in the text"]
    if is_heading and len(text) > HEADING_MAX:
        return [f"heading longer than {HEADING_MAX} characters"]
    is_prose = passage.kind in {"paragraph", "quote"} or change.kind == "insert"
    must_end = not is_heading and is_prose and (change.kind == "insert" or is_whole(passage.plain))
    block = (
        ParagraphBlock(id="x", text=text)
        if must_end
        else HeadingBlock(id="x", level=2, text=text[:200])
    )
    article = Article(
        title="x", blocks=(block,), html="", word_count=len(words_of(text)), slug="x",
        meta_title="x", meta_description="x", excerpt="x", primary_keyword="x",
        secondary_keywords=(), language=draft.page.language, provenance={},
    )  # fmt: skip
    results = check_gates(
        article,
        target_words=max(1, article.word_count),
        attributes=[(a.name, f"{a.value} {a.unit}".strip()) for a in draft.target.attributes],
    )
    return hard_failures(results)


def _hub_anchor(draft: Draft, passage: Passage, change: Change) -> str:
    """A link to a hub page keeps the content words of its anchor."""
    if change.kind != "text":
        return ""
    hubs = {str(i) for i in draft.target.hub_ids} | {f"#content-{i}" for i in draft.target.hub_ids}
    language = draft.document.language
    for number, href in passage.marks.items():
        if href not in hubs:
            continue
        was = [w for w in words_of(anchor_of(passage.text, number))
               if not language.is_function_word(w)]  # fmt: skip
        now = set(language.terms(words_of(anchor_of(change.after, number))))
        if not set(language.terms(was)) <= now:
            return " ".join(was)
    return ""
