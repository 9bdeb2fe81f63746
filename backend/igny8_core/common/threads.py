"""How the numerical libraries of a process behave. Call it before numpy is imported."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")


def limit_blas_threads(compiled: Path | None = None) -> bool:
    """One thread for every BLAS call of this process; our own threads share out the work.

    What the environment already says stays as it is.

    :param compiled: folder that keeps compiled kernels between runs.
    :return: False when numpy was there first: its BLAS keeps the threads that it has.
    """
    for name in _BLAS:
        os.environ.setdefault(name, "1")
    if compiled is not None:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(compiled))
    return "numpy" not in sys.modules
