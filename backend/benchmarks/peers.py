"""Our clustering beside BERTopic's defaults: CPU seconds in one run, the same vectors for both.

`make bench-peers INPUT=list.tsv` runs it. Ours counts everything from the keywords on; BERTopic is
given the vectors that ours made, so its own embedding is not counted.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from igny8_core.cli.benches import clustering as bench
from igny8_core.common.threads import limit_blas_threads

PEER = Path(__file__).with_name("peer_bertopic.py")
PYTHON = Path(".venv-bench/bin/python")


@click.command()
@click.option(
    "--input",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=bench.PACKAGED,
    help="TSV with a header and a column `keyword`; with `label` quality is compared, too.",
)
@click.option("--repeat-to", type=click.IntRange(100, 1_000_000), help="Grow the list with words.")
@click.option(
    "--peer-python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=PYTHON,
    show_default=True,
    help="A Python with what requirements/bench.txt lists.",
)
def main(file: Path, repeat_to: int | None, peer_python: Path) -> None:
    """Print one JSON object: both, and how many times more CPU BERTopic takes."""
    limit_blas_threads()
    rows = bench.read_list(file)
    keywords = [row["keyword"] for row in rows]
    if repeat_to is not None:
        keywords = bench.repeat(keywords, repeat_to)
    is_labelled = "label" in rows[0] and repeat_to is None
    labels = [row["label"] for row in rows] if is_labelled else []
    with tempfile.TemporaryDirectory(prefix="igny8-peers-") as name:
        folder = Path(name)
        ours = _ours(keywords, labels, folder)
        subprocess.run([str(peer_python), str(PEER), str(folder)], check=True)
        peer = _peer(folder, labels)
    report = {
        "input": file.name,
        "keywords": len(keywords),
        "ours": ours,
        "bertopic": peer,
        "ratio": round(peer["first_cpu_seconds"] / ours["cpu_seconds"], 1),
        "ratio_first": round(peer["first_cpu_seconds"] / ours["first_cpu_seconds"], 1),
        "ratio_warm": round(peer["cpu_seconds"] / ours["cpu_seconds"], 1),
    }
    click.echo(json.dumps(report))


def _ours(keywords: list[str], labels: list[str], folder: Path) -> dict[str, Any]:
    """Measure ours, and leave the keywords and their vectors for the peer."""
    import numpy as np

    from igny8_core.business.planning.services.cluster_core import cluster_texts, warm_up

    cold = time.process_time()
    warm_up(long_lists=len(keywords) > bench.LONG_LIST)
    cold = time.process_time() - cold
    wall, cpu = time.perf_counter(), time.process_time()
    found = cluster_texts(keywords)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    np.save(folder / "vectors.npy", found.vectors.astype(np.float32))
    (folder / "docs.json").write_text(json.dumps(keywords), encoding="utf-8")
    return {
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "first_cpu_seconds": round(cpu + cold, 2),
        "topics": len(set(found.topic.tolist())),
        "peak_mb": bench.peak_mb(),
    } | (bench.quality(labels, found.topic) if labels else {})


def _peer(folder: Path, labels: list[str]) -> dict[str, Any]:
    """What the peer wrote; its outliers are topics of their own when it is held against labels."""
    import numpy as np

    found: dict[str, Any] = json.loads((folder / "peer.json").read_text(encoding="utf-8"))
    found["first_cpu_seconds"] = round(found["cpu_seconds"] + found["compile_cpu_seconds"], 2)
    if labels:
        topics = np.load(folder / "peer.npy").astype(np.int64)
        alone = np.flatnonzero(topics == -1)
        topics[alone] = topics.max() + 1 + np.arange(len(alone))
        found |= bench.quality(labels, topics)
    return found


if __name__ == "__main__":
    main()
