"""Short names for addresses, free among those that are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.text import slugify

from igny8_core.common.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

SLUG_TRIES = 1_000
MAX_SLUG = 80


def free_slug(name: str, taken: Callable[[str], Collection[str]]) -> str:
    """The name as a slug, with a number if need be.

    :param taken: the slugs that begin with a text.
    :raises Conflict: a thousand of them are taken.
    """
    base = slugify(name)[:MAX_SLUG] or "site"
    known = set(taken(base))
    for number in range(1, SLUG_TRIES):
        slug = base if number == 1 else f"{base}-{number}"
        if slug not in known:
            return slug
    raise Conflict("too many of the same name", name=name)
