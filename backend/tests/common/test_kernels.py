"""Compiled loops, and the threads of BLAS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba.core.caching
import numpy as np

from igny8_core.common import threads
from igny8_core.common.kernels import kernel
from igny8_core.common.threads import limit_blas_threads

if TYPE_CHECKING:
    import pytest


def total(values: Any) -> Any:
    out = 0
    for value in values:
        out += value
    return out


def test_kernel_computes_without_a_folder_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_folder(*_: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(numba.core.caching.CacheImpl, "__init__", no_folder)

    assert kernel()(total)(np.arange(5)) == 10


def test_kernel_computes_when_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "save", full)

    assert kernel(fastmath=True)(total)(np.arange(6.0)) == 15


def test_kernel_computes_when_its_file_is_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(*_: object) -> None:
        raise EOFError

    monkeypatch.setattr(numba.core.caching.IndexDataCacheFile, "load", torn)

    assert kernel()(total)(np.arange(4)) == 6


def test_blas_gets_one_thread_in_time() -> None:
    script = (
        "import os; from igny8_core.common.threads import limit_blas_threads as limit;"
        "print(limit(), os.environ['OPENBLAS_NUM_THREADS']); import numpy; print(limit())"
    )
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    backend = str(Path(threads.__file__).parents[2])

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean | {"PYTHONPATH": backend},
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == ["True", "1", "False"]


def test_what_the_environment_says_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    monkeypatch.setattr(os, "access", lambda *_: False)

    limit_blas_threads(tmp_path)

    assert os.environ["OPENBLAS_NUM_THREADS"] == "4"
    assert os.environ["NUMBA_CACHE_DIR"] == "/elsewhere"


def test_kernels_go_to_the_data_folder_beside_read_only_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(os, "access", lambda *_: False)

    limit_blas_threads(tmp_path)

    assert os.environ.pop("NUMBA_CACHE_DIR") == str(tmp_path)
