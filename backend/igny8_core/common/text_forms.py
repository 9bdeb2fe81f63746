"""One line of text: what people see, and what makes two texts the same."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF])
_UNREADABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffd\ufffe\uffff]"
)
_SINGLE = "\u2018\u2019\u201a\u201b\u2032\u0060\u00b4"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
_QUOTES = str.maketrans({**dict.fromkeys(_SINGLE, "'"), **dict.fromkeys(_DOUBLE, '"')})


def display_form(text: str) -> str:
    """As in the file, but NFC, trimmed, and with single blanks; invisible marks are removed."""
    if text.isascii():
        return " ".join(text.split())
    return " ".join(unicodedata.normalize("NFC", text).translate(_INVISIBLE).split())


def normal_form(text: str) -> str:
    """What identifies a text: the display form, case-folded, quotes unified.

    Word order, accents and numbers stay.
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
