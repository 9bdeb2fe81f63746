"""Why the stack did not start, in words for the person at the terminal."""

from __future__ import annotations


class EngineFailed(RuntimeError):
    """A process of the stack did not start, or will not; the message says why and what to do."""


class FolderInUse(EngineFailed):
    """Another supervisor runs on the data folder."""


class PortInUse(EngineFailed):
    """The web server's port is taken."""
