"""TCP ports on loopback: free ones, taken ones."""

from __future__ import annotations

import socket

from igny8_core.engines.errors import PortInUse

LOOPBACK = "127.0.0.1"


def take_port(wanted: int, *, option: str) -> int:
    """A port that can be listened on: the wanted one, or any free one for 0.

    :param option: how the operator chooses another, for the message.
    :raises PortInUse: somebody listens there, or it may not be used.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as exc:
            raise PortInUse(
                f"port {wanted} cannot be used ({exc.strerror}); choose another one with {option}"
            ) from exc
        return int(probe.getsockname()[1])
