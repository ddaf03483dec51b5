"""What is told cannot end what is done; and signals that were not to be heard are not."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest
from program import PATIENCE, Program

STEPS = ("echo an hour of work\n", 'echo up >"$HANGS"\nread line <"$GO"\n', "echo last\n")


def command(program: Program, *more: str) -> list[str]:
    """Run the page on a target that any machine may record."""
    arguments = ["run", "page", "--root", str(program.root), "--target", "cpu", "--record"]
    return [sys.executable, "-m", "gb10docs", *arguments, "--json", str(program.json), *more]


def kept(program: Program) -> list[str]:
    """The outcomes in the report; the ledger has the same steps, but for those that were skipped or cut off."""
    (path,) = (program.root / "docs" / "evidence").rglob("*.json")
    steps = program.steps()
    came = {step["id"] for step in steps if step["outcome"] != "skipped" and not step["interrupted"]}
    assert set(json.loads(path.read_text())["steps"]) == came
    assert program.left() == []
    return [step["outcome"] for step in steps]


def test_a_reader_that_has_had_enough(program: Program) -> None:
    """As `| head -1` is: it closes the pipe after the first line."""
    up, go = program.signals_from("HANGS"), program.signals_from("GO")
    program.page(*STEPS)
    process = subprocess.Popen(
        command(program), env=program.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    program.started.append(process)
    assert process.stdout
    assert process.stderr
    assert b"3 steps" in process.stdout.readline()
    up.wait()
    process.stdout.close()
    os.write(go.descriptor, b"go\n")
    err = process.stderr.read().decode()
    assert process.wait(PATIENCE) == 0
    told = (
        "gb10docs: standard output cannot be written (Broken pipe): the run goes on, and what ran is kept\n"
    )
    assert err == told
    assert kept(program) == ["passed"] * 3


@pytest.mark.parametrize("device", ["/dev/full", "closed"])
def test_an_output_that_takes_nothing(program: Program, device: str) -> None:
    program.page("echo one\n", "echo two\n")
    words = ["bash", "-c", '"$@" >&-' if device == "closed" else f'"$@" >{device}', "bash", *command(program)]
    done = subprocess.run(words, env=program.environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0
    assert done.stderr.count("\n") == (device == "/dev/full")
    assert "Traceback" not in done.stderr
    assert kept(program) == ["passed"] * 2


@pytest.mark.parametrize("arguments", [("list",), ("evidence", "status")])
def test_other_commands_say_that_they_cannot_say(program: Program, arguments: Sequence[str]) -> None:
    program.page("echo one\n")
    words = [sys.executable, "-m", "gb10docs", *arguments, "--root", str(program.root)]
    done = subprocess.run(
        ["bash", "-c", '"$@" >/dev/full', "bash", *words],
        env=program.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "gb10docs: standard output cannot be written: No space left on device\n"


def test_a_summary_for_github_that_vanishes(program: Program) -> None:
    """Its folder is there when the run begins, and gone when the page ends."""
    up, go = program.signals_from("HANGS"), program.signals_from("GO")
    program.page(*STEPS)
    folder = program.folder / "summaries"
    folder.mkdir()
    program.environment |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    process = program.start(*command(program)[3:])
    up.wait()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    os.write(go.descriptor, b"go\n")
    status, _, err = program.finish(process)
    assert status == 0
    assert err.count("\n") == 1
    assert "summary.md" in err
    assert kept(program) == ["passed"] * 3


def closed_terminal(program: Program, *, redirected: Path) -> int:
    """The status of a run whose terminal is closed while its second step runs."""
    up = program.signals_from("HANGS")
    program.signals_from("GO")
    program.page(*STEPS)
    pid, terminal = pty.fork()
    if pid == 0:
        error = os.open(redirected, os.O_WRONLY | os.O_CREAT)
        os.dup2(error, 2)
        os.execve(sys.executable, command(program), program.environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    up.wait()
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_terminal_that_is_closed(program: Program) -> None:
    """SIGHUP, and from then on every write to it fails."""
    assert closed_terminal(program, redirected=program.folder / "err") == 130
    assert (program.folder / "err").read_text().count("\n") <= 1
    assert kept(program) == ["passed", "failed", "skipped"]
    assert program.steps()[1]["reason"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_what_was_ignored_before_stays_so(program: Program, number: signal.Signals) -> None:
    """As SIGHUP is under nohup, and SIGINT in a job that a script has started in the background."""
    up, go = program.signals_from("HANGS"), program.signals_from("GO")
    program.page(*STEPS)
    words = ["bash", "-c", f"trap '' {number.name}; exec \"$@\"", "bash", *command(program)]
    process = subprocess.Popen(
        words, env=program.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
    )
    program.started.append(process)
    up.wait()
    os.killpg(process.pid, number)
    os.write(go.descriptor, b"go\n")
    status, _, err = program.finish(process)
    assert (status, err) == (0, "")
    assert kept(program) == ["passed"] * 3


def test_quit_is_a_way_to_end_it(program: Program) -> None:
    up = program.signals_from("HANGS")
    program.signals_from("GO")
    program.page(*STEPS)
    process = program.start(*command(program)[3:])
    up.wait()
    process.send_signal(signal.SIGQUIT)
    status, _, err = program.finish(process)
    assert (status, err) == (130, "")
    assert kept(program) == ["passed", "failed", "skipped"]
