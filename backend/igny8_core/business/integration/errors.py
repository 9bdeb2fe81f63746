"""What can go wrong with a connection to a customer's site."""

from __future__ import annotations

from igny8_core.common.errors import Conflict


class PlatformConnected(Conflict):
    """The site is connected to this platform already; nothing was written."""

    code = "platform_connected"
