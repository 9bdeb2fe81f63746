"""The sections of an article, written one by one: ask, clean, judge, ask again, else by rules.

Pure but for ``ask``. Each paragraph remembers where it comes from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from igny8_core.ai import prompts
from igny8_core.business.content.errors import GateFailed
from igny8_core.business.content.services import rule_text
from igny8_core.business.content.services.clean_text import (
    Judgement,
    Seen,
    complaints,
    usable_paragraphs,
)
from igny8_core.business.content.services.outline import (
    Section,
    as_question,
    aspects,
    nearest_aspect,
)
from igny8_core.business.content.services.relevance import nearness_to
from igny8_core.business.content.services.section_prompts import (
    assigned_keywords,
    capable_judgement,
    section_prompt,
)
from igny8_core.business.content.services.section_rules import section_rules
from igny8_core.business.content.services.text_measures import (
    folded_words,
    word_count,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from igny8_core.ai.journal import Completion
    from igny8_core.ai.prompts import RenderedPrompt
    from igny8_core.business.content.services.brief import Brief

ROUNDS: Final = 2
"""The first try and one repair."""

NEAR_ENOUGH: Final = 0.2
ENOUGH: Final = 0.6
"""Share of the wanted words from which a capable model's section counts as written."""

TOO_MUCH: Final = 1.15
"""A longer section is cut at a sentence."""

PART_WORDS: Final = 320
"""A longer section is asked for in parts."""

LONG_ENOUGH: Final = 0.93
"""Share of the wanted words below which a capable model is asked for more."""

MORE_MIN, MORE_WORDS = 3, 60
"""How many sections may be gone on with, and the least that is asked for."""

DEMO_ENOUGH_WORDS: Final = 20
"""From here on the demo model is not asked again: rules join its sentences."""

LEAD_WORDS: Final = 18
"""How much of a section rules say before the demo model's sentences."""

ANSWER_WORDS: Final = 28

RULES_MAX: Final = 0.34
"""Share of sections that rules may have to write when a capable model was asked."""

_DERAILED: Final = word_set(
    "amazon animal animals app baking beans blog body brand's brew brewing business butter cake"
    " calibrated carbon certifications clothes company's cook cooking customer's dessert dish"
    " doctor drink drinks eat eating espresso exercise flavor flavors flour food foods game"
    " gold hair hashtag health holiday industry ingredient ingredients laundry meal meals medical"
    " movie music outfit paragraph permits phone planet processor recipe recipes skin"
    " snack soap software song spa species story tequila towels website wishlist workout"
)
"""Where small models drift to; fine when the brief speaks of it."""


class Ask(Protocol):
    """A call through the door to the models."""

    def __call__(self, prompt: RenderedPrompt, *, max_tokens: int, variant: int) -> Completion: ...


@dataclass(frozen=True)
class Origin:
    """Where a block comes from."""

    kind: str
    provider: str = ""
    model: str = ""
    prompt: str = ""
    is_demo: bool = False
    input_hash: str = ""

    def as_json(self) -> dict[str, object]:
        """As it is stored with the article."""
        named = {
            "provider": self.provider,
            "model": self.model,
            "prompt": self.prompt,
            "input_hash": self.input_hash,
        }
        known: dict[str, object] = {name: value for name, value in named.items() if value}
        return {"origin": self.kind, **known, **({"is_demo": True} if self.is_demo else {})}


@dataclass(frozen=True)
class Part:
    """A written paragraph, or an answer."""

    text: str
    origin: Origin


@dataclass(frozen=True)
class WrittenSection:
    """A section with its paragraphs; of a faq, one for each of its items."""

    section: Section
    parts: tuple[Part, ...]


