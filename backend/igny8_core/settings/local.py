"""One machine, embedded engines: what ``igny8 up`` runs unless it is told otherwise."""

from igny8_core.settings.base import *  # noqa: F403
