"""The processes of a run: found by either mark, by descent, and made to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gb10docs.machine import processes

Spawn = Callable[..., subprocess.Popen[bytes]]
RUN = uuid.uuid4().hex[:12]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start a process that says when it is ready."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str, **options: Any) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, "-c", f"{code}\nprint('up', flush=True)\nimport time; time.sleep(1000)"],
            stdout=subprocess.PIPE,
            **options,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_either_mark_is_enough(spawn: Spawn) -> None:
    by_variable = spawn("", env={**os.environ, processes.MARK: RUN})
    with processes.marking(RUN):
        by_limit = spawn("", env={}, start_new_session=True)
        other = f"{int(RUN, 16) ^ 1:012x}"
    with processes.marking(other):
        of_another = spawn("", env={})
    unmarked = spawn("")
    found = processes.marked(RUN)
    assert {by_variable.pid, by_limit.pid} == found
    assert of_another.pid in processes.marked(other)
    assert unmarked.pid not in found


def test_descendants_are_found_by_parent(spawn: Spawn) -> None:
    process = spawn("import subprocess\np = subprocess.Popen(['sleep', '1000'])")
    (child,) = processes.children(process.pid)
    assert {process.pid, child} <= processes.descendants(os.getpid())
    assert processes.command_of(child) == "sleep 1000"
    os.kill(child, signal.SIGKILL)


LADDER = [
    ("", signal.SIGTERM, False),
    ("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)", signal.SIGINT, True),
    ("import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]", signal.SIGKILL, True),
]


@pytest.mark.parametrize(("code", "ends_by", "interrupt"), LADDER)
def test_ladder(
    spawn: Spawn, monkeypatch: pytest.MonkeyPatch, code: str, ends_by: int, interrupt: bool
) -> None:
    """Each is asked in turn, and no longer than needed."""
    monkeypatch.setattr(processes, "GRACE", 0.5)
    monkeypatch.setattr(processes, "_reap", lambda _: None)
    process = spawn(code)
    begun = time.monotonic()
    assert processes.stop(lambda: {process.pid}, interrupt=interrupt) == set()
    assert process.wait() == -ends_by
    if ends_by is not signal.SIGKILL:
        assert time.monotonic() - begun < 0.5


def test_orphans_come_to_us_and_leave_no_zombie(spawn: Spawn) -> None:
    processes.adopt_orphans()
    process = spawn("import os, subprocess\np = subprocess.Popen(['sleep', '1000'], start_new_session=True)")
    (orphan,) = processes.children(process.pid)
    process.kill()
    process.wait()
    assert orphan in processes.children(os.getpid())
    assert processes.stop(lambda: {orphan}) == set()
    assert not Path(f"/proc/{orphan}").exists()


def test_zombie_is_not_alive(spawn: Spawn) -> None:
    process = spawn("")
    assert processes.alive(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not processes.alive(process.pid)
    assert not processes.alive(2**22 + 1)
