"""A post in an answer of WordPress: which fields are read, and what they say. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from igny8_core.clients.destinations import Remote, RemoteGone, RemoteState
from igny8_core.clients.wordpress_seo import NAMES as SEO_NAMES
from igny8_core.common.moments import plausible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.clients.destinations import Watched

PLACEHOLDER: Final = "(publishing)"
TEXTS: Final = ("title", "content", "excerpt")
TERM_FIELDS: Final = ("categories", "tags")
ROUTES: Final = {"post": "wp/v2/posts", "page": "wp/v2/pages"}
SEO_FIELD: Final = "igny8_seo"
READ_FIELDS: Final = (
    "id",
    "link",
    "modified_gmt",
    "title.raw",
    "content.raw",
    "excerpt.raw",
    "slug",
    "status",
    "featured_media",
    "meta",
)
STATES: Final = {
    "publish": RemoteState.LIVE,
    "future": RemoteState.SCHEDULED,
    "pending": RemoteState.PENDING,
    "private": RemoteState.PRIVATE,
}


@dataclass(frozen=True)
class PostReader:
    """What is read of a post at one site.

    :ivar meta_keys: SEO fields that its REST interface has.
    :ivar has_companion: the companion's field is read too.
    """

    meta_keys: tuple[str, ...] = ()
    has_companion: bool = False

    def fields(self, external_type: str) -> str:
        """The value of ``_fields``."""
        names = [*READ_FIELDS, *(TERM_FIELDS if external_type == "post" else ())]
        return ",".join([*names, *([SEO_FIELD] if self.has_companion else [])])

    def remote(self, post: Mapping[str, Any], external_type: str) -> Remote:
        """:raises RemoteGone: it is in the trash."""
        if post.get("status") == "trash":
            raise RemoteGone("It is in the trash.", reason="trash")
        meta = post.get("meta") if isinstance(post.get("meta"), dict) else {}
        watched: Watched = {name: raw_of(post.get(name)) for name in TEXTS}
        watched |= {
            "slug": plain_slug(str(post.get("slug", ""))),
            "status": post["status"],
            "featured_media": post.get("featured_media", 0),
        }
        watched |= {f"meta:{key}": (meta or {}).get(key, "") for key in self.meta_keys}
        if external_type == "post":
            watched |= {name: sorted(post.get(name, [])) for name in TERM_FIELDS}
        if self.has_companion:
            seo = post.get(SEO_FIELD) or {}
            watched[SEO_FIELD] = {name: seo.get(name, "") for name in SEO_NAMES}
        return Remote(
            external_id=str(post["id"]),
            url=str(post.get("link", "")),
            state=STATES.get(str(post["status"]), RemoteState.DRAFT),
            watched=watched,
            external_type=external_type,
            site_status=str(post["status"]),
            slug=str(watched["slug"]),
            modified_at=site_time(post.get("modified_gmt")),
            is_untouched=(watched["status"], watched["title"], watched["content"])
            == ("draft", PLACEHOLDER, ""),
        )


def plain_slug(slug: str) -> str:
    """A slug as people write it: WordPress keeps other scripts percent-encoded."""
    return unquote(slug).lower()


def site_time(text: Any) -> datetime | None:
    """A ``…_gmt`` value; None without one (WordPress's zero date included)."""
    try:
        found = datetime.fromisoformat(str(text).removesuffix("Z"))
    except ValueError:
        return None
    return plausible(found.replace(tzinfo=UTC))


def raw_of(value: Any) -> str:
    """A text field in edit context."""
    return str(value.get("raw", "")) if isinstance(value, dict) else str(value or "")
