"""Names of columns, as they are compared."""

from __future__ import annotations

import re

from igny8_core.common.text_forms import normal_form

MAX_KEYWORD_LENGTH = 255

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_UNIT = re.compile(r"(?:\s*[(\[]([^()\[\]]{1,20})[)\]]|\s*/\s*([a-z]{3}))$")


def header_form(text: str) -> tuple[str, str]:
    """(name, unit) of a column: ``CPC (USD)`` is ``("cpc", "usd")``; letters of all scripts stay.

    ``search_volume`` is ``search volume``.

    A word in brackets or after a slash is a unit only when it is short: ``Current URL inside``
    is none.
    """
    name = normal_form(text.replace("_", " ")).translate(_DASHES)
    found = _UNIT.search(name)
    if found is None:
        return name, ""
    return name[: found.start()].rstrip(), found.group(1) or found.group(2)
