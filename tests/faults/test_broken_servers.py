"""Servers that die, hang, drip or lie, ours included: a line says so, within the step's time, and what ran is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from driving import Watcher, header, outcomes, run, write
from ports import free_port
from program import PATIENCE, Program, with_constant

from gb10docs.machine import processes


def stand_in_of(process: subprocess.Popen[bytes]) -> int:
    """The number of a run's stand-in process, once there is one."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for child in processes.children(process.pid):
            if "standins.llamacpp" in processes.command_of(child):
                return child
        time.sleep(0.01)
    raise AssertionError("there is no stand-in")


@pytest.fixture
def served(program: Program) -> list[str]:
    """A page that is served by a stand-in, and says when it is; and how to run it."""
    port = free_port()
    write(
        program.root,
        "echo first\n",
        header('serves = "compose/vllm:vllm"') + "docker compose up -d --wait\n",
        'echo up >"$HANGS"\nread line <"$GO"\n',
        header('needs = ["server:vllm"]') + f"curl -sf -m 2 http://127.0.0.1:{port}/health\n",
    )
    (program.root / "compose" / "vllm").mkdir(parents=True)
    (program.root / "compose" / "vllm" / "compose.yaml").write_text(
        f"services:\n  vllm:\n    image: i:1\n    ports: ['127.0.0.1:{port}:{port}']\n"
        f"    command: [vllm, serve, /models/M, --port, '{port}']\n"
    )
    return ["run", "page", "--root", str(program.root), "--target", "cpu", "--json", str(program.json)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_stand_in_that_breaks_midway(program: Program, served: list[str], number: signal.Signals) -> None:
    """The steps that have nothing to do with it pass; its log is kept, and named."""
    with_constant(program, "gb10docs.standins.host", "ANSWER_S", 1.0)
    up, go = program.signals_from("HANGS"), program.signals_from("GO")
    process = program.start(*served, "--record", "--keep-going")
    up.wait()
    os.kill(stand_in_of(process), number)
    os.write(go.descriptor, b"go\n")
    status, out, err = program.finish(process)
    assert status == 1, out
    assert "Traceback" not in err
    first, serves, waits, asks = program.steps()
    assert [first["outcome"], waits["outcome"]] == ["passed", "passed"]
    assert asks["outcome"] in {"skipped", "failed"}
    if number == signal.SIGKILL:
        assert "server 'vllm' died later" in serves["reason"]
    (ledger,) = (program.root / "docs" / "evidence").rglob("*.json")
    assert "page/s1" in json.loads(ledger.read_text())["steps"]
    assert err.count("\n") <= 1
    (log,) = (program.folder / "state" / "gb10docs" / "logs").rglob("stand-in.log")
    assert str(log) in err + json.dumps(serves).replace("~", str(Path.home()))
    assert program.left() == []


def test_stand_in_that_dies_at_the_start(program: Program, served: list[str]) -> None:
    """Nothing can run then; the report says why, and the log is kept."""
    broken = program.folder / "broken"
    broken.mkdir()
    (broken / "xllamacpp.py").write_text(
        "raise ImportError('libgomp.so.1: cannot open shared object file')\n"
    )
    write_model = (
        header('makes = ["model:a/M"]\nneeds = ["command:hf", "network:huggingface.co"]')
        + "hf download a/M\n"
    )
    (program.root / "snippets" / "s1.sh").write_text(write_model)
    program.environment["PYTHONPATH"] = f"{broken}{os.pathsep}{program.environment['PYTHONPATH']}"
    status, out, err = program.run(*served)
    assert status == 3, out + err
    assert err == ""
    assert {step["outcome"] for step in program.steps()} == {"skipped"}
    assert all(
        "libgomp.so.1" in step["reason"] for step in program.steps() if "not reached" in step["reason"]
    )
    assert "libgomp.so.1" in out
    assert list((program.folder / "state" / "gb10docs" / "logs").rglob("stand-in.log"))
    assert program.left() == []


def test_a_log_without_a_fault_goes(program: Program, served: list[str]) -> None:
    up, go = program.signals_from("HANGS"), program.signals_from("GO")
    process = program.start(*served)
    up.wait()
    os.write(go.descriptor, b"go\n")
    assert program.finish(process)[0] == 0
    assert not list((program.folder / "state" / "gb10docs").rglob("stand-in.log"))


def test_a_state_folder_that_cannot_be(program: Program, served: list[str]) -> None:
    """A killed run could not be cleared away then: one line says so, and all else is as ever."""
    up, go = program.signals_from("HANGS"), program.signals_from("GO")
    program.environment["XDG_STATE_HOME"] = "/proc/nowhere"
    process = program.start(*served)
    up.wait()
    os.write(go.descriptor, b"go\n")
    status, out, err = program.finish(process)
    assert status == 0, out
    assert err.startswith("gb10docs: what this run would leave if it were killed cannot be noted: ")
    assert err.count("\n") == 1
    assert program.left() == []


LYING = """
import http.server, sys, time
class Liar(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if self.path.startswith("/health"):
            return
        while True:
            self.wfile.write({what})
            time.sleep({pause})
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Liar).serve_forever()
"""


@pytest.mark.parametrize(
    ("what", "pause"), [("b'x'", 0.05), ("b'x' * 2**20", 0.001)], ids=["drips", "floods"]
)
def test_a_probe_has_the_time_of_its_step(tmp_path: Path, what: str, pause: float) -> None:
    port = free_port()
    (tmp_path / "liar.py").write_text(LYING.format(what=what, pause=pause))
    begun = time.monotonic()
    steps = run(
        tmp_path,
        header(f'ready = "http://127.0.0.1:{port}/health"\nsession = "web"\ntimeout = "2s"')
        + f"exec {sys.executable} liar.py {port}\n",
        "echo next\n",
    )
    assert outcomes(steps) == ["failed", "passed"]
    assert "prompt" in steps[0].reason
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize("body", ['{"data": 5}', '{"data": [{"id": "m"}], "choices": 5}', "[" * 100_000])
def test_a_probe_that_is_answered_with_nonsense(tmp_path: Path, body: str) -> None:
    """Whatever comes back, the step has a reason, and the page goes on."""
    port = free_port()
    (tmp_path / "body").write_text(body)
    (tmp_path / "odd.py").write_text(
        "import http.server, sys\nclass Odd(http.server.BaseHTTPRequestHandler):\n    def do_GET(self):\n"
        "        self.send_response(200)\n        self.end_headers()\n"
        "        self.wfile.write(open('body', 'rb').read())\n    do_POST = do_GET\n"
        "http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Odd).serve_forever()\n"
    )
    steps = run(
        tmp_path,
        header(f'ready = "http://127.0.0.1:{port}/health"\nsession = "web"\ntimeout = "20s"')
        + f"exec {sys.executable} odd.py {port}\n",
        "echo next\n",
    )
    assert steps[1].outcome == "passed"
    assert steps[0].outcome == ("failed" if "choices" in body else "passed")


def test_a_server_that_dies_later_is_told_apart(tmp_path: Path) -> None:
    """`step_finished` comes once a step; what happened since amends it."""
    port = free_port()
    watcher = Watcher()
    steps = run(
        tmp_path,
        header(f'ready = "http://127.0.0.1:{port}/snippets/"\nsession = "web"')
        + f"echo $$ >pid\nexec {sys.executable} -m http.server --bind 127.0.0.1 {port}\n",
        "read -r pid <pid\nkill $pid\nwhile grep -q . /proc/$pid/cmdline 2>/dev/null; do :; done\n",
        "echo next\n",
        watcher=watcher,
    )
    assert outcomes(steps) == ["failed", "passed", "passed"]
    assert [step.id for step in watcher.finished_steps] == ["page/s1", "page/s2", "page/s3"]
    assert [step.id for step in watcher.amended_steps] == ["page/s1"]


def test_projects_are_taken_down_once(program: Program) -> None:
    """At the end of the page that has started them, and of no later one."""
    calls, port = program.folder / "calls", free_port()
    docker = f'#!/bin/sh\ncase "$*" in *down*) echo "$@" >>{calls};; version*) echo 1;; esac\n'
    (program.folder / "docker").write_text(docker)
    (program.folder / "docker").chmod(0o755)
    program.environment["PATH"] = f"{program.folder}:{program.environment['PATH']}"
    program.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    write(
        program.root, header('serves = "compose/vllm:vllm"\ntimeout = "2s"') + "docker compose up -d --wait\n"
    )
    (program.root / "snippets" / "two.sh").write_text("echo two\n")
    for name in ("second", "third"):
        page = f'# {name}\n\n```bash title="{name}"\n--8<-- "two.sh"\n```\n'
        (program.root / "docs" / f"{name}.md").write_text(page)
    (program.root / "compose" / "vllm").mkdir(parents=True)
    (program.root / "compose" / "vllm" / "compose.yaml").write_text(
        f"services:\n  vllm:\n    image: i:1\n    ports: ['127.0.0.1:{port}:{port}']\n"
        f"    command: [vllm, serve, /models/M, --port, '{port}']\n"
    )
    status, out, err = program.run(
        *("run", "page", "second", "third", "--root", str(program.root), "--target", "gb10", "--keep-going")
    )
    assert (status, err) == (1, ""), out
    assert len(calls.read_text().splitlines()) == 1
