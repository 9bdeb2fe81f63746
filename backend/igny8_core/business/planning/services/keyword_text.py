"""Names of columns, as they are compared."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from igny8_core.business.planning.services.keyword_labels import LOCALISED
from igny8_core.common.text_forms import normal_form

MAX_KEYWORD_LENGTH = 255
_MAX_HEADER_CHARACTERS = 200

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_UNIT = re.compile(r"(?:\s*[(\[]([^()\[\]]{1,40})[)\]]|\s*/\s*([a-z]{3}))$")


@lru_cache(maxsize=4096)
def header_form(text: str) -> tuple[str, str]:
    """(name, unit) of a column: ``CPC (USD)`` is ``("cpc", "usd")``; letters of all scripts stay.

    ``search_volume`` is ``search volume``; a name in another language is its English one.

    What stands in brackets or after a slash is a unit only when it is short.
    """
    name = normal_form(text[:_MAX_HEADER_CHARACTERS].replace("_", " ")).translate(_DASHES)
    if name in LOCALISED:
        return LOCALISED[name], ""
    found = _UNIT.search(name)
    if found is None:
        return name, ""
    bare = name[: found.start()].rstrip()
    return LOCALISED.get(bare, bare), found.group(1) or found.group(2)


def header_hash(header: list[str]) -> str:
    """A header's identity: its names in their compared form, in order."""
    text = "\n".join("\t".join(header_form(name)) for name in header)
    return hashlib.sha256(text.encode()).hexdigest()
