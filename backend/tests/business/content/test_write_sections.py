"""What a section becomes, with models that answer well, badly and not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.journal import Completion
from igny8_core.ai.ports import Usage
from igny8_core.business.content.errors import GateFailed
from igny8_core.business.content.services.brief import BriefKeyword, make_brief
from igny8_core.business.content.services.outline import Section, make_outline
from igny8_core.business.content.services.relevance import nearness_to
from igny8_core.business.content.services.write_sections import Writer, WrittenSection
from tests.make.content import sentence

if TYPE_CHECKING:
    from igny8_core.ai.prompts import RenderedPrompt

GOOD = (
    "Look for a salon chair with a strong steel frame and a cover that is easy to wipe. "
    "Leather and vinyl are common materials because they last and are easy to clean."
)


class Model:
    """Answers in order, then with the last answer; keeps what it was asked."""

    def __init__(self, *answers: str, is_demo: bool = True) -> None:
        self.answers, self.is_demo = list(answers), is_demo
        self.asked: list[tuple[RenderedPrompt, int]] = []

    def __call__(self, prompt: RenderedPrompt, *, max_tokens: int, variant: int) -> Completion:
        assert max_tokens > 0
        self.asked.append((prompt, variant))
        text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Completion(
            text=text,
            parsed=None,
            usage=Usage("local", "smollm2"),
            prompt=prompt.reference,
            request_hash="",
            call_id=1,
            is_demo=self.is_demo,
            is_cut=False,
            is_reused=False,
        )


def brief(**fields: Any) -> Any:
    values: dict[str, Any] = {
        "title": "Salon chairs",
        "cluster_name": "salon chair",
        "keywords": [BriefKeyword(text) for text in ("salon chair", "barber chair")],
        "primary": "salon chair",
        "industry": "home",
        "target_words": 300,
    }
    return make_brief(**values | fields)


def body(words: int = 60) -> Section:
    return Section(
        "body", "Materials", "salon chair", "materials", "what are good materials", words
    )


def faq(*questions: str) -> Section:
    return Section("faq", "Questions", "salon chair", "", "", 80, questions)


def write(model: Model, *sections: Section, **fields: Any) -> list[WrittenSection]:
    return Writer(brief(**fields), model, is_demo=model.is_demo, turn=0).write(sections)


def origins(section: WrittenSection) -> list[str]:
    return [part.origin.kind for part in section.parts]


def test_rules_open_the_model_follows_and_rules_fill_up() -> None:
    model = Model(GOOD)

    (section,) = write(model, body())

    assert origins(section) == ["rules", "model", "rules"]
    assert section.parts[1].text == GOOD
    assert section.parts[1].origin.as_json() == {
        "origin": "model",
        "provider": "local",
        "model": "smollm2",
        "prompt": "content_answer/v1",
        "is_demo": True,
    }
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    "useless",
    [
        "",
        "I'm sorry, I cannot help with that.",
        "Flour is the most important ingredient of a perfect dessert.",
        "The largest known specimen was discovered at the formation.",
        "1. Good\n2. Better\n3. Best",
    ],
)
def test_the_demo_model_is_asked_twice_and_then_rules_write(useless: str) -> None:
    model = Model(useless)

    (section,) = write(model, body())

    assert origins(section) == ["rules"]
    assert [variant for _, variant in model.asked] == [0, 1]


def test_sentences_of_both_rounds_are_kept() -> None:
    model = Model("The cover of a salon chair should be easy to wipe.", GOOD)

    (section,) = write(model, body(90))

    assert section.parts[1].text.startswith(
        "The cover of a salon chair should be easy to wipe. Look"
    )


def test_questions_that_people_search_for_are_dropped_without_an_answer() -> None:
    model = Model("")
    asked = ("What is a barber chair?", "How do I clean a salon chair?")

    (section,) = write(
        model,
        faq(*asked),
        keywords=[BriefKeyword(text) for text in ("salon chair", "what is a barber chair")],
    )

    assert section.section.items == ("How do I clean a salon chair?",)
    assert origins(section) == ["rules"]
    assert len(model.asked) == 2


def test_an_answer_of_the_demo_model() -> None:
    model = Model(
        "A salon chair is a chair for customers of a salon with a base that can be moved."
    )

    (section,) = write(model, faq("What is a salon chair?"))

    assert section.parts[0].text.startswith("A salon chair is a chair for customers")
    assert section.parts[0].origin.is_demo


def test_a_capable_model_writes_alone() -> None:
    model = Model(" ".join(sentence(number) for number in range(6)), is_demo=False)

    (section,) = write(model, body(80))

    assert origins(section) == ["model"]
    (prompt, variant) = model.asked[0]
    assert (prompt.reference, variant) == ("content_section/v2", 0)
    assert "about 80 words" in prompt.user


def test_too_short_is_asked_again_and_too_long_is_cut_at_a_sentence() -> None:
    long = " ".join(sentence(number) for number in range(40))
    model = Model("Short.", long, is_demo=False)

    (section,) = write(model, body(80))

    words = len(section.parts[0].text.split())
    assert 60 <= words <= 100
    assert section.parts[0].text.endswith(".")
    assert [variant for _, variant in model.asked] == [0, 1]


def test_attributes_and_voice_reach_a_capable_model() -> None:
    model = Model(" ".join(sentence(number) for number in range(6)), is_demo=False)

    write(model, body(80), attributes=[("Width", "80 cm")], voice="calm and short")

    prompt = model.asked[0][0]
    assert "- Width: 80 cm" in prompt.user
    assert "Voice: calm and short" in prompt.system


def test_rules_may_help_a_capable_model_a_little_but_not_write_for_it() -> None:
    good = [" ".join(sentence(20 * n + place) for place in range(6)) for n in range(3)]
    one_bad = Model(*good, "No.", "No.", is_demo=False)
    all_bad = Model("No.", is_demo=False)
    sections = [body(80) for _ in range(4)]

    written = write(one_bad, *sections)

    assert [origins(section) for section in written] == [["model"]] * 3 + [["rules"]]
    with pytest.raises(GateFailed):
        write(all_bad, *sections)


def test_without_rules_for_the_language_a_bad_answer_is_refused_at_once() -> None:
    model = Model("Nein.", is_demo=False)

    with pytest.raises(GateFailed) as refused:
        write(model, body(80), language="de")

    assert refused.value.data == {"language": "de"}


def test_a_whole_article_by_rules_alone_reads_without_repetition() -> None:
    made = brief(target_words=520)
    writer = Writer(made, Model(""), is_demo=True, turn=5)

    texts = [part.text for section in writer.write(make_outline(made)) for part in section.parts]

    said = [s for text in texts for s in text.split(". ")]
    assert len(said) == len(set(said))
    assert 330 <= sum(len(text.split()) for text in texts) <= 600


def test_nearness_tells_topics_apart() -> None:
    near = nearness_to(["salon chair materials leather steel"])

    assert near("The steel frame of a chair is covered with leather.") > 0.3
    assert near("Flour and butter make a good cake.") < 0.15
    assert near("!!! ???") == 0


# --- long, short and once more


def capable(*answers: str) -> Model:
    return Model(*answers, is_demo=False)


def many(first: int, count: int) -> str:
    return " ".join(sentence(first + place) for place in range(count))


def test_a_long_section_is_asked_for_in_parts_that_go_on() -> None:
    model = capable(*(many(30 * n, 24) for n in range(3)))

    (section,) = write(model, body(700), target_words=700)

    (first, _), (second, _), (third, _) = model.asked
    assert "Begin with its first sentence." in first.user
    assert "The section so far ends like this: " in second.user
    assert section.parts[0].text[-60:] in second.user
    assert "Begin with the next sentence." in third.user
    assert all("in about 233 words" in prompt.user for prompt, _ in model.asked)
    assert 600 <= sum(len(part.text.split()) for part in section.parts) <= 805


def test_the_second_try_hears_what_was_wrong() -> None:
    model = capable("## Heading\n\n- one\n- [two](http://a.example)", many(0, 6))

    write(model, body(80))

    (first, _), (second, variant) = model.asked
    assert "could not be used" not in first.user
    assert "Your last answer could not be used: it held markup, lists" in second.user
    assert variant == 1


def test_what_is_missing_is_asked_for_where_most_is_missing() -> None:
    other = Section("body", "Care", "salon chair", "care", "how to clean it", 120)
    model = capable(many(0, 7), many(10, 4), many(20, 5))

    first, second = write(model, body(120), other, target_words=240)

    assert [len(section.parts) for section in (first, second)] == [1, 2]
    (prompt, _) = model.asked[2]
    assert "Section: Care" in prompt.user
    assert second.parts[0].text[-60:] in prompt.user


def test_further_keywords_are_shared_out_and_the_outline_is_known() -> None:
    care = Section("body", "Care and cleaning", "salon chair", "care", "how to clean it", 60)
    model = capable(many(0, 4), many(10, 4))
    texts = ("salon chair", "cleaning a salon chair", "chair materials", "gold chair")

    write(model, body(60), care, keywords=[BriefKeyword(text) for text in texts], target_words=130)

    (first, _), (second, _) = model.asked
    assert "Words to use where they fit: salon chair, chair materials" in first.user
    assert "cleaning a salon chair" in second.user
    assert "cleaning a salon chair" not in first.user
    assert "Other sections, which say the rest: Care and cleaning" in first.user
    asked = first.user + second.user
    assert "gold chair" in asked


def test_rules_facts_and_role_are_told_and_words_are_avoided() -> None:
    bad = "A luxury chair of this kind is a good choice for a small and quiet room."
    model = capable(f"{bad} {many(0, 6)}")

    (section,) = write(
        model,
        body(80),
        role="hub",
        rules=["Say you.", "Name no year."],
        avoid=["Luxury"],
        attributes=[("Weight", "14 kg")],
        voice="Calm.",
    )

    (prompt, _) = model.asked[0]
    assert "Rule: Say you.\nRule: Name no year." in prompt.system
    assert "Never use these words: luxury" in prompt.system
    assert "Voice: Calm." in prompt.system
    assert "- Weight: 14 kg" in prompt.user
    assert "article; the main page of its topic" in prompt.user
    assert "luxury" not in section.parts[0].text.lower()
