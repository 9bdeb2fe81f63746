"""Links, images, and whether another page of the site aims at the same keyphrase. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import regex

from igny8_core.business.content.services.scoring_bands import (
    FULL,
    HALF,
    NONE,
    Check,
    judged,
    not_applicable,
)
from igny8_core.business.content.services.scoring_limits import UNIQUE
from igny8_core.business.content.services.scoring_target import SUPPORTING
from igny8_core.business.content.services.scoring_text import flat, one_sentence

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_context import Context
    from igny8_core.business.content.services.scoring_document import Link
    from igny8_core.business.content.services.scoring_target import Target

_ARTICLE: Final = regex.compile(r"#content-(\d{1,18})")
ARTICLE_LINK: Final = regex.compile(r'href="#content-(\d{1,18})"')
"""How a stored body names another article."""

_FEW_IMAGES: Final = 5
_OF_FIVE: Final = (2, 4)
_ALT_LEAST, _ALT_MOST = 30, 75


def links_checks(context: Context) -> list[Check]:
    """The five checks of links, media and site."""
    return [
        _internal(context),
        _outbound(context),
        _images(context),
        _alt(context),
        _unique(context),
    ]


def article_id(href: str) -> int | None:
    """The article that a stored link names."""
    found = _ARTICLE.fullmatch(href)
    return int(found[1]) if found else None


def is_own_page(link: Link, target: Target) -> bool:
    """Whether a link leads to a known page of the site itself."""
    named = article_id(link.href)
    if named is not None:
        return named in target.known_ids
    if link.href.startswith("#"):
        return False
    scheme, host = _scheme_and_host(link.href)
    if not host:
        return not scheme and bool(link.href.strip())
    return scheme in {"", "http", "https"} and host in target.own_hosts


def is_outbound(link: Link, target: Target) -> bool:
    """Whether a link leads to another site."""
    scheme, host = _scheme_and_host(link.href)
    return scheme in {"", "http", "https"} and bool(host) and host not in target.own_hosts


def _scheme_and_host(href: str) -> tuple[str, str]:
    try:
        parts = urlsplit(href.strip())
    except ValueError:
        return "", ""
    return parts.scheme.lower(), (parts.hostname or "").lower().removeprefix("www.")


def _internal(context: Context) -> Check:
    """Full when any is followed; of a supporting page, when one leads to its hub too."""
    target = context.target
    own = [link for link in context.document.links if is_own_page(link, target)]
    followed = sum(1 for link in own if link.is_followed)
    wants_hub = target.role == SUPPORTING and bool(target.hub_ids)
    has_hub = any(article_id(link.href) in target.hub_ids for link in own)
    if not own:
        state, band, fix = NONE, "none", "link_to_hub" if wants_hub else "link_to_own_pages"
    elif wants_hub and not has_hub:
        state, band, fix = HALF, "no_hub", "link_to_hub"
    elif not followed:
        state, band, fix = HALF, "none_followed", "let_links_be_followed"
    else:
        state, band, fix = FULL, "followed", ""
    return judged(
        "links.internal",
        state,
        measured={"links": len(own), "followed": followed, "to_hub": has_hub},
        band=band,
        spans=[link.span for link in own] if band == "none_followed" else [context.document.end],
        fix=fix,
        hub_ids=list(target.hub_ids) if fix == "link_to_hub" else [],
    )


def _outbound(context: Context) -> Check:
    links = [link for link in context.document.links if is_outbound(link, context.target)]
    followed = sum(1 for link in links if link.is_followed)
    state = NONE if not links else FULL if followed else HALF
    return judged(
        "links.outbound",
        state,
        measured={"links": len(links), "followed": followed},
        band="none" if not links else "followed" if followed else "none_followed",
        spans=[link.span for link in links] or [context.document.end],
        fix="let_links_be_followed" if links else "link_to_a_source",
    )


def _images(context: Context) -> Check:
    count = len(context.document.images)
    return judged(
        "media.images",
        FULL if count else NONE,
        measured={"images": count},
        band="1+" if count else "0",
        spans=[context.document.start],
        fix="add_image",
    )


def _alt(context: Context) -> Check:
    """Alternative texts that are about the keyphrase: some, and not nearly all of many."""
    name, images, phrase = "media.alt", context.document.images, context.phrase
    count = len(images)
    if not count:
        return not_applicable(name, "no_images")
    language = context.document.language
    alts = [one_sentence(flat(image.alt or ""), language) for image in images]
    matches = sum(1 for alt in alts if phrase.half_in(alt))
    measured = {"images": count, "about_keyphrase": matches}
    measured["without_alt"] = sum(1 for image in images if image.alt is None)
    least, most = alt_bounds(count)
    off = HALF
    if measured["without_alt"]:
        state, band, fix = NONE, "no_alt_attribute", "write_alt"
    elif matches < least:
        has_text = any(alt.words for alt in alts)
        band = "too_few" if matches else "without_keyphrase" if has_text else "empty"
        off = NONE if context.target.is_hub and not matches else HALF
        state, fix = off, "write_alt_about_keyphrase"
    elif matches > most:
        state, band, fix = HALF, "too_many", "vary_alts"
    else:
        state, band, fix = FULL, "enough", ""
    return judged(
        name,
        state,
        measured=measured,
        band=band,
        spans=[
            {"field": "alt", "block": image.block, "start": 0, "end": len(image.alt or "")}
            for image in images
        ],
        fix=fix,
        keyphrase=phrase.text,
        at_least=least,
        at_most=most,
    )


def alt_bounds(images: int) -> tuple[int, int]:
    """How many alternative texts should be about the keyphrase: at least, at most."""
    if images < _FEW_IMAGES:
        return 1, images
    if images == _FEW_IMAGES:
        return _OF_FIVE
    return -(-_ALT_LEAST * images // 100), _ALT_MOST * images // 100


def _unique(context: Context) -> Check:
    others = context.target.same_keyphrase
    return judged(
        "site.keyphrase_unique",
        UNIQUE.at(others),
        measured={"other_pages": others},
        band=UNIQUE.name(others),
        spans=[context.document.field_span("seo_title")],
        fix="choose_another_keyphrase",
        keyphrase=context.phrase.text,
    )
