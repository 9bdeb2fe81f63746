"""Prompt files: versions, strict variables, digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.ai import prompts
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

SECTION = {
    "title": "Grey sofas for small rooms",
    "heading": "How to measure your room",
    "role": "",
    "points": ["measure the door too"],
    "facts": [],
    "keywords": ["small grey sofa", "sofa for small room", "grey couch"],
    "outline": [],
    "before": "",
    "problems": [],
    "language": "English",
    "voice": "",
    "rules": [],
    "avoid": [],
    "words": 120,
}
TEXT = """+++
description = "A test."
variables = ["name"]
max_tokens = 10
temperature = 0
+++
## system
Be short.
## user
Greet {{ name }}.
"""


def write(folder: Path, version: int, text: str = TEXT) -> None:
    (folder / "greeting").mkdir(exist_ok=True)
    (folder / "greeting" / f"v{version}.md").write_text(text)


def test_the_newest_version_is_taken_unless_one_is_named(tmp_path: Path) -> None:
    for version in (1, 2, 10):
        write(tmp_path, version)

    assert prompts.load("greeting", folder=tmp_path).version == 10
    assert prompts.load("greeting", version=2, folder=tmp_path).version == 2


def test_a_prompt_is_rendered_with_its_variables(tmp_path: Path) -> None:
    write(tmp_path, 1)

    rendered = prompts.load("greeting", folder=tmp_path).render(name="{{ 7 * 7 }}")

    assert (rendered.system, rendered.user) == ("Be short.", "Greet {{ 7 * 7 }}.")
    assert rendered.reference == "greeting/v1"
    assert rendered.hints == {"name": "{{ 7 * 7 }}"}


def test_an_edited_file_has_another_digest(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2, TEXT.replace("short", "brief"))
    load = prompts.load

    one, two = (load("greeting", version=v, folder=tmp_path).digest for v in (1, 2))

    assert one != two


@pytest.mark.parametrize(
    ("variables", "named"),
    [({}, "name"), ({"name": "x", "other": 1}, "other"), ({"name": "x" * 9000}, "name")],
    ids=["missing", "unknown", "too long"],
)
def test_variables_are_strict(variables: dict[str, object], named: str, tmp_path: Path) -> None:
    write(tmp_path, 1)

    with pytest.raises(InvalidInput) as refused:
        prompts.load("greeting", folder=tmp_path).render(**variables)

    assert list(refused.value.data) == [named]


@pytest.mark.parametrize(
    "text",
    ["no front matter", TEXT.replace("## user", "## person"), "words\n" + TEXT],
    ids=["bare", "no user part", "something before"],
)
def test_a_file_of_another_form_is_no_prompt(text: str, tmp_path: Path) -> None:
    write(tmp_path, 1, text)

    with pytest.raises(ValueError, match="greeting/v1"):
        prompts.load("greeting", folder=tmp_path)


def test_a_prompt_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        prompts.load("no_such_prompt")


@pytest.mark.parametrize("name", sorted(p.name for p in prompts.FOLDER.iterdir() if p.is_dir()))
def test_every_shipped_version_loads(name: str) -> None:
    for version in prompts.versions(name):
        prompt = prompts.load(name, version=version)
        assert prompt.meta.description.endswith(".")


def test_the_section_prompt_says_what_the_section_must_say() -> None:
    rendered = prompts.load("content_section").render(**SECTION)

    assert "in English" in rendered.system
    assert "- measure the door too" in rendered.user
    assert "small grey sofa, sofa for small room, grey couch" in rendered.user
    assert "about 120 words" in rendered.user


def test_the_image_prompt_leaves_out_what_is_not_known() -> None:
    rendered = prompts.load("image_idea").render(title="Grey sofas", summary="", style="")

    assert rendered.user == "Article: Grey sofas\n\nThe photograph shows"
