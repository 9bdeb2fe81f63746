"""The whole score: what adds up, what never happens, and that the same input is the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.business.content.services.scoring_bands import WEIGHTS, State
from igny8_core.business.content.services.scoring_messages import (
    FIXES,
    TITLES,
    fix_text,
    found_text,
)
from igny8_core.business.content.services.scoring_total import (
    SCORER_VERSION,
    Score,
    band_of,
    rounded,
    score_page,
)
from tests.business.content import golden_pages
from tests.make.scoring import filler, page, score, target

GOLDEN = Path(__file__).parent / "golden_scores.json"
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "fi", "ja", "th")
WORDS = st.sampled_from(
    [
        "salon",
        "chair",
        "chairs",
        "hydraulic",
        "barber",
        "base",
        "the",
        "of",
        "and",
        "was",
        "built",
        "red",
        "because",
        "long",
        "Stuhl",
        "3.5",
        "1,300",
        "kg",
        "椅子",
    ]
)
SENTENCE = st.lists(WORDS, min_size=1, max_size=30).map(lambda words: " ".join(words) + ".")
PARAGRAPH = st.lists(SENTENCE, min_size=1, max_size=8).map(lambda s: f"<p>{' '.join(s)}</p>")
HEADING = st.tuples(st.integers(1, 4), SENTENCE).map(lambda h: f"<h{h[0]}>{h[1]}</h{h[0]}>")
LINK = st.sampled_from(
    [
        '<p><a href="#content-5">salon chair</a></p>',
        '<p><a href="https://x.test/" rel="nofollow">more</a></p>',
        "<ul><li>One</li><li>salon chair</li></ul>",
        '<img src="/a.png">',
        "<table><tr><td>Weight</td><td>1.3 kg</td></tr></table>",
        "<h2></h2>",
    ]
)
BODY = st.lists(st.one_of(PARAGRAPH, PARAGRAPH, HEADING, LINK), min_size=1, max_size=12).map(
    "".join
)
TARGETS = st.builds(
    lambda primary, keywords, attributes, role, words, links: target(
        primary,
        keywords=keywords,
        attributes=attributes,
        role=role,
        target_words=words,
        known_ids=links,
        hub_ids=links,
        same_keyphrase=len(keywords),
    ),
    st.sampled_from(["salon chair", '"salon chair"', "the", "red barber chair base"]),
    st.lists(
        st.tuples(st.sampled_from(["barber chair", "hydraulic base", "long chairs"]),
                  st.one_of(st.none(), st.integers(0, 10_000))),
        max_size=3,
    ),
    st.lists(st.just(("product_spec", "Weight", "1300", "g")), max_size=1),
    st.sampled_from(["", "hub", "supporting"]),
    st.one_of(st.none(), st.integers(50, 2_000)),
    st.sampled_from([(), (5,)]),
)  # fmt: skip


def as_bytes(found: Score) -> bytes:
    return json.dumps(found.as_json(), ensure_ascii=False, sort_keys=True).encode()


def test_weights_are_a_hundred() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert set(WEIGHTS) <= set(TITLES)


@settings(max_examples=1_000, deadline=None)
@given(BODY, TARGETS, st.sampled_from(LANGUAGES), st.sampled_from(["", "Salon chair", "x" * 99]))
def test_points_add_up(body: str, wanted: Any, language: str, title: str) -> None:
    sent = page(body + f"<p>{filler(12)}</p>", language=language, title=title)

    found = score_page(sent, wanted)

    counted = [check for check in found.checks if check.is_applicable]
    assert sum(c.earned for c in counted) == found.earned
    assert sum(c.max for c in counted) == found.max
    assert sum(c.earned for c in counted) + sum(c.lost for c in counted) == found.max
    assert {c.check for c in found.checks} >= set(WEIGHTS)
    assert found.score == min([rounded(found.earned, found.max), *(c.most for c in found.caps)])
    for check in found.checks:
        assert 0 <= check.earned <= check.max
        assert not check.lost or not check.is_applicable or (check.fix and check.spans), check
        is_full = check.is_applicable and check.earned == check.max and check.fix is None
        assert (check.state is State.FULL) == is_full
        assert "{" not in found_text(check.as_json())
        if check.fix:
            assert check.fix["code"] in FIXES
            assert fix_text(check.fix)
    assert all(cap.spans and cap.fix in FIXES for cap in found.caps)
    assert as_bytes(found) == as_bytes(score_page(sent, wanted))


@settings(max_examples=200, deadline=None)
@given(BODY, TARGETS)
def test_spans_are_inside_of_the_page(body: str, wanted: Any) -> None:
    from igny8_core.business.content.services.scoring_document import read_page

    sent = page(body + f"<p>{filler(60)}</p>")
    document = read_page(sent)

    for check in score_page(sent, wanted).checks:
        for span in check.spans:
            assert 0 <= int(span["start"]) <= int(span["end"])
            if span["field"] == "body":
                assert int(span["end"]) <= len(document.blocks[int(span["block"])].text)


@settings(max_examples=200, deadline=None)
@given(BODY, st.sampled_from(["hydraulic base", "barber chair"]))
def test_a_missed_keyword_in_a_sentence_never_takes_from_the_topic(body: str, term: str) -> None:
    wanted = target(keywords=["hydraulic base", ("barber chair", 100)])
    before = score_page(page(body + f"<p>{filler(60)}</p>"), wanted)
    after = score_page(page(body + f"<p>{filler(60)}</p><p>A {term} is here.</p>"), wanted)

    for name in ("topic.keywords", "topic.primary", "topic.headings"):
        assert after.check(name).earned >= before.check(name).earned


@settings(max_examples=100, deadline=None)
@given(BODY, st.integers(300, 900))
def test_saying_it_fifty_times_never_helps(body: str, words: int) -> None:
    wanted = target(keywords=["hydraulic base"])
    html = f"<p>A salon chair and another salon chair.</p>{body}<h2>Salon chair</h2>"
    html += f"<p>{filler(words)}</p>"
    stuffed = html + f"<p>{'salon chair ' * 50}</p>"

    before, after = score_page(page(html), wanted), score_page(page(stuffed), wanted)

    assert after.score is not None
    assert before.score is not None
    assert after.score <= max(before.score, 49)


def test_what_is_not_applicable_leaves_the_sum() -> None:
    bare = score()
    with_facts = score(target_attributes=[("product_spec", "Weight", "1300", "g")])

    assert not bare.check("topic.attributes").is_applicable
    assert with_facts.max - bare.max == 800
    assert with_facts.check("topic.attributes").earned == 0


@pytest.mark.parametrize(
    ("earned", "most", "expected"),
    [(0, 10_000, 0), (49, 10_000, 0), (50, 10_000, 1), (9_949, 10_000, 99), (9_950, 10_000, 100)],
)
def test_halves_are_rounded_up(earned: int, most: int, expected: int) -> None:
    assert rounded(earned, most) == expected


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (0, "weak"), (39, "weak"), (40, "fair"), (69, "fair"), (70, "good"), (84, "good"),
        (85, "strong"), (100, "strong"),
    ],
)  # fmt: skip
def test_bands_of_the_score(value: int, band: str) -> None:
    assert band_of(value) == band


# --- topic


def test_units_are_weighed_by_their_searches() -> None:
    html = f"<p>A hydraulic base. {filler(400)}</p>"
    keywords = [("hydraulic base", 100), ("barber chairs", 1_000), ("barber chair", 10)]

    found = score(html, target_keywords=keywords).check("topic.keywords")

    # salon chair 1, hydraulic base 8, barber chairs 11 (with the other form of it): 8 of 20.
    assert found.measured["units"] == 3
    assert found.measured["coverage_percent"] == 40
    assert found.earned == 1_600 * 40 // 80
    assert found.fix is not None
    assert [term["text"] for term in found.fix["params"]["terms"]] == [
        "barber chairs",
        "salon chair",
    ]
    assert [term["worth"] for term in found.fix["params"]["terms"]] == [800, 100]


@pytest.mark.parametrize(
    ("html", "hit", "earned"),
    [
        ("<p>A salon has a chair.</p>", 2, 500),
        ("<p>A salon.</p><p>Two chairs.</p>", 1, 250),
        ("<p>A salon.</p><h2>Other</h2><p>Two chairs.</p>", 0, 0),
    ],
)
def test_primary_keyword(html: str, hit: int, earned: int) -> None:
    found = score(f"{html}<h2>Rest</h2><p>{filler(60)}</p>").check("topic.primary")

    assert (found.measured["hit"], found.earned) == (hit, earned)


@pytest.mark.parametrize(
    ("reflected", "earned"), [(0, 0), (1, 125), (2, 250), (3, 375), (4, 500), (5, 500)]
)
def test_keywords_in_subheadings(reflected: int, earned: int) -> None:
    names = ["oak", "pine", "elm", "ash", "fir", "yew", "box", "bay", "fig"]
    heads = "".join(f"<h2>About {name}</h2><p>Text.</p>" for name in names[:reflected])

    found = score(f"{heads}<p>{filler(60)}</p>", target_keywords=[(n, 100) for n in names]).check(
        "topic.headings"
    )

    assert (found.measured["units"], found.earned) == (8, earned)


@pytest.mark.parametrize(
    ("html", "attribute", "is_stated"),
    [
        ("<p>The weight is 1.3 kg.</p>", ("product_spec", "Weight", "1,300", "g"), True),
        ("<p>The weight is 1300 g.</p>", ("product_spec", "Weight", "1.3", "kg"), True),
        ("<p>The weight is 1.4 kg.</p>", ("product_spec", "Weight", "1,300", "g"), False),
        ("<p>It has 1.3 kg.</p>", ("product_spec", "Weight", "1,300", "g"), False),
        ("<h2>Weight</h2><p>It has 1.3 kg.</p>", ("product_spec", "Weight", "1,300", "g"), True),
        (
            "<table><tr><td>Weight</td><td>1.3 kg</td></tr></table>",
            ("product_spec", "Weight", "1,300", "g"),
            True,
        ),
        (
            "<table><tr><td>Weight</td><td>2 kg</td></tr><tr><td>Load</td><td>1.3 kg</td></tr>"
            "</table>",
            ("product_spec", "Weight", "1,300", "g"),
            False,
        ),
        ("<p>Its colour is dark red.</p>", ("semantic_facet", "Colour", "dark red"), True),
        ("<p>Its colour is red.</p>", ("semantic_facet", "Colour", "dark red"), False),
        ("<p>Width: 80 cm.</p>", ("product_spec", "Width", "80 cm"), True),
        ("<p>Width: 80 in.</p>", ("product_spec", "Width", "80 cm"), False),
    ],
)
def test_facts_are_stated(*, html: str, attribute: tuple[str, ...], is_stated: bool) -> None:
    found = score(f"{html}<h2>Rest</h2><p>{filler(60)}</p>", target_attributes=[attribute])

    assert found.check("topic.attributes").measured["stated"] == is_stated


def test_facts_have_weights() -> None:
    facts = [
        ("product_spec", "Weight", "2", "kg"),
        ("service_modifier", "Town", "Leeds"),
        ("semantic_facet", "Mood", "calm"),
    ]

    found = score(f"<p>Weight 2 kg. {filler(60)}</p>", target_attributes=facts)

    assert found.check("topic.attributes").earned == 800 * (3 * 5) // (6 * 4)


# --- the same bytes, everywhere


def corpus() -> dict[str, tuple[Any, Any]]:
    """Pages of every language, with and without what can be missing."""
    return golden_pages.pages()


def test_golden_scores() -> None:
    found = golden_pages.figures()
    stored = json.loads(GOLDEN.read_text(encoding="utf-8"))

    assert len(found) >= 40
    assert stored["scorer_version"] == SCORER_VERSION, "a new version: write the file anew"
    assert found == stored["scores"], "the same version scores otherwise: raise SCORER_VERSION"


@pytest.mark.parametrize(
    ("zone", "locale", "seed"), [("Asia/Tokyo", "C", "1"), ("America/Lima", "tr_TR.UTF-8", "77")]
)
def test_another_process_says_the_same(zone: str, locale: str, seed: str) -> None:
    code = (
        "import django, hashlib, json, socket\n"
        "django.setup()\n"
        "def refuse(*_a, **_k): raise RuntimeError('no network')\n"
        "socket.socket.connect = refuse\n"
        "from tests.business.content.test_scoring_total import as_bytes, corpus\n"
        "from igny8_core.business.content.services.scoring_total import score_page\n"
        "print(hashlib.sha256(b''.join(as_bytes(score_page(*c)) for c in corpus().values()))"
        ".hexdigest())"
    )
    here = hashlib.sha256(b"".join(as_bytes(score_page(*case)) for case in corpus().values()))
    environment = os.environ | {
        "TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1",
        "DJANGO_SETTINGS_MODULE": "igny8_core.settings.test",
    }  # fmt: skip

    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert ran.stdout.strip() == here.hexdigest()


def test_a_fix_wins_what_it_promised() -> None:
    before = score(f"<p>A salon chair. {filler(400)}</p>", meta_description="Short.")
    page_after = replace(
        page(f"<p>A salon chair. {filler(400)}</p>"),
        meta_description="A salon chair " + "x" * 110,
    )
    after = score_page(page_after, target())

    assert before.check("snippet.meta_length").lost == 150
    assert before.check("placement.meta_keyphrase").lost == 300
    assert after.earned - before.earned == 450
