"""What is taken out of a model's prose."""

from __future__ import annotations

import pytest

from igny8_core.ai.text import storable, tidy_prose


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("A sofa.<|im_end|>", "A sofa."),
        ("```markdown\nA sofa.\n```", "A sofa."),
        ("One.\n\n\n\nTwo.", "One.\n\nTwo."),
        ("A\x00 sofa.", "A sofa."),
        ("No full stop", "No full stop"),
        ("", ""),
    ],
)
def test_the_chat_format_is_left_out(text: str, tidy: str) -> None:
    assert tidy_prose(text) == tidy


def test_a_sentence_is_said_once() -> None:
    loop = "Measure the door and the wall of the room again. "

    assert tidy_prose(loop * 5 + "Then order.") == loop + "Then order."


def test_short_sentences_may_be_repeated() -> None:
    assert tidy_prose("Yes. No. Yes.") == "Yes. No. Yes."


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("Done here. Half a sent", "Done here."),
        ('He said "done." Half a', 'He said "done."'),
        ("One.\n\nHalf a", "One."),
        ("All done.", "All done."),
    ],
)
def test_half_a_sentence_at_the_limit_goes(text: str, tidy: str) -> None:
    assert tidy_prose(text, is_cut=True) == tidy


def test_line_ends_and_tabs_can_be_stored() -> None:
    assert storable("a\n\tb\x07") == "a\n\tb"
