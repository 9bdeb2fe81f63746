"""How a site wants its articles to sound and look: read from its settings, and changed as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from igny8_core.auth import services as account_services
from igny8_core.business.content.services.brief import MAX_AVOID, MAX_RULES
from igny8_core.business.content.services.gather_brief import RULE_LENGTH, VOICE_LENGTH
from igny8_core.business.content.services.image_settings import (
    IN_ARTICLE_MAX,
    STYLE_LENGTH,
    ImageFailure,
    image_failure,
    image_style,
)
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account, Site

AVOID_LENGTH: Final = 100
AUTHOR_LENGTH: Final = 200
LABEL_LENGTH: Final = 300


@dataclass(frozen=True)
class BrandVoice:
    """What is said to every writer of a site.

    :ivar rules: a sentence each; ``avoid`` words and phrases that are never used.
    :ivar images: how many pictures a text gets inside, where it has room.
    :ivar has_links: published articles link to new ones that they mention.
    :ivar disclosure: the line under articles of a model; empty: the usual one.
    """

    voice: str = ""
    rules: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    images: int = 0
    image_style: str = ""
    on_image_failure: str = ImageFailure.WITHOUT
    has_links: bool = False
    author: str = ""
    author_url: str = ""
    is_disclosed: bool = True
    disclosure: str = ""


def brand_voice(site: Site) -> BrandVoice:
    """What a site has set."""
    settings = site.settings
    images, links = _part(settings, "images"), _part(settings, "links")
    author, label = _part(settings, "author"), _part(settings, "disclosure")
    count = images.get("in_article")
    return BrandVoice(
        voice=str(settings.get("voice") or ""),
        rules=_lines(settings.get("rules")),
        avoid=_lines(settings.get("avoid")),
        images=count if isinstance(count, int) and not isinstance(count, bool) else 0,
        image_style=image_style(settings),
        on_image_failure=image_failure(settings),
        has_links=links.get("automatic") is True,
        author=str(author.get("name") or ""),
        author_url=str(author.get("url") or ""),
        is_disclosed=label.get("is_shown") is not False,
        disclosure=str(label.get("text") or ""),
    )


@tenant_atomic()
def save_brand_voice(*, account: Account, site_id: int, wanted: BrandVoice) -> Site:
    """Set all of it; other settings of the site stay. What is being written keeps its brief.

    :raises NotFound: no such site.
    :raises InvalidInput: by field; nothing was written.
    """
    if problems := _problems(wanted):
        raise InvalidInput("The site was not changed.", **problems)
    return account_services.change_site_settings(
        account=account, site_id=site_id, change=lambda known: known | _stored(known, wanted)
    )


def _stored(known: Mapping[str, Any], wanted: BrandVoice) -> dict[str, Any]:
    """The settings that change."""
    return {
        "voice": wanted.voice.strip(),
        "rules": list(wanted.rules),
        "avoid": list(wanted.avoid),
        "images": _part(known, "images")
        | {
            "in_article": wanted.images,
            "style": wanted.image_style.strip(),
            "on_failure": str(wanted.on_image_failure),
        },
        "links": _part(known, "links") | {"automatic": wanted.has_links},
        "author": _part(known, "author")
        | {"name": wanted.author.strip(), "url": wanted.author_url.strip()}
        | ({"kind": "person"} if wanted.author.strip() else {}),
        "disclosure": _part(known, "disclosure")
        | {"is_shown": wanted.is_disclosed, "text": wanted.disclosure.strip()},
    }


def _problems(wanted: BrandVoice) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, length in (
        ("voice", VOICE_LENGTH),
        ("image_style", STYLE_LENGTH),
        ("author", AUTHOR_LENGTH),
        ("disclosure", LABEL_LENGTH),
    ):
        if len(getattr(wanted, name)) > length:
            found[name] = [f"At most {length:,} characters."]
    if len(wanted.rules) > MAX_RULES or any(len(rule) > RULE_LENGTH for rule in wanted.rules):
        found["rules"] = [f"At most {MAX_RULES} rules of {RULE_LENGTH} characters."]
    if len(wanted.avoid) > MAX_AVOID or any(len(word) > AVOID_LENGTH for word in wanted.avoid):
        found["avoid"] = [f"At most {MAX_AVOID} words or phrases of {AVOID_LENGTH} characters."]
    if not 0 <= wanted.images <= IN_ARTICLE_MAX:
        found["images"] = [f"From 0 to {IN_ARTICLE_MAX}."]
    if wanted.on_image_failure not in ImageFailure.values:
        found["on_image_failure"] = ["Choose what becomes of the article."]
    if wanted.author_url and not wanted.author_url.startswith(("https://", "http://")):
        found["author_url"] = ["Write a whole address, beginning with https://."]
    return found


def _part(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = settings.get(name)
    return found if isinstance(found, dict) else {}


def _lines(setting: Any) -> tuple[str, ...]:
    """A list of texts, or a text with one a line; as people write settings."""
    lines = setting if isinstance(setting, list) else str(setting or "").splitlines()
    return tuple(str(line).strip() for line in lines if str(line).strip())
