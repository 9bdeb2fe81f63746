"""How the numerical libraries of a process behave. Call it before numpy is imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_BLAS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")
_CODE = Path(__file__).resolve().parent


def limit_blas_threads(kernels: Path | None = None) -> bool:
    """One thread for every BLAS call of this process; our own threads share out the work.

    What the environment already says stays as it is.

    :param kernels: folder for compiled kernels where the code's own folder cannot be written.
    :return: False when numpy was there first: its BLAS keeps the threads that it has.
    """
    for name in _BLAS:
        os.environ.setdefault(name, "1")
    if kernels is not None and not os.access(_CODE, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(kernels))
    return "numpy" not in sys.modules
