"""However a run ends, nothing of it is left: no process, port, temporary folder, nor the lock."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time

import pytest
from driving import Python, header, search
from ports import free_port
from program import PATIENCE, Program

from gb10docs.machine import processes

DAEMONS = """
sleep $TOKEN &
nohup sleep $TOKEN >/dev/null 2>&1 &
setsid sleep $TOKEN &
(setsid sleep $TOKEN &) &
env -i setsid /bin/sleep $TOKEN &
( (env -i nohup setsid /bin/sleep $TOKEN >/dev/null 2>&1 &) & )
"""
STUBBORN = """
env -i bash -c 'trap "" INT TERM HUP; exec -a "deaf $0" sleep $0' $TOKEN &
"""
"""A daemon that only SIGKILL ends, which the run waits for."""
PYTHON_DAEMONS = Python("""
import os, subprocess
token = os.environ["TOKEN"]
subprocess.Popen(["sleep", token])
subprocess.Popen(["/bin/sleep", token], start_new_session=True, env={})
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sleep", ["sleep", token], {})
    os._exit(0)
""")
HANG = 'echo up >"$HANGS"\nsleep $TOKEN\n'
DEAF = "trap '' INT TERM HUP\n"


def await_daemons(program: Program, count: int) -> None:
    """Until so many processes of the page are there."""
    end = time.monotonic() + PATIENCE
    while sum(line[0].isdigit() for line in program.left()) < count:
        assert time.monotonic() < end, program.left()
        time.sleep(0.01)


def test_ends_well(program: Program) -> None:
    up, go = program.signals_from("HANGS"), program.signals_from("GO")
    program.page(DAEMONS + STUBBORN, PYTHON_DAEMONS, 'echo up >"$HANGS"\nread line <"$GO"\n')
    process = program.start()
    up.wait()
    await_daemons(program, 10)
    os.write(go.descriptor, b"go\n")
    status, _, err = program.finish(process)
    assert (status, err) == (0, "")
    assert program.left() == []


def test_fails(program: Program) -> None:
    program.page(DAEMONS, "false\n")
    assert program.run()[0] == 1
    assert program.left() == []


@pytest.mark.parametrize("language", ["bash", "python"])
def test_times_out(program: Program, language: str) -> None:
    """A step that catches every signal it can is killed; what it has printed is kept."""
    limit = header('timeout = "0.5s"')
    python = "import signal, subprocess, os\nfor s in (2, 15, 1): signal.signal(s, signal.SIG_IGN)\n"
    python += "print('begun', flush=True)\nsubprocess.run(['sleep', os.environ['TOKEN']])\n"
    hang = Python(limit + python) if language == "python" else limit + DEAF + "echo begun\nsleep $TOKEN\n"
    program.page(DAEMONS, hang)
    assert program.run()[0] == 1
    step = program.steps()[1]
    assert step["reason"].endswith("not done after its timeout of 0.5 s, so it was stopped")
    assert step["stdout"] == "begun\n"
    assert step["exit_code"] is None
    assert program.left() == []


def test_ladder_begins_with_an_interrupt(program: Program) -> None:
    """A step that cleans up on SIGINT can."""
    program.page(header('timeout = "0.5s"') + "trap 'echo tidy; exit 3' INT\necho begun\nsleep $TOKEN\n")
    assert program.run()[0] == 1
    assert program.steps()[0]["stdout"] == "begun\ntidy\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_is_interrupted(program: Program, number: signal.Signals) -> None:
    """The report is still written, and says what was running and what was not reached."""
    up = program.signals_from("HANGS")
    program.page(DAEMONS, "echo said\n" + HANG, "echo never\n")
    process = program.start()
    up.wait()
    await_daemons(program, 7)
    process.send_signal(number)
    status, _, err = program.finish(process)
    assert (status, err) == (130, "")
    assert [(step["outcome"], step["reason"]) for step in program.steps()] == [
        ("passed", ""),
        ("failed", "interrupted"),
        ("skipped", "not reached: interrupted"),
    ]
    assert program.steps()[1]["stdout"] == "said\n"
    assert program.left() == []


def test_is_interrupted_in_python(program: Program) -> None:
    up = program.signals_from("HANGS")
    hang = "import os, time\nprint('said', flush=True)\n"
    hang += "with open(os.environ['HANGS'], 'w') as fifo:\n    fifo.write('up')\ntime.sleep(1e6)\n"
    program.page(Python(hang))
    process = program.start()
    up.wait()
    process.send_signal(signal.SIGINT)
    assert program.finish(process)[0] == 130
    step = program.steps()[0]
    assert step["stdout"] == "said\n"
    assert step["stderr"].endswith("KeyboardInterrupt\n")
    assert step["interrupted"], "when it began and how long it ran is told all the same"
    assert step["started"]
    assert step["duration_s"] > 0
    assert program.left() == []


def test_is_interrupted_twice(program: Program) -> None:
    """The first asks, and is not heard; the second does not wait for the end of the ladder."""
    up = program.signals_from("HANGS")
    asked = program.signals_from("ASKED")
    slow = 'trap \'echo asked >"$ASKED"\' INT TERM\nmkfifo silence; exec 3<>silence\necho up >"$HANGS"\n'
    slow += "while :; do read line <&3 || true; done\n"
    program.page(DAEMONS, slow)
    process = program.start()
    up.wait()
    process.send_signal(signal.SIGINT)
    asked.wait()
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    assert program.finish(process)[0] == 130
    assert time.monotonic() - begun < processes.GRACE, "no rung of the ladder was waited for"
    assert program.steps()[1]["reason"] == "interrupted"
    assert program.left() == []


def killed(program: Program) -> None:
    """A run that had daemons and a server, killed as hard as can be."""
    up = program.signals_from("HANGS")
    program.page(DAEMONS + STUBBORN, PYTHON_DAEMONS, HANG)
    process = program.start()
    up.wait()
    await_daemons(program, 11)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert len(program.left()) > 5, "there is something to clear away"


def test_is_killed_then_cleaned(program: Program) -> None:
    killed(program)
    status, out, _ = program.run("clean")
    assert status == 0
    assert "ended " in out
    assert "removed " in out
    assert program.left() == []
    assert program.run("clean")[1] == "nothing to clear away\n"
    assert not any(program.notes())


def test_is_killed_then_run_again(program: Program) -> None:
    killed(program)
    program.page(search("$TOKEN", "nobody"))
    assert program.run()[0] == 0
    assert program.steps()[0]["stdout"] == "nobody\n"
    assert program.left() == []


def test_one_run_at_a_time(program: Program) -> None:
    """The second names the holder, and disturbs nothing."""
    up = program.signals_from("HANGS")
    program.page(HANG)
    first = program.start()
    up.wait()
    for command in ((), ("clean",)):
        status, out, err = program.run(*command)
        assert status == 2
        assert out == ""
        assert f"process {first.pid} of " in err
        assert "-m gb10docs run page " in err
        assert err.count("\n") == 1
    assert first.poll() is None
    first.send_signal(signal.SIGINT)
    assert program.finish(first)[0] == 130
    program.page("echo free\n")
    assert program.run()[0] == 0


def test_server_in_the_foreground(program: Program) -> None:
    """It is up for the steps below, and its port is closed when the run has ended."""
    port = free_port()
    table = f'ready = "http://127.0.0.1:{port}/s1.sh"\nsession = "web"'
    program.page(
        header(table) + f"exec python -m http.server --bind 127.0.0.1 --directory snippets {port}\n",
        header('needs = ["server:web"]') + f"curl -sf http://127.0.0.1:{port}/s2.sh | wc -l\n",
    )
    status, out, _ = program.run()
    assert status == 0, out
    assert [step["outcome"] for step in program.steps()] == ["passed", "passed"]
    assert program.steps()[1]["stdout"] == "5\n"
    assert "GET /s2.sh" in program.steps()[0]["stderr"], "a server's later output belongs to its step"
    assert program.left() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_what_was_there_before_stays(program: Program) -> None:
    """Only what the run has started is ended."""
    bystander = subprocess.Popen(["sleep", program.token], env={**os.environ, "TMPDIR": "/nowhere"})
    program.page("echo ok\n")
    assert program.run()[0] == 0
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
