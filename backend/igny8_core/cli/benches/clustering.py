"""Cluster a keyword list: time, memory and, with a column `label`, quality.

The file is a TSV with a header; its column `keyword` is clustered, `volume` is optional. The
process is warm when the clock starts: the model is loaded and the kernels are compiled.
"""

from __future__ import annotations

import csv
import resource
import sys
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igny8_core.common.threads import limit_blas_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

PACKAGED = Path(__file__).resolve().parents[2] / "data" / "wands.tsv"
LONG_LIST = 20_000
MEGABYTE = 1_048_576

OPTIONS = [
    click.Option(
        ["--input", "file"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        default=PACKAGED,
        help="TSV with a header; the packaged list by default.",
    ),
    click.Option(
        ["--repeat-to"],
        type=click.IntRange(1, 1_000_000),
        help="Grow the list to so many distinct keywords with modifiers; labels are not scored.",
    ),
    click.Option(
        ["--level"],
        type=click.Choice(["page", "topic"]),
        default="topic",
        show_default=True,
        help="The cut that is counted and held against the labels.",
    ),
]

_MODIFIERS = (
    "best {}|cheap {}|{} near me|{} reviews|how to {}|{} price|buy {}|buy {} online|"
    "{} for beginners|{} for women|{} for men|{} 2025|{} 2026|what is {}|{} vs alternatives|"
    "{} alternatives|free {}|{} online|{} uk|{} in london|{} cost|{} ideas|{} guide|"
    "{} examples|{} template|{} tips|top 10 {}|{} sale|{} discount code|{} pdf|why {}|"
    "{} meaning|{} definition|{} calculator|{} software|{} app|is {} worth it|{} for kids|"
    "{} for small business|{} delivery"
)
MODIFIERS = _MODIFIERS.split("|")


def repeat(keywords: Sequence[str], wanted: int) -> list[str]:
    """Grow a list with modifiers, in an order fixed by crc32; a second one when all are used."""
    out = dict.fromkeys(keywords[:wanted])
    layer = list(out)
    while len(out) < wanted:
        for step in range(len(MODIFIERS)):
            for base in layer:
                if len(out) >= wanted:
                    return list(out)
                pick = (zlib.crc32(base.encode()) + step) % len(MODIFIERS)
                out.setdefault(MODIFIERS[pick].format(base))
        layer = list(out)
    return list(out)


def run(*, file: Path, repeat_to: int | None, level: str) -> dict[str, Any]:
    """Measure one run; see the module."""
    rows = read_list(file)
    keywords = [row["keyword"] for row in rows]
    volumes: list[int | None] | None = None
    if "volume" in rows[0] and repeat_to is None:
        volumes = [int(v) if (v := row["volume"] or "").isdecimal() else None for row in rows]
    if repeat_to is not None:
        keywords = repeat(keywords, repeat_to)
    if not limit_blas_threads():
        click.echo("numpy was imported before its threads were limited", err=True)
    from igny8_core.business.planning.services.cluster_core import (
        THREADS,
        VERSION,
        cluster_texts,
        warm_up,
    )

    warm_up(long_lists=len(keywords) > LONG_LIST)
    wall, cpu = time.perf_counter(), time.process_time()
    found = cluster_texts(keywords, volumes=volumes)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    labels = found.page if level == "page" else found.topic
    report: dict[str, Any] = {
        "input": file.name,
        "level": level,
        "keywords": len(keywords),
        "clusters": len(set(labels.tolist())),
        "pages": len(set(found.page.tolist())),
        "topics": len(set(found.topic.tolist())),
        "largest": max(Counter(labels.tolist()).values()),
        "seconds": round(wall, 3),
        "cpu_seconds": round(cpu, 3),
        "peak_mb": peak_mb(),
        "threads": THREADS,
        "clusterer_version": VERSION,
        "fingerprint": zlib.crc32(found.topic.astype("<i4").tobytes())
        ^ zlib.crc32(found.page.astype("<i4").tobytes()),
    }
    if "label" in rows[0] and repeat_to is None:
        report |= quality([row["label"] for row in rows], labels)
    return report


def read_list(file: Path) -> list[dict[str, str]]:
    """The rows of a TSV with a column `keyword`.

    :raises click.ClickException: it has none.
    """
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or "keyword" not in rows[0]:
        raise click.ClickException(f"{file} has no row or no column `keyword`")
    return rows


def peak_mb() -> int:
    """The most memory that this process has had, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (MEGABYTE if sys.platform == "darwin" else 1024)


def quality(truth: Sequence[str], found: NDArray[np.int64]) -> dict[str, float]:
    """Agreement of a partition with labels.

    :raises click.ClickException: scikit-learn is not installed.
    """
    try:
        from sklearn.metrics import adjusted_mutual_info_score, v_measure_score
    except ImportError as exc:
        raise click.ClickException(
            "scoring labels needs scikit-learn, which `make setup` installs"
        ) from exc
    return {
        "ami": round(float(adjusted_mutual_info_score(truth, found)), 4),
        "v_measure": round(float(v_measure_score(truth, found)), 4),
        "bcubed_f1": round(bcubed_f1(truth, found), 4),
    }


def bcubed_f1(truth: Sequence[str], found: NDArray[np.int64]) -> float:
    """B-cubed F1: for each row, how pure its cluster is and how much of its class it holds."""
    import numpy as np

    classes = np.unique(np.asarray(truth), return_inverse=True)[1]
    clusters = np.unique(found, return_inverse=True)[1]
    pairs, both = np.unique(np.stack([classes, clusters]), axis=1, return_counts=True)
    square = both.astype(np.float64) ** 2
    precision = (square / np.bincount(clusters)[pairs[1]]).sum() / len(classes)
    recall = (square / np.bincount(classes)[pairs[0]]).sum() / len(classes)
    return float(2 * precision * recall / (precision + recall))
