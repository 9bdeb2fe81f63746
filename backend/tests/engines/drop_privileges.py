"""Run the launcher as a plain user: load everything as root, then give root up.

``python -m tests.engines.drop_privileges UID GID DATA_DIR`` prints what the server says of itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from igny8_core.engines.postgres import FAST_STOP, EmbeddedPostgres, find_binaries


def main() -> None:
    user_id, group_id, data = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    binaries = find_binaries()
    os.setgroups([])
    os.setgid(group_id)
    os.setuid(user_id)
    server = EmbeddedPostgres(data, binaries=binaries, settings={"fsync": "off"})
    server.prepare()
    # Not start(): the interpreter may lie where a plain user cannot run it.
    with subprocess.Popen(server.command(), stderr=subprocess.DEVNULL) as process:
        try:
            while not server.is_ready():
                assert process.poll() is None
                time.sleep(0.02)
            uid = Path(f"/proc/{process.pid}").stat().st_uid
            sys.stdout.write(json.dumps({"uid": uid, "user": server.system_user}))
        finally:
            process.send_signal(FAST_STOP)


if __name__ == "__main__":
    main()
