"""What BERTopic needs for a list whose vectors are given: run by ``peers.py``, in ``.venv-bench``.

Reads ``docs.json`` and ``vectors.npy`` of a folder; writes ``peer.json`` and ``peer.npy`` there.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from bertopic import BERTopic
from hdbscan import HDBSCAN
from joblib.externals.loky import get_reusable_executor
from umap import UMAP

WARM_ROWS = 5_000
"""UMAP takes another way, with other kernels, for fewer than 4,096."""


def model() -> BERTopic:
    """BERTopic's defaults, written out, and a seed so that a run can be repeated."""
    return BERTopic(
        embedding_model=None,
        umap_model=UMAP(
            n_neighbors=15,
            n_components=5,
            min_dist=0.0,
            metric="cosine",
            low_memory=False,
            random_state=42,
        ),
        hdbscan_model=HDBSCAN(
            min_cluster_size=10,
            metric="euclidean",
            cluster_selection_method="eom",
            prediction_data=True,
        ),
    )


def cpu_seconds() -> float:
    """Of this process and of the workers that it started, which end here."""
    get_reusable_executor().shutdown(wait=True)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + workers.ru_utime + workers.ru_stime


def fit(docs: list[str], vectors: Any) -> tuple[dict[str, float], Any]:
    """(seconds and CPU seconds of one fit, the topic of each row; -1 is an outlier)."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    topics, _ = model().fit_transform(docs, vectors)
    spent = cpu_seconds() - cpu
    wall = time.perf_counter() - wall
    return {"seconds": round(wall, 2), "cpu_seconds": round(spent, 2)}, np.asarray(topics)


def main(folder: Path) -> None:
    """A first fit, which compiles as a script's only fit does, and a second one, which does not."""
    warnings.filterwarnings("ignore")
    docs = json.loads((folder / "docs.json").read_text(encoding="utf-8"))
    vectors = np.load(folder / "vectors.npy")
    few, _ = fit(docs[:WARM_ROWS], vectors[:WARM_ROWS])
    again, _ = fit(docs[:WARM_ROWS], vectors[:WARM_ROWS])
    warm, topics = fit(docs, vectors)
    np.save(folder / "peer.npy", topics)
    report = {
        **warm,
        "compile_cpu_seconds": round(max(few["cpu_seconds"] - again["cpu_seconds"], 0.0), 2),
        "topics": len(set(topics.tolist()) - {-1}),
        "outliers": round(float((topics == -1).mean()), 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    (folder / "peer.json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
