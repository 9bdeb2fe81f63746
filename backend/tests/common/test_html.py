from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.common.html import has_scheme, sanitize_html

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"javascript:alert('x')\">",
    '<img src="data:image/svg+xml;base64,PHN2Zz4=">',
    '<img srcset="javascript:alert(1) 1x, data:text/html,x 2x">',
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt:alert(1)">x</a>',
    '<a href="java&#9;script:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href=" \x01javascript:alert(1)">x</a>',
    '<a href="vbscript:msgbox(1)">x</a>',
    '<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>',
    '<blockquote cite="java\nscript:alert(1)">x</blockquote>',
    '<video poster="javascript:alert(1)" src="javascript:alert(1)"></video>',
    '<iframe src="javascript:alert(1)"></iframe>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<iframe src="https://www.youtube.com.evil.example/embed/abcdefgh"></iframe>',
    '<iframe src="https://user@www.youtube.com/embed/abcdefgh"></iframe>',
    '<iframe src="https://www.youtube.com:8443/embed/abcdefgh"></iframe>',
    '<iframe src="http://www.youtube.com/embed/abcdefgh"></iframe>',
    '<iframe src="https://www.youtube.com/embed/../redirect?q=x"></iframe>',
    '<iframe src="//www.youtube.com/embed/abcdefgh"></iframe>',
    '<iframe src="https://evil.example\\@www.youtube.com/embed/abcdefgh"></iframe>',
    '<iframe><p title="</iframe><img src=x onerror=alert(1)>">',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<form action=https://evil.example><input name=q><button>x</button></form>",
    '<p style="background:url(javascript:alert(1))">x</p>',
    "<style>@import 'https://evil.example/x.css';</style>",
    '<link rel=stylesheet href="https://evil.example/x.css">',
    '<meta http-equiv=refresh content="0;url=https://evil.example">',
    '<base href="https://evil.example/">',
    '<object data="https://evil.example/x.swf"></object><embed src=x>',
    "<!--<img src='--><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<x onclick=alert(1)>x</x>",
    '<p id="1x" class="evil is-good" onmouseover="alert(1)">x</p>',
    '<select><template><style><!--</style><a rel="--></style><img src=x onerror=alert(1)>">',
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style>",
]
RUNS = re.compile(
    r"<script|<style|<svg|<math|<form|<input|<object|<embed|<link|<meta|<base|<template|<noscript"
    r"|<[^>]*\son\w+=|<[^>]*\sstyle=|srcdoc|<[^>]*=\"[^\"]*(?:java|vb)\s*script:|\"data:|<!--",
    re.IGNORECASE,
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_runs_is_left(attack: str) -> None:
    clean = sanitize_html(f"<p>before</p>{attack}<p>after</p>")

    assert RUNS.search(clean) is None
    assert clean.startswith("<p>before</p>")
    assert sanitize_html(clean) == clean


@pytest.mark.parametrize(
    "html",
    [
        '<h2 id="a">A</h2>\n<p>One &amp; two <strong>three</strong></p>',
        '<ul><li value="3">a</li></ul><table><tbody><tr><td>x</td></tr></tbody></table>',
        '<p><a href="/a/" rel="nofollow">x</a> <a href="mailto:a@example.com">m</a></p>',
        '<figure><img src="/a.jpg" srcset="/a.jpg 1x, /b.jpg 2x" alt="A" width="3"></figure>',
        '<iframe src="https://www.youtube-nocookie.com/embed/abc_def-1" width="560"></iframe>',
        '<iframe src="https://player.vimeo.com/video/123"></iframe>',
        '<div class="faq"><h3>Q?</h3><p>A.</p></div>',
        '<p class="has-text-align-center">x</p><a href="/x" target="_blank">x</a>',
    ],
)
def test_good_html_stays_as_it_is(html: str) -> None:
    assert sanitize_html(html) == html


def test_what_a_frame_holds_is_dropped() -> None:
    clean = sanitize_html('<iframe src="https://player.vimeo.com/video/1"><b>raw</b></iframe>')

    assert clean == '<iframe src="https://player.vimeo.com/video/1"></iframe>'


def test_unknown_classes_relations_and_targets_are_dropped() -> None:
    clean = sanitize_html('<a class="is-a evil" rel="nofollow me" target="top" href="/x">x</a>')

    assert clean == '<a class="is-a" rel="nofollow" href="/x">x</a>'


def test_controls_are_blanks() -> None:
    assert sanitize_html("one\x0btwo &#12; <p>a\x1fb\uffff</p>") == "one two   <p>a b </p>"


def test_half_a_character_is_dropped() -> None:
    assert sanitize_html("<p>a\ud800b \U0001f600</p>") == "<p>ab \U0001f600</p>"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*ATTACKS, "<p>", "</p>", "<b>x", "&lt;", '"', "'", ">"]), max_size=6)
)
def test_sanitising_twice_is_sanitising_once(parts: list[str]) -> None:
    clean = sanitize_html("".join(parts))

    assert sanitize_html(clean) == clean
    assert RUNS.search(clean) is None


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("/relative", True),
        ("#anchor", True),
        ("https://example.com", True),
        ("HTTPS://example.com", True),
        ("java\tscript:x", False),
        ("\u2028javascript:x", False),
        ("ftp://example.com", False),
        ("a/b:c", True),
        ("?q=a:b", True),
    ],
)
def test_has_scheme(url: str, *, allowed: bool) -> None:
    assert has_scheme(url, "http", "https") is allowed
