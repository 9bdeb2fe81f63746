"""One keyword as a text: what people see, and what makes two keywords the same."""

from __future__ import annotations

import re
import unicodedata

MAX_KEYWORD_LENGTH = 255

_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF])
_UNREADABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffd\ufffe\uffff]"
)
_SINGLE = "\u2018\u2019\u201a\u201b\u2032\u0060\u00b4"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
_QUOTES = str.maketrans({**dict.fromkeys(_SINGLE, "'"), **dict.fromkeys(_DOUBLE, '"')})
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_UNIT = re.compile(r"(?:\s*[(\[]([^()\[\]]{1,20})[)\]]|\s*/\s*([a-z]{3}))$")


def display_form(text: str) -> str:
    """As in the file, but NFC, trimmed, and with single blanks; invisible marks are removed."""
    if text.isascii():
        return " ".join(text.split())
    return " ".join(unicodedata.normalize("NFC", text).translate(_INVISIBLE).split())


def normal_form(text: str) -> str:
    """What identifies a keyword: the display form, case-folded, quotes unified.

    Word order, accents, plurals and years stay: those are different keywords.
    """
    shown = display_form(text)
    if shown.isascii():
        return shown.lower().replace("`", "'")
    return unicodedata.normalize("NFC", shown.casefold()).translate(_QUOTES)


def is_readable(text: str) -> bool:
    """Whether a display form holds no control characters, direction overrides or surrogates."""
    if text.isascii():
        return text.isprintable()
    return _UNREADABLE.search(text) is None


def header_form(text: str) -> tuple[str, str]:
    """(name, unit) of a column: ``CPC (USD)`` is ``("cpc", "usd")``; letters of all scripts stay.

    A word in brackets or after a slash is a unit only when it is short: ``Current URL inside``
    is none.
    """
    name = normal_form(text).translate(_DASHES)
    found = _UNIT.search(name)
    if found is None:
        return name, ""
    return name[: found.start()].rstrip(), found.group(1) or found.group(2)
