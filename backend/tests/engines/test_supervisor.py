"""Order, restarts, limits and stops, with children of a few lines."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.engines.children import RestartPolicy
from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.events import STACK, Event
from igny8_core.engines.probes import ChildLog
from igny8_core.engines.processes import session_members
from igny8_core.engines.supervisor import Step, Supervisor
from tests.engines.fakes import (
    DEAF,
    ENDS,
    LEAVES_A_CHILD,
    STAYS,
    SupervisorProcess,
    child,
    eventually,
    is_alive,
    pid_of,
    said,
    supervise,
    supervisor_process,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.processes


def ready_names(events: list[Event]) -> list[str]:
    return [name for name, _what in said(events, "ready")]


def all_ready(count: int) -> Callable[[Supervisor, list[Event]], bool]:
    return lambda _supervisor, events: len(ready_names(events)) >= count


def test_children_start_in_order_and_stop_by_stage(tmp_path: Path) -> None:
    steps: list[str] = []

    async def do() -> None:
        steps.append("done")

    slow = "time.sleep(0.2); " + STAYS
    events = supervise(
        tmp_path,
        child("web", after=("migrate",), stop_stage=0),
        child("worker", after=("migrate",), stop_stage=1),
        child("migrate", "print('tables')", probe=None, after=("roles",)),
        Step("roles", do, after=("base",)),
        child("base", slow, stop_stage=2),
        until=all_ready(5),
    )

    assert ready_names(events)[:3] == ["base", "roles", "migrate"]
    assert set(ready_names(events)[3:]) == {"web", "worker"}
    assert steps == ["done"]
    assert said(events, "stopped") == [(n, "stopped") for n in ("web", "worker", "base")]
    assert (tmp_path / "logs" / "migrate.log").read_text() == "tables\n"
    assert not (tmp_path / "children.json").exists()


def test_a_program_that_is_not_needed_does_not_run(tmp_path: Path) -> None:
    events = supervise(
        tmp_path,
        child("migrate", ENDS, probe=None, unneeded=lambda: True),
        child("web", after=("migrate",)),
        until=all_ready(1),
    )

    assert ready_names(events) == ["web"]
    assert ("migrate", "note") in said(events, "note")


def test_a_killed_child_comes_back_with_another_pid(tmp_path: Path) -> None:
    pids: list[int] = []

    def kill_twice(supervisor: Supervisor, events: list[Event]) -> bool:
        if len(ready_names(events)) > len(pids):
            pid = supervisor.children[0].pid
            assert pid is not None
            pids.append(pid)
            if len(pids) < 3:
                os.kill(pid, signal.SIGKILL)
        return len(pids) == 3

    events = supervise(tmp_path, child("worker"), until=kill_twice)

    assert len(set(pids)) == 3
    assert [e.text.split(" after")[0] for e in events if e.what == "ended"] == [
        "killed by SIGKILL"
    ] * 2
    assert not any(is_alive(pid) for pid in pids)


def test_what_a_dead_child_left_is_ended_before_it_starts_again(tmp_path: Path) -> None:
    sleepers: list[int] = []
    script = "print(subprocess.Popen(['sleep', '62']).pid, 'up', flush=True); time.sleep(0.1)"

    def saw_two_starts(supervisor: Supervisor, events: list[Event]) -> bool:
        if len(ready_names(events)) > len(sleepers):
            log = supervisor.children[0].log.of_this_start()
            sleepers.append(int(log.split()[0]))
        return len(sleepers) == 2

    supervise(tmp_path, child("web", script), until=saw_two_starts)

    assert not any(is_alive(pid) for pid in sleepers)


def test_pauses_between_restarts_grow_to_a_limit(tmp_path: Path) -> None:
    once_up = "print('up', flush=True); time.sleep(0.05)"

    events = supervise(
        tmp_path,
        child("worker", once_up),
        until=lambda _s, events: len(said(events, "ended")) == 5,
    )

    pauses = [event.text.rpartition("in ")[2] for event in events if event.what == "ended"]
    assert pauses == ["0.02 s", "0.04 s", "0.08 s", "0.08 s", "0.08 s"]


def test_a_long_life_starts_the_pauses_again(tmp_path: Path) -> None:
    policy = RestartPolicy(first_pause_seconds=0.02, reset_after_seconds=0.05)

    events = supervise(
        tmp_path,
        child("worker", "print('up', flush=True); time.sleep(0.1)", restart=policy),
        until=lambda _s, events: len(said(events, "ended")) == 3,
    )

    assert {e.text.rpartition("in ")[2] for e in events if e.what == "ended"} == {"0.02 s"}


def test_a_child_that_never_becomes_ready_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    events: list[Event] = []

    with pytest.raises(
        EngineFailed, match=r"(?s)worker did not start: ended with 1.*it broke"
    ) as failed:
        supervise(
            tmp_path,
            child("base", stop_stage=1),
            child("worker", ENDS, after=("base",)),
            until=lambda _s, _e: False,
            events=events,
        )

    assert str(tmp_path / "logs" / "worker.log") in str(failed.value)
    assert said(events, "ended") == [("worker", "ended")] * 2
    assert not (tmp_path / "children.json").exists()


def test_a_child_that_hangs_at_start_is_given_up_too(tmp_path: Path) -> None:
    policy = RestartPolicy(first_pause_seconds=0.01, start_limit=2)
    hangs = "print('loading', flush=True); time.sleep(60)"

    with pytest.raises(EngineFailed, match=r"(?s)not ready within 0.3 s.*loading"):
        supervise(
            tmp_path,
            child("web", hangs, ready_seconds=0.3, restart=policy),
            until=lambda _s, _e: False,
        )


def test_a_program_that_runs_once_is_not_tried_twice(tmp_path: Path) -> None:
    script = "open('tries', 'a').write('x'); sys.exit('no such column')"

    with pytest.raises(EngineFailed, match=r"(?s)migrate did not start.*no such column"):
        supervise(
            tmp_path,
            child("migrate", f"os.chdir({str(tmp_path)!r}); {script}", probe=None),
            until=lambda _s, _e: False,
        )

    assert (tmp_path / "tries").read_text() == "x"


def test_the_stack_goes_on_without_an_optional_child(tmp_path: Path) -> None:
    with supervisor_process(
        tmp_path, {"model": {"script": ENDS, "is_essential": False}, "web": {}}
    ) as process:
        assert eventually(lambda: ("model", "failed") in said(process.events, "failed"))
        assert is_alive(pid_of(tmp_path, "web"))
        process.signal(signal.SIGTERM)
        assert process.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_everything_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    specs: dict[str, dict[str, Any]] = {"base": {"stop_stage": 2}}
    specs |= {"web": {"after": ["base"], "script": LEAVES_A_CHILD}}
    with supervisor_process(tmp_path, specs) as process:
        sessions = [pid_of(tmp_path, name) for name in specs]
        process.signal(number)
        assert process.end() == 0

    assert said(process.events, "stopped") == [("web", "stopped"), ("base", "stopped")]
    assert not any(session_members(session) for session in sessions)


def test_a_stop_while_things_start_leaves_nothing(tmp_path: Path) -> None:
    pids: list[int] = []

    def started(supervisor: Supervisor, _events: list[Event]) -> bool:
        pids.extend(child.pid for child in supervisor.children if child.pid is not None)
        return bool(pids)

    loading = "time.sleep(60)"
    events = supervise(
        tmp_path, child("base", loading), child("web", after=("base",)), until=started
    )

    assert said(events, "ready") == []
    assert not any(is_alive(pid) for pid in pids)
    assert not (tmp_path / "logs" / "web.log").exists()


def test_a_deaf_child_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    with supervisor_process(
        tmp_path, {"worker": {"script": DEAF, "grace_seconds": 0.3}}
    ) as process:
        pid = pid_of(tmp_path, "worker")
        process.signal(signal.SIGTERM)
        assert process.end() == 0

    stopped = [event for event in process.events if event.what == "stopped"]
    assert [event.text for event in stopped] == ["killed"]
    assert 0.3 <= stopped[0].seconds < 2
    assert not is_alive(pid)


def test_a_second_signal_kills_all_but_the_spared_child(tmp_path: Path) -> None:
    polite = "signal.signal(15, lambda *_: (print('closed', flush=True), os._exit(0)))\n" + STAYS
    specs = {
        "postgres": {"script": polite, "stop_stage": 1, "is_spared": True},
        "worker": {"script": DEAF, "grace_seconds": 30},
    }
    with supervisor_process(tmp_path, specs) as process:
        process.signal(signal.SIGINT)
        assert eventually(lambda: (STACK, "note") in said(process.events, "note"))
        time.sleep(0.1)
        assert is_alive(pid_of(tmp_path, "worker"))
        began = time.monotonic()
        process.signal(signal.SIGINT)
        assert process.end() == 0

    assert time.monotonic() - began < 5
    assert "closed" in (tmp_path / "logs" / "postgres.log").read_text()


def test_children_die_with_a_killed_supervisor_and_the_rest_at_the_next_start(
    tmp_path: Path,
) -> None:
    orphans = "print(subprocess.Popen(['sleep', '63']).pid, flush=True)\n" + STAYS
    specs = {"web": {"script": orphans}, "worker": {"script": DEAF}}
    with supervisor_process(tmp_path, specs) as first:
        leaders = [pid_of(tmp_path, name) for name in specs]
        orphan = int((tmp_path / "logs" / "web.log").read_text().split()[0])
        first.signal(signal.SIGKILL)
        first.end()

    assert eventually(lambda: not any(is_alive(pid) for pid in leaders))
    assert is_alive(orphan)

    with supervisor_process(tmp_path, {"web": {}}) as second:
        assert [e.name for e in second.events if e.text == "leftover"] == ["web"]
        assert not is_alive(orphan)


def test_a_second_supervisor_on_the_folder_is_refused(tmp_path: Path) -> None:
    with supervisor_process(tmp_path, {"web": {}}):
        pid = pid_of(tmp_path, "web")
        second = SupervisorProcess(tmp_path, {"web": {}})
        assert second.end() == 1

        assert "already runs on" in second.events[0].text
        assert pid_of(tmp_path, "web") == pid
        assert is_alive(pid)


def test_a_long_log_is_moved_aside_while_it_is_written(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "web.log")
    with log.path.open("a") as writer:
        writer.write("old line\n" * 100)
        writer.flush()
        log.keep_below(2000)
        assert log.path.stat().st_size == 900

        log.keep_below(500)
        writer.write("new line\n")

    assert log.path.read_text() == "new line\n"
    assert (tmp_path / "web.log.1").read_text() == "old line\n" * 100
