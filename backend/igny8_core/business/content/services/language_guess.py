"""Whether a text is in the language it should be in: by script and by its commonest words. Pure.

No model and no library: the commonest words of a language are a third of every text. What cannot
be told is taken for right; a text of another language is told from eight words on.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Final

from igny8_core.business.content.services.text_measures import folded_words

_FILE: Final = Path(__file__).parent / "data" / "language_marks.json"
WORDS_TO_TELL: Final = 8
CLEARLY_MORE: Final = 3
"""How many more words of another language than of the wanted one give a text away."""

_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_OTHER_SCRIPT: Final = re.compile(
    r"[\u0370-\u03ff\u0400-\u052f\u0590-\u05ff\u0600-\u06ff\u0900-\u0dff\u0e00-\u0eff"
    r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)


def is_foreign(text: str, language: str) -> bool:
    """Whether a text is certainly not in a language.

    :param language: such as ``en`` or ``pt-BR``; of one without a list only the script is judged.
    """
    wanted = language.partition("-")[0].lower()
    known = _marks()
    if wanted in known and _is_other_script(text):
        return True
    found = folded_words(text)
    if len(found) < WORDS_TO_TELL or wanted not in known:
        return False
    counts = {name: sum(1 for word in found if word in marks) for name, marks in known.items()}
    own = counts.pop(wanted)
    most = max(counts.values())
    return most >= own + CLEARLY_MORE and 2 * most >= 3 * own


def _is_other_script(text: str) -> bool:
    """Whether more than every third letter is of a script that Latin languages do not use."""
    strange = len(_OTHER_SCRIPT.findall(text))
    return 3 * strange > strange + len(_LATIN.findall(text))


@cache
def _marks() -> dict[str, frozenset[str]]:
    texts: dict[str, str] = json.loads(_FILE.read_text(encoding="utf-8"))
    return {name: frozenset(text.split()) for name, text in texts.items()}
