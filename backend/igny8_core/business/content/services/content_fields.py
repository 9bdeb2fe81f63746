"""What people send of an article, made into columns: fields, and its text. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content.services.article_blocks import (
    blocks_word_count,
    clean_markup,
    markup_text,
    parse_blocks,
    render_html,
    stored_blocks,
)
from igny8_core.business.content.services.seo_fields import SLUG_MAX, make_slug
from igny8_core.business.content.services.text_measures import word_count
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from igny8_core.business.content.models import Content

HTML_LENGTH: Final = 2_000_000
"""Characters; what other platforms hold of a long article many times over."""

LIMITS: Final = {
    "title": 255,
    "slug": SLUG_MAX,
    "meta_title": 255,
    "meta_description": 500,
    "excerpt": 2_000,
    "primary_keyword": 255,
}
"""Characters of the fields that are one line of text."""

KEYWORDS_MAX: Final = 50
KEYWORD_LENGTH: Final = 255
AS_SENT: Final = ("language", "content_type", "content_structure")
_RELATIONS: Final = ("account", "site", "sector", "cluster", "task", "taxonomies")


@dataclass(frozen=True)
class ContentChanges:
    """What a person writes of an article; None leaves a field as it is.

    :ivar cluster_id: 0 takes the article out of its cluster.
    :ivar blocks: the whole text, as JSON blocks.
    :ivar html: the whole text from elsewhere, instead of blocks.
    """

    title: str | None = None
    slug: str | None = None
    meta_title: str | None = None
    meta_description: str | None = None
    excerpt: str | None = None
    primary_keyword: str | None = None
    secondary_keywords: Sequence[str] | None = None
    language: str | None = None
    content_type: str | None = None
    content_structure: str | None = None
    cluster_id: int | None = None
    blocks: Sequence[Mapping[str, Any]] | None = None
    html: str | None = None


def plain_columns(changes: ContentChanges) -> dict[str, Any]:
    """The columns of everything but the text.

    :raises InvalidInput: by field: too long, empty, or no slug.
    """
    columns: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    for name, limit in LIMITS.items():
        value = getattr(changes, name)
        if value is None:
            continue
        columns[name] = text = " ".join(value.split())
        if len(text) > limit:
            problems[name] = [f"has more than {limit} characters"]
        if name in {"title", "slug"} and not text:
            problems[name] = ["is missing"]
    if "slug" in columns and columns["slug"] != make_slug(columns["slug"]):
        problems["slug"] = ["lower-case letters, digits and single hyphens only"]
    if changes.secondary_keywords is not None:
        columns["secondary_keywords"] = _keywords(changes.secondary_keywords, problems)
    for name in AS_SENT:
        if (value := getattr(changes, name)) is not None:
            columns[name] = value
    if changes.cluster_id is not None:
        columns["cluster_id"] = changes.cluster_id or None
    if problems:
        raise InvalidInput("the article cannot be like this", **problems)
    return columns


def text_columns(row: Content, changes: ContentChanges, *, user_id: int | None) -> dict[str, Any]:
    """The columns of a new text: blocks, HTML, words, provenance; none when none was sent.

    Of HTML there are no blocks: the article is then what the allow-list leaves of it.

    :param row: the article as it was.
    :raises InvalidInput: both kinds, unknown blocks, or too long.
    """
    if changes.blocks is not None and changes.html is not None:
        raise InvalidInput("one text or the other", html=["Send blocks or html, not both."])
    if changes.blocks is not None:
        return _of_blocks(row, changes.blocks, user_id=user_id)
    if changes.html is not None:
        return _of_html(row, changes.html, user_id=user_id)
    return {}


def check_fields(row: Content, columns: Mapping[str, Any]) -> None:
    """Put the values onto the row and check them as the model declares them.

    :raises django.core.exceptions.ValidationError: by field.
    """
    for name, value in columns.items():
        setattr(row, name, value)
    others = {field.name for field in row._meta.fields if field.attname not in columns}
    row.clean_fields(exclude=others | set(_RELATIONS))


def _keywords(given: Sequence[str], problems: dict[str, list[str]]) -> list[str]:
    """One line each, without repeats."""
    lines = dict.fromkeys(" ".join(keyword.split()) for keyword in given)
    lines.pop("", None)
    if len(lines) > KEYWORDS_MAX:
        problems["secondary_keywords"] = [f"at most {KEYWORDS_MAX}"]
    if any(len(line) > KEYWORD_LENGTH for line in lines):
        problems["secondary_keywords"] = [f"each has at most {KEYWORD_LENGTH} characters"]
    return list(lines)


def _of_blocks(
    row: Content, changed: Sequence[Mapping[str, Any]], *, user_id: int | None
) -> dict[str, Any]:
    """The text, and where each of its blocks comes from now."""
    blocks = parse_blocks(changed)
    stored = stored_blocks(blocks)
    before = {block["id"]: block for block in row.blocks}
    origins = dict(row.provenance.get("blocks") or {})
    now_from: dict[str, Any] = {}
    for block in stored:
        known = origins.get(block["id"])
        if known is None:
            now_from[block["id"]] = {"origin": "person", "by": user_id}
        elif block == before.get(block["id"]):
            now_from[block["id"]] = known
        else:
            now_from[block["id"]] = known | {"person_edited": True, "by": user_id}
    return {
        "blocks": stored,
        "html": render_html(blocks),
        "word_count": blocks_word_count(blocks),
        "provenance": row.provenance | {"blocks": now_from},
    }


def _of_html(row: Content, html: str, *, user_id: int | None) -> dict[str, Any]:
    if len(html) > HTML_LENGTH:
        raise InvalidInput("too long", html=[f"has more than {HTML_LENGTH:,} characters"])
    clean = clean_markup(html)
    return {
        "blocks": [],
        "html": clean,
        "word_count": word_count(markup_text(clean)),
        "provenance": row.provenance | {"blocks": {}, "html": {"origin": "person", "by": user_id}},
    }
