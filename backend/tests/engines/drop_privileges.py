"""Run the launcher as a plain user: load everything as root, then give root up.

``python -m tests.engines.drop_privileges UID GID DATA_DIR`` prints what the server says of itself.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psycopg

from igny8_core.engines.postgres import SUPERUSER, EmbeddedPostgres, find_binaries


def main() -> None:
    user_id, group_id, data = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    binaries = find_binaries()
    os.setgroups([])
    os.setgid(group_id)
    os.setuid(user_id)
    server = EmbeddedPostgres(data, binaries=binaries, settings={"fsync": "off"})
    server.start()
    try:
        with psycopg.connect(server.address(SUPERUSER, "postgres")) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        uid = Path(f"/proc/{(data / 'postmaster.pid').read_text().split()[0]}").stat().st_uid
        sys.stdout.write(json.dumps({"uid": uid, "user": server.system_user}))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
