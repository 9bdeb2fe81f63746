"""What a site wants of the pictures of its articles. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.db.models import TextChoices

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS_PER_IMAGE: Final = 150
"""A shorter text has no room for another picture."""

IN_ARTICLE_MAX: Final = 10
STYLE_LENGTH: Final = 300


class ImageFailure(TextChoices):
    """What becomes of an article whose picture cannot be made."""

    BLOCK = "block", "is not approved"
    WITHOUT = "without", "goes without it"
    PLACEHOLDER = "placeholder", "gets one that is drawn by rule"


def image_failure(settings: Mapping[str, Any]) -> ImageFailure:
    """``images.on_failure`` of a site; without it articles go without the picture."""
    try:
        return ImageFailure(str(_images(settings).get("on_failure")))
    except ValueError:
        return ImageFailure.WITHOUT


def images_wanted(settings: Mapping[str, Any], *, words: int) -> int:
    """``images.in_article`` of a site: how many pictures a text of so many words gets."""
    wanted = _images(settings).get("in_article")
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        return 0
    return max(0, min(wanted, IN_ARTICLE_MAX, words // WORDS_PER_IMAGE))


def image_style(settings: Mapping[str, Any]) -> str:
    """``images.style`` of a site: what every picture should look like."""
    return " ".join(str(_images(settings).get("style") or "").split())[:STYLE_LENGTH]


def _images(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    found = settings.get("images")
    return found if isinstance(found, dict) else {}
