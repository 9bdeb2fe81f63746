"""A real WordPress on loopback: Debian's packages, PHP's own web server, a private MariaDB.

Booted once for a test run, in a folder of its own, from nothing: a few seconds. It goes nowhere
outside. Where the packages are missing, the tests that need it are skipped with one line; where
``IGNY8_REQUIRE_WORDPRESS`` is set, as in CI, that is a failure instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PHP: Final = Path(__file__).parent / "php"
CORE: Final = Path(os.environ.get("IGNY8_WORDPRESS_CORE", "/usr/share/wordpress"))
PLUGIN: Final = Path(__file__).parents[3] / "wordpress-plugin" / "igny8-bridge"
EXTENSIONS: Final = ("mysqli", "gd", "xml", "mbstring", "curl")
BOOT_SECONDS: Final = 60.0
MODES: Final = {"on", "off"}


def missing_packages() -> list[str]:
    """The Debian packages that a real WordPress needs and that are not here."""
    missing = [] if (CORE / "wp-includes/version.php").is_file() else ["wordpress"]
    if not all(map(_program, ("mariadbd", "mariadb-install-db", "mariadb-admin"))):
        missing.append("mariadb-server")
    if _program("php") is None:
        return [
            *missing,
            "php-cli",
            *(f"php-{name.replace('mysqli', 'mysql')}" for name in EXTENSIONS),
        ]
    shown = subprocess.run(["php", "-m"], capture_output=True, text=True, check=False).stdout
    have = set(shown.lower().split())
    return [
        *missing,
        *(f"php-{name.replace('mysqli', 'mysql')}" for name in EXTENSIONS if name not in have),
    ]


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@dataclass
class RealWordPress:
    """One server and its database.

    :ivar users: by role: ``id`` and ``application_password``.
    """

    folder: Path
    port: int = 0
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: str = ""
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def www(self) -> Path:
        return self.folder / "www"

    def start(self) -> RealWordPress:
        """Boot it. Ends by itself when something does not come up in a minute."""
        for name in ("run", "log", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self._start_database()
        self._copy_core()
        said = self._php(PHP / "bootstrap.php", str(self.folder), str(self.port))
        found = json.loads(said)
        self.users, self.version = found["users"], found["version"]
        self._start_web()
        return self

    def stop(self) -> None:
        """End both servers, by their own process groups, and remove the folder."""
        for process in reversed(self._processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def php(self, code: str) -> Any:
        """Run PHP inside this WordPress; what it returns, as JSON."""
        file = self.folder / "tmp" / f"{secrets.token_hex(6)}.php"
        file.write_text(
            f"<?php require '{PHP}/cli.php'; $run = function () {{ global $wpdb; {code} }};"
            " echo json_encode($run());"
        )
        try:
            return json.loads(self._php(file, str(self.folder), str(self.port)) or "null")
        finally:
            file.unlink()

    def switch(self, fault: str = "") -> None:
        """Let every request meet a fault of the host until another one is named."""
        (self.folder / "run" / "host-fault").write_text(fault)

    def show_seo_plugin(self, name: str = "") -> None:
        """Look like a site with this SEO plugin, as ``php/seo.php`` has it."""
        (self.folder / "run" / "seo-plugin").write_text(name)

    def use_plugin(self, *, is_active: bool) -> None:
        """Switch the companion plugin on or off."""
        verb = "activate_plugin" if is_active else "deactivate_plugins"
        self.php(f"{verb}('igny8-bridge/igny8-bridge.php'); return true;")

    def posts(self, *, status: str = "any", slug_like: str = "%") -> list[dict[str, Any]]:
        """Posts as the database has them: id, slug, status, title and content."""
        where = "post_type = 'post'"
        if status != "any":
            where += f" AND post_status = '{status}'"
        rows: list[dict[str, Any]] = self.php(
            'return $wpdb->get_results("SELECT ID AS id, post_name AS slug, post_status AS status,'
            " post_title AS title, post_content AS content FROM $wpdb->posts"
            f" WHERE {where} AND post_name LIKE '{slug_like}' ORDER BY ID\");"
        )
        return rows

    def _start_database(self) -> None:
        data, run = self.folder / "db", self.folder / "run"
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True)
        me = user.stdout.strip()
        self._run(
            "mariadb-install-db", "--no-defaults", f"--user={me}", f"--datadir={data}",
            "--auth-root-authentication-method=normal", "--skip-test-db",
            "--innodb-log-file-size=8M",
        )  # fmt: skip
        password = secrets.token_hex(12)
        salt, login = secrets.token_hex(32), secrets.token_hex(10)
        given = {"db": password, "salt": salt, "admin": login, "socket": str(run / "db.sock")}
        (run / "secrets.json").write_text(json.dumps(given))
        (run / "init.sql").write_text(
            "CREATE DATABASE wp CHARACTER SET utf8mb4;\n"
            f"CREATE USER wp@localhost IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON wp.* TO wp@localhost;\n"
        )
        self._spawn(
            "mariadbd", "--no-defaults", f"--user={me}", f"--datadir={data}",
            f"--socket={run / 'db.sock'}", f"--pid-file={run / 'mysqld.pid'}",
            f"--tmpdir={self.folder / 'tmp'}", "--skip-networking",
            f"--init-file={run / 'init.sql'}", "--skip-log-bin", "--performance-schema=OFF",
            "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0",
            "--max-connections=50", f"--log-error={self.folder / 'log/mariadb.log'}",
        )  # fmt: skip
        ping = ["mariadb-admin", "--no-defaults", "-uroot", "-S", str(run / "db.sock"), "ping"]
        self._until(
            lambda: subprocess.run(ping, capture_output=True, check=False).returncode == 0,
            "MariaDB",
        )

    def _copy_core(self) -> None:
        subprocess.run(["cp", "-rL", f"{CORE}/.", str(self.www)], check=True, capture_output=True)
        for name in ("wp-config.php", ".htaccess", "wp-content/db.php"):
            (self.www / name).unlink(missing_ok=True)
        for name in ("uploads", "mu-plugins", "plugins"):
            (self.www / "wp-content" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(PHP / "wp-config.php", self.www / "wp-config.php")
        for name in ("faults.php", "seo.php"):
            shutil.copy(PHP / name, self.www / "wp-content/mu-plugins" / name)
        (self.www / "wp-content/plugins/igny8-bridge").symlink_to(PLUGIN)
        (self.folder / "run" / "host-fault").write_text("")

    def _start_web(self) -> None:
        self._spawn(
            "php", *self._ini(), "-S", f"127.0.0.1:{self.port}", "-t", str(self.www),
            str(PHP / "router.php"), cwd=self.www, PHP_CLI_SERVER_WORKERS="4",
        )  # fmt: skip
        self._until(self._answers, "WordPress")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
                connection.settimeout(10)
                connection.sendall(b"GET /wp-json/ HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.0 200")
        except OSError:
            return False

    def _ini(self) -> list[str]:
        values = {
            "memory_limit": "256M",
            "upload_max_filesize": "32M",
            "post_max_size": "40M",
            "display_errors": "0",
            "log_errors": "1",
            "error_log": str(self.folder / "log/php.log"),
            "upload_tmp_dir": str(self.folder / "tmp"),
            "sys_temp_dir": str(self.folder / "tmp"),
            "opcache.enable": "1",
            "opcache.enable_cli": "1",
            "opcache.revalidate_freq": "0",
            "sendmail_path": "/bin/true",
        }
        return [part for name, value in values.items() for part in ("-d", f"{name}={value}")]

    def _php(self, *arguments: str | Path) -> str:
        return self._run("php", *self._ini(), *map(str, arguments))

    def _environment(self, **more: str) -> dict[str, str]:
        return (
            os.environ
            | {"IGNY8_WP_FOLDER": str(self.folder), "IGNY8_WP_PORT": str(self.port)}
            | more
        )

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [_program(program) or program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment(),
            timeout=BOOT_SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr[-2000:] or done.stdout[-2000:]}")
        return done.stdout

    def _spawn(self, program: str, *arguments: str, cwd: Path | None = None, **more: str) -> None:
        with (self.folder / "log" / f"{program}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    [_program(program) or program, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=cwd,
                    start_new_session=True,
                    env=self._environment(**more),
                )
            )

    def _until(self, is_ready: Any, what: str) -> None:
        end = time.monotonic() + BOOT_SECONDS
        while not is_ready():
            if self._processes[-1].poll() is not None or time.monotonic() > end:
                logs = "\n".join(f.read_text()[-1000:] for f in (self.folder / "log").glob("*.log"))
                raise RuntimeError(f"{what} did not come up:\n{logs}")
            time.sleep(0.05)


def throwaway() -> RealWordPress:
    """A booted one in a new folder, short enough for a socket's path."""
    made = RealWordPress(Path(tempfile.mkdtemp(prefix="igny8-wp-")))
    try:
        return made.start()
    except BaseException:
        made.stop()
        raise


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
