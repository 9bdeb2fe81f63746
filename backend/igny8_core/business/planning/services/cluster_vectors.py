"""Keyword -> unit vector: damped WordLlama word sums beside hashed, IDF-weighted stems."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from igny8_core.common.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from igny8_core.business.planning.services.cluster_text import Bag

MODEL_DIMS = 256
STEM_DIMS = 128
DIMS = MODEL_DIMS + STEM_DIMS
LEXICAL_SHARE = 0.25
HEAD_SHARE = 0.02
HEAD_POWER = 0.5

_WORDS_KEPT = 300_000
_BLOCK = 4_096
_pieces: dict[str, tuple[int, ...]] = {}
_pieces_lock = Lock()


@dataclass(frozen=True)
class Frequencies:
    """How often words and stems occur in a list: what makes a word a head word or a rare one.

    :ivar total: keywords in the list.
    """

    total: int
    words: Mapping[str, int]
    stems: Mapping[str, int]


@cache
def _model() -> tuple[NDArray[np.float32], Any]:
    """(vectors of the tokens, tokenizer). The tokenizer is a copy: the model's own pads."""
    import wordllama  # noqa: PLC0415 - loads half a second of modules
    from tokenizers import Tokenizer  # noqa: PLC0415

    folder = str(Path(wordllama.__file__).parent)
    model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    tokenizer = Tokenizer.from_str(model.tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return np.ascontiguousarray(model.embedding[:, :MODEL_DIMS], np.float32), tokenizer


def word_table(vocabulary: Sequence[str]) -> NDArray[np.float32]:
    """Sum of the token rows of each word, without a start token. Words are cut once a process."""
    table, tokenizer = _model()
    missing = [word for word in vocabulary if word not in _pieces]
    encoded = tokenizer.encode_batch_fast(missing, add_special_tokens=False)
    fresh = {word: tuple(one.ids) for word, one in zip(missing, encoded, strict=True)}
    pieces = [fresh[word] if word in fresh else _pieces[word] for word in vocabulary]
    with _pieces_lock:
        if len(_pieces) + len(fresh) <= _WORDS_KEPT:
            _pieces.update(fresh)
    out = np.zeros((len(pieces), MODEL_DIMS), np.float32)
    for first in range(0, len(pieces), _BLOCK):
        block = pieces[first : first + _BLOCK]
        part = out[first : first + _BLOCK]
        lengths = np.array([len(ids) for ids in block])
        flat = np.fromiter(chain.from_iterable(block), np.int64)
        starts = np.cumsum(lengths) - lengths
        for nth in range(lengths.max()):  # the nth token of every word that has one
            rows = np.flatnonzero(lengths > nth)
            part[rows] += table[flat[starts[rows] + nth]]
    return out


def stem_signs(stems: Sequence[str]) -> NDArray[np.float32]:
    """+-1/sqrt(d) for each stem from a hash of its text, so vectors do not depend on the upload."""
    digests = [
        hashlib.blake2b(stem.encode(), digest_size=STEM_DIMS // 8).digest() for stem in stems
    ]
    bits = np.unpackbits(np.frombuffer(b"".join(digests), np.uint8)).reshape(len(stems), STEM_DIMS)
    return (bits.astype(np.float32) * 2 - 1) / np.float32(np.sqrt(STEM_DIMS))


def number_stems(stems: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
    """(distinct stems in order of first appearance, place of each word's stem among them)."""
    places: dict[str, int] = {}
    numbers = [places.setdefault(stem, len(places)) for stem in stems]
    return list(places), np.array(numbers, np.int32)


def frequencies(bag: Bag, stems: Sequence[str], stem_of: NDArray[np.int32]) -> Frequencies:
    """Occurrences of the words and stems of a list."""
    counts = np.bincount(bag.columns, minlength=len(bag.vocabulary))
    by_stem = np.bincount(stem_of, weights=counts, minlength=len(stems)).astype(np.int64)
    return Frequencies(
        total=len(bag.starts) - 1,
        words=dict(zip(bag.vocabulary, counts.tolist(), strict=True)),
        stems=dict(zip(stems, by_stem.tolist(), strict=True)),
    )


class _Words(NamedTuple):
    """Weighted rows of the words and stems, and which words each keyword holds."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    model: NDArray[np.float32]
    lexical: NDArray[np.float32]
    stem_of: NDArray[np.int32]


class _Groups(NamedTuple):
    """Rows of a group: ``members[starts[group]:starts[group + 1]]``."""

    starts: NDArray[np.int64]
    members: NDArray[np.int32]


@kernel(fastmath=True)
def _square(values: Any, first: int, last: int) -> Any:
    total = np.float32(0)
    for x in range(first, last):
        total += values[x] * values[x]
    return total


@kernel(fastmath=True)
def _add_row(words: Any, row: int, own: Any, total: Any) -> None:
    """Add the unit vector of a keyword to ``total``; ``own`` is scratch."""
    model, stems, dims = words.model.shape[1], words.lexical.shape[1], len(own)
    own[:] = 0
    for e in range(words.starts[row], words.starts[row + 1]):
        word = words.columns[e]
        stem = words.stem_of[word]
        for x in range(model):
            own[x] += words.model[word, x]
        for x in range(stems):
            own[model + x] += words.lexical[stem, x]
    left, right = _square(own, 0, model), _square(own, model, dims)
    share = np.float32(0)
    if left > 0:
        share += np.float32(1 - LEXICAL_SHARE)
    if right > 0:
        share += np.float32(LEXICAL_SHARE)
    if left > 0:
        left = np.sqrt(np.float32(1 - LEXICAL_SHARE) / (share * left))
    if right > 0:
        right = np.sqrt(np.float32(LEXICAL_SHARE) / (share * right))
    for x in range(model):
        total[x] += own[x] * left
    for x in range(model, dims):
        total[x] += own[x] * right


@kernel(fastmath=True)
def _embed_groups(words: Any, groups: Any, out: Any, lengths: Any, first: int) -> None:
    """Unit vector and length of the sum of the members of each group from ``first`` on."""
    dims = out.shape[1]
    own = np.empty(dims, np.float32)
    for group in range(first, min(first + _BLOCK, len(lengths))):
        total = out[group]
        total[:] = 0
        for m in range(groups.starts[group], groups.starts[group + 1]):
            _add_row(words, groups.members[m], own, total)
        length = np.sqrt(_square(total, 0, dims))
        lengths[group] = length
        if length > 0:
            length = 1 / length
        for x in range(dims):
            total[x] *= length


def embed_groups(
    bag: Bag,
    stems: Sequence[str],
    stem_of: NDArray[np.int32],
    group: NDArray[np.int32],
    *,
    known: Frequencies,
    spare_rows: int,
    pool: Executor,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(unit vector, length of the members' sum) of each group of rows.

    A row without a word has the vector 0, and so has a group of such rows.

    :param group: number of each row of the bag; a group is embedded as the sum of its members.
    :param known: of the list that decides which words are head words.
    :param spare_rows: rows behind the groups' that the caller fills; untouched memory until then.
    """
    total = max(1, known.total)
    share = np.array([known.words.get(word, 0) for word in bag.vocabulary], np.float64) / total
    damping = np.minimum(1, (HEAD_SHARE / np.maximum(share, 1e-12)) ** HEAD_POWER)
    often = np.array([known.stems.get(stem, 0) for stem in stems], np.float64)
    idf = np.log((total + 1) / (often + 0.5))
    model = word_table(bag.vocabulary) * damping[:, None].astype(np.float32)
    lexical = stem_signs(stems) * idf[:, None].astype(np.float32)
    words = _Words(bag.starts, bag.columns, model, lexical, stem_of)
    count = int(group.max(initial=-1)) + 1
    members = np.argsort(group, kind="stable").astype(np.int32)
    groups = _Groups(np.searchsorted(group[members], np.arange(count + 1)), members)
    out = np.empty((count + spare_rows, DIMS), np.float32)
    lengths = np.empty(count, np.float32)
    list(
        pool.map(
            lambda first: _embed_groups(words, groups, out, lengths, first),
            range(0, count, _BLOCK),
        )
    )
    return out, lengths
