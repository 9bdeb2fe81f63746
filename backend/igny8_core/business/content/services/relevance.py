"""How near a sentence is to what a section is about, by local word vectors. No network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from igny8_core.business.content.services.clean_text import FUNCTION_WORDS
from igny8_core.business.content.services.text_measures import folded_words
from igny8_core.business.planning.services.cluster_vectors import word_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray


def nearness_to(texts: Iterable[str]) -> Callable[[str], float]:
    """A function that tells how near a sentence is to these texts: about 0 for any other topic.

    The cosine between the sums of the unit vectors of their content words.
    """
    topic = _direction(" ".join(texts))
    return lambda sentence: float(_direction(sentence) @ topic)


def _direction(text: str) -> NDArray[np.float32]:
    words = [w for w in folded_words(text) if w not in FUNCTION_WORDS and not w.isdigit()]
    if not words:
        return np.zeros(word_table(["a"]).shape[1], np.float32)
    rows = word_table(words)
    total = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)).sum(axis=0)
    length = np.linalg.norm(total)
    unit: NDArray[np.float32] = total / length if length > 0 else total
    return unit