@dataclass
class Writer:
    """Writes one article's sections.

    :param is_demo: the built-in demo model answers: short questions, strict judgement.
    :param turn: which of several rule-made wordings this article takes.
    """

    brief: Brief
    ask: Ask
    is_demo: bool
    turn: int
    seen: Seen = field(default_factory=Seen)
    by_rules: int = 0
    headings: tuple[str, ...] = ()
    keywords: Mapping[Section, Sequence[str]] = field(default_factory=dict)

    def write(self, outline: Sequence[Section]) -> list[WrittenSection]:
        """All sections in order.

        :raises GateFailed: a capable model's answers were of no use in too many sections.
        """
        self.headings = tuple(section.heading for section in outline)
        self.keywords = assigned_keywords(self.brief, outline)
        written = [self._section(place, section) for place, section in enumerate(outline)]
        asked = sum(1 for section in outline if section.kind != "list")
        if not self.is_demo and self.by_rules > RULES_MAX * asked:
            raise GateFailed("the model's answers could not be used", sections=self.by_rules)
        return written if self.is_demo else self._lengthened(written)

    def _section(self, place: int, section: Section) -> WrittenSection:
        turn = self.turn + place
        match section.kind:
            case "intro" | "closing":
                parts = self._frame(section)
            case "list":
                parts = (Part(rule_text.list_lead(turn=self.turn), _rules()),)
            case "faq":
                return self._faq(section, turn)
            case _:
                parts = self._body(section, turn)
        return WrittenSection(section, parts)

    def _frame(self, section: Section) -> tuple[Part, ...]:
        """The introduction and the last words: of the demo model by rules alone."""
        if not self.is_demo:
            heading = "Introduction" if section.kind == "intro" else "Closing words"
            points = [point for point in (self.brief.title, self.brief.notes) if point]
            found = self._asked_capable(section, heading, points=points)
            if found:
                return found
            self._must_have_rules()
        make = rule_text.opening if section.kind == "intro" else rule_text.closing
        sentences = make(self.brief, turn=self.turn)
        for sentence in sentences:
            self.seen.add(sentence)
        return (Part(" ".join(sentences), _rules()),)

    def _body(self, section: Section, turn: int) -> tuple[Part, ...]:
        if not self.is_demo:
            found = self._asked_capable(section, section.heading, points=[section.question])
            if found:
                return found
            self._must_have_rules()
            return self._ruled(section, section.target_words, turn)
        lead = self._ruled(section, LEAD_WORDS, turn)
        model = self._asked_demo(section, sentences="five", limit=section.target_words)
        missing = section.target_words - sum(word_count(part.text) for part in (*lead, *model))
        more = self._ruled(section, missing, turn) if missing > 0 else ()
        if not model and lead and more:
            return (Part(f"{lead[0].text} {more[0].text}", _rules()),)
        return (*lead, *model, *more)

    def _faq(self, section: Section, turn: int) -> WrittenSection:
        """The questions that got an answer, with it."""
        answers = {q: self._answer(section, q, turn + i) for i, q in enumerate(section.items)}
        answered = {question: part for question, part in answers.items() if part is not None}
        return WrittenSection(replace(section, items=tuple(answered)), tuple(answered.values()))

    def _answer(self, section: Section, question: str, turn: int) -> Part | None:
        """One answer; rules answer only the questions that they asked themselves."""
        aspect = nearest_aspect(self.brief, question)
        asked = Section("answer", question, section.keyword, aspect, question.rstrip("?"), 40)
        if self.is_demo:
            found = self._asked_demo(asked, sentences="two", limit=45, rounds=1)
        else:
            found = self._asked_capable(asked, question, points=["Answer in the first sentence."])
        if not found:
            self.by_rules += 1
            is_ours = self.brief.language == "en" and question not in self._searched()
            found = self._ruled(asked, ANSWER_WORDS, turn) if is_ours else ()
        return Part(" ".join(part.text for part in found), found[0].origin) if found else None

    def _searched(self) -> set[str]:
        return {as_question(text) for text in self.brief.questions}

    def _asked_capable(
        self, section: Section, heading: str, *, points: Sequence[str]
    ) -> tuple[Part, ...]:
        """What a capable model wrote, by paragraph; nothing when it was of no use twice.

        A long section is asked for in parts: each of them is an answer that is kept.
        """
        count = max(1, math.ceil(section.target_words / PART_WORDS))
        words = section.target_words // count
        found: tuple[Part, ...] = ()
        for _ in range(count):
            more = self._part(section, heading, points=points, before=found, words=words)
            if not more:
                break
            found = (*found, *more)
        return found

    def _part(
        self,
        section: Section,
        heading: str,
        *,
        points: Sequence[str],
        before: Sequence[Part] = (),
        words: int,
    ) -> tuple[Part, ...]:
        """The section's beginning, or how it goes on; its second try hears what was wrong."""
        problems: list[str] = []
        for variant in range(ROUNDS):
            prompt = section_prompt(
                self.brief,
                heading,
                points=points,
                keywords=[section.keyword, *self.keywords.get(section, ())],
                outline=[title for title in self.headings if title and title != heading],
                before=before[-1].text if before else "",
                problems=problems,
                words=words,
            )
            answer = self.ask(prompt, max_tokens=3 * words + 80, variant=variant)
            judgement = capable_judgement(self.brief, prompt)
            trial = Seen([*self.seen.bags], {*self.seen.starts})
            found = usable_paragraphs(answer.text, judgement=judgement, seen=trial)
            texts = _shortened(found, round(TOO_MUCH * words))
            if sum(word_count(text) for text in texts) >= ENOUGH * words:
                self.seen = trial
                origin = _origin(answer)
                return tuple(Part(text, origin) for text in texts)
            problems = complaints(answer.text, judgement=judgement, wanted_words=words)
        return ()

    def _lengthened(self, written: list[WrittenSection]) -> list[WrittenSection]:
        """Ask for more where most is missing, until the article is about as long as wanted.

        Bounded; an article that stays too short is for the gates.
        """
        planned = sum(section.section.target_words for section in written)
        wanted = min(self.brief.target_words, planned)
        total = sum(_words_of(section) for section in written)
        bodies = [n for n, section in enumerate(written) if section.section.kind == "body"]
        bodies.sort(key=lambda n: _words_of(written[n]) - written[n].section.target_words)
        for place in bodies[: max(MORE_MIN, len(bodies) // 3)]:
            if total >= LONG_ENOUGH * wanted:
                break
            section, parts = written[place].section, written[place].parts
            words = min(PART_WORDS, max(MORE_WORDS, wanted - total))
            more = self._part(
                section, section.heading, points=[section.question], before=parts, words=words
            )
            written[place] = WrittenSection(section, (*parts, *more))
            total += sum(word_count(part.text) for part in more)
        return written

    def _asked_demo(
        self, section: Section, *, sentences: str, limit: int, rounds: int = ROUNDS
    ) -> tuple[Part, ...]:
        """The demo model's sentences that pass, as one paragraph."""
        is_shop = self.brief.topic_kind != "topic"
        role = "an experienced shop assistant" if is_shop else "a helpful expert"
        prompt = prompts.load("content_answer").render(
            role=role, question=section.question, sentences=sentences
        )
        near = self._nearness(section)
        kept: list[str] = []
        answer: Completion | None = None
        for variant in range(rounds):
            answer = self.ask(prompt, max_tokens=prompt.max_tokens, variant=variant)
            judgement = Judgement(prompt.user, is_strict=True, known_words=self._known_words())
            for paragraph in usable_paragraphs(answer.text, judgement=judgement, seen=self.seen):
                kept += [sentence for sentence in paragraph if near(sentence)]
            if word_count(" ".join(kept)) >= min(DEMO_ENOUGH_WORDS, limit // 2):
                break
        texts = _within(kept, limit)
        if not texts or answer is None:
            return ()
        return (Part(" ".join(texts), _origin(answer)),)

    def _ruled(self, section: Section, words: int, turn: int) -> tuple[Part, ...]:
        found = rule_text.rule_sentences(
            self.brief, section, words=words, seen=self.seen, turn=turn
        )
        return (Part(" ".join(found), _rules()),) if found else ()

    def _must_have_rules(self) -> None:
        """Count a section that rules have to write.

        :raises GateFailed: there are no rules for the language.
        """
        self.by_rules += 1
        if self.brief.language != "en":
            raise GateFailed("the model's answer could not be used", language=self.brief.language)

    def _nearness(self, section: Section) -> Callable[[str], bool]:
        known = aspects(self.brief)
        aspect = known.get(section.aspect) or next(iter(known.values()))
        texts = [section.keyword, section.question, *aspect.sentences]
        near = nearness_to(text.replace("{kw}", section.keyword) for text in texts)
        known_words = self._known_words()

        def is_near(sentence: str) -> bool:
            strange = _DERAILED.intersection(folded_words(sentence)) - known_words
            return not strange and near(sentence) >= NEAR_ENOUGH

        return is_near

    def _known_words(self) -> frozenset[str]:
        brief = self.brief
        texts = (brief.title, brief.cluster_name, brief.primary, *brief.secondary)
        return frozenset(word for text in texts for word in folded_words(text))


def _shortened(paragraphs: Sequence[Sequence[str]], limit: int) -> list[str]:
    """The paragraphs up to the sentence at which the limit of words is reached."""
    kept: list[str] = []
    room = limit
    for paragraph in paragraphs:
        sentences = _within(paragraph, room) if room > 0 else []
        if sentences:
            kept.append(" ".join(sentences))
            room -= word_count(kept[-1])
    return kept


def _within(texts: Sequence[str], limit: int) -> list[str]:
    """The first texts that fit into the limit of words; at least one."""
    kept: list[str] = []
    for text in texts:
        if kept and word_count(" ".join(kept)) + word_count(text) > limit:
            break
        kept.append(text)
    return kept


def _origin(answer: Completion) -> Origin:
    return Origin(
        kind="model",
        provider=answer.usage.provider,
        model=answer.usage.model,
        prompt=answer.prompt,
        is_demo=answer.is_demo,
        input_hash=answer.request_hash,
    )


def _words_of(written: WrittenSection) -> int:
    texts = [written.section.heading, *written.section.items, *(p.text for p in written.parts)]
    return sum(word_count(text) for text in texts)


def _rules() -> Origin:
    return Origin(kind="rules", model=section_rules().version)
