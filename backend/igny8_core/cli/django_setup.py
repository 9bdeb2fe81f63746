"""Django for a command: the data folder chosen, the settings loaded, faults in plain words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from igny8_core.common.threads import limit_blas_threads

if TYPE_CHECKING:
    from pathlib import Path


def setup_django(data_dir: Path | None = None) -> None:
    """Load Django's settings and models once.

    :param data_dir: overrides ``IGNY8_DATA_DIR``.
    :raises EnvironmentInvalid: settings are wrong; exits with one line for each.
    """
    if data_dir is not None:
        os.environ["IGNY8_DATA_DIR"] = str(data_dir.resolve())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "igny8_core.settings.local")
    limit_blas_threads()
    import django

    django.setup()


def close_connections() -> None:
    """Close every connection and pool; a pool left open holds the interpreter's exit up."""
    from django.db import connections

    for alias in connections:
        connections[alias].close()
        close_pool = getattr(connections[alias], "close_pool", None)  # PostgreSQL's
        if close_pool is not None:
            close_pool()
