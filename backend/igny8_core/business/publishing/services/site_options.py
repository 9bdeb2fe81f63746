"""What an account chooses for a static site: its look, its address, what else it carries."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from igny8_core.auth import selectors as accounts
from igny8_core.auth import services as account_services
from igny8_core.business.publishing.services.follow_pointer import locked_site
from igny8_core.business.publishing.services.site_look import themes
from igny8_core.business.publishing.services.site_source import COLOUR, SiteIdentity
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account, Site

SCHEMES: Final = ("auto", "light", "dark")
TAGLINE_LENGTH: Final = 160
INDEXNOW_KEY: Final = re.compile(r"[A-Za-z0-9-]{8,128}\Z")
SETTING: Final = "static_site"


@dataclass(frozen=True)
class SiteOptions:
    """A site's choices.

    :ivar base_url: its own address, when a proxy leads there; empty means ours.
    :ivar colour_scheme: ``auto`` follows the visitor's system.
    :ivar accent: ``#rrggbb``; empty means one chosen by the name.
    :ivar has_search: a page that searches in the visitor's browser.
    :ivar has_llms_txt: a list of the site's pages for language models.
    :ivar ai_crawlers: whether robots.txt lets the crawlers of AI companies in.
    :ivar indexnow_key: tells search engines of changes after each deployment; empty: it does not.
    """

    theme: str = "default"
    colour_scheme: str = "auto"
    accent: str = ""
    tagline: str = ""
    base_url: str = ""
    has_search: bool = True
    has_llms_txt: bool = False
    ai_crawlers: bool = True
    indexnow_key: str = ""


_KEPT: Final = (
    "theme", "colour_scheme", "base_url", "has_search", "has_llms_txt", "ai_crawlers",
    "indexnow_key",
)  # fmt: skip


def options_of(site: Site) -> SiteOptions:
    """A site's choices by its row; what cannot be read there is as if it were not said."""
    given = site.settings.get(SETTING)
    given = given if isinstance(given, dict) else {}
    defaults = SiteOptions()
    kept = {
        name: given[name]
        for name in _KEPT
        if isinstance(given.get(name), type(getattr(defaults, name)))
    }
    colours = site.settings.get("colours") or {}
    chosen = SiteOptions(
        **kept,
        accent=str(colours.get("accent") or colours.get("primary") or ""),
        tagline=str(site.settings.get("tagline") or ""),
    )
    wrong = {name: getattr(defaults, name) for name in problems_of(chosen) if name in kept}
    return SiteOptions(**{**asdict(chosen), **wrong})


def identity_of(site: Site, *, base_url: str, is_preview: bool = False) -> SiteIdentity:
    """How a site presents itself, by its row and its choices.

    :raises InvalidInput: ``base_url`` is no web address.
    """
    if not is_site_address(base_url):
        raise InvalidInput("not a web address", base_url=[base_url])
    options = options_of(site)
    return SiteIdentity(
        name=site.name,
        base_url=base_url.rstrip("/"),
        tagline=options.tagline,
        language=site.language,
        country_code=site.country_code,
        timezone=site.timezone,
        accent=options.accent,
        theme=options.theme,
        colour_scheme=options.colour_scheme,
        has_search=options.has_search,
        has_llms_txt=options.has_llms_txt and not is_preview,
        ai_crawlers=options.ai_crawlers,
        indexnow_key="" if is_preview else options.indexnow_key,
        is_preview=is_preview,
    )


def problems_of(options: SiteOptions) -> dict[str, list[str]]:
    """What is wrong with choices, by field; empty when they can be used."""
    found: dict[str, list[str]] = {}
    if options.theme not in themes():
        found["theme"] = [f"Choose one of {', '.join(themes())}."]
    if options.colour_scheme not in SCHEMES:
        found["colour_scheme"] = [f"Choose one of {', '.join(SCHEMES)}."]
    if options.accent and not COLOUR.match(options.accent):
        found["accent"] = ["Write a colour as #rrggbb."]
    if len(options.tagline) > TAGLINE_LENGTH:
        found["tagline"] = [f"At most {TAGLINE_LENGTH} characters."]
    if options.base_url and not is_site_address(options.base_url):
        found["base_url"] = ["Write an address such as https://blog.example.com."]
    if options.indexnow_key and not INDEXNOW_KEY.match(options.indexnow_key):
        found["indexnow_key"] = ["8 to 128 letters, digits and hyphens."]
    return found


def is_site_address(text: str) -> bool:
    """Whether a text is an absolute web address that paths can follow."""
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return bool(
        parts.scheme in {"http", "https"}
        and parts.hostname
        and has_port
        and parts.username is None
        and not parts.query
        and not parts.fragment
        and not re.search(r"[\s<>\"'\\]", text)
    )


@tenant_atomic()
def change_site_options(
    *, account: Account, site_id: int, changes: Mapping[str, Any]
) -> SiteOptions:
    """Change what is named of :class:`SiteOptions`; it shows with the next deployment.

    ``indexnow`` (true or false) makes a key, or drops it; a key that is there stays.

    :raises NotFound: no such site in this account.
    :raises InvalidInput: by field; nothing was written.
    """
    site = locked_site(account=account, site_id=site_id)
    wanted = dict(changes)
    before = options_of(site)
    if (indexnow := wanted.pop("indexnow", None)) is not None:
        key = before.indexnow_key or secrets.token_hex(16)
        wanted["indexnow_key"] = key if indexnow else ""
    known = {field.name for field in fields(SiteOptions)}
    if unknown := sorted(set(wanted) - known):
        raise InvalidInput("unknown settings", **{name: ["unknown"] for name in unknown})
    chosen = SiteOptions(**{**asdict(before), **wanted})
    if problems := problems_of(chosen):
        raise InvalidInput("The site was not changed.", **problems)
    kept = {**asdict(chosen), "base_url": chosen.base_url.rstrip("/")}
    earlier = site.settings.get(SETTING)
    settings = site.settings | {
        "tagline": chosen.tagline,
        "colours": {**(site.settings.get("colours") or {}), "accent": chosen.accent},
        SETTING: (earlier if isinstance(earlier, dict) else {})
        | {name: kept[name] for name in _KEPT},
    }
    account_services.update_site(account=account, site_id=site_id, settings=settings)
    return options_of(accounts.site(account=account, site_id=site_id))
