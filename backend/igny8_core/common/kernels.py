"""Functions that numba compiles at their first call and keeps on disk where it can."""

from __future__ import annotations

import contextlib
import pickle
from typing import TYPE_CHECKING, Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")
_DiskCache: Any = FunctionCache


class _ForgivingCache(_DiskCache):  # type: ignore[misc]  # numba's class is untyped
    """A full or read-only disk, or a torn file, costs a compilation and nothing else."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError):
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def kernel(*, fastmath: bool = False) -> Callable[[Function], Function]:
    """Compile a loop over arrays; it runs without the interpreter's lock.

    A helper must live in the module of the kernel that calls it: the disk cache watches one file.

    :param fastmath: sums may be reordered; never where NaN is tested.
    """

    def compiled(function: Function) -> Function:
        dispatcher: Any = njit(nogil=True, fastmath=fastmath, error_model="numpy")(function)
        with contextlib.suppress(RuntimeError):  # no folder to write to: compile in every process
            dispatcher._cache = _ForgivingCache(function)  # noqa: SLF001 - numba's own is fatal
        return cast("Function", dispatcher)

    return compiled
