"""Foreground servers: up when they answer, watched while they run, gone when they are stopped."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import header, outcomes, run, search
from ports import free_port

from gb10docs.engines import containers
from gb10docs.run import servers
from gb10docs.run.streams import Pump

STOP_IN_THE_TEST = 1.0


def served(port: int, command: str, timeout: str = "30s", session: str = "web") -> str:
    """A snippet that serves in the foreground."""
    table = f'ready = "http://127.0.0.1:{port}/"\nsession = "{session}"\ntimeout = "{timeout}"'
    return header(table) + command


def web(port: int) -> str:
    return f"exec python -m http.server --bind 127.0.0.1 {port}\n"


NEEDS_WEB = header('needs = ["server:web"]')


def test_up_used_and_stopped(tmp_path: Path) -> None:
    """The step that stops it is believed because the port is closed; its session is free again."""
    port = free_port()
    steps = run(
        tmp_path,
        served(port, f"echo $$ >pid\n{web(port)}"),
        NEEDS_WEB + f"curl -sfo page http://127.0.0.1:{port}/docs/page.md; wc -l <page\n",
        header('stops = ["web"]') + "kill $(cat pid)\n",
        served(port, web(port)),
        NEEDS_WEB + f"curl -sf http://127.0.0.1:{port}/pid >/dev/null && echo again\n",
    )
    assert outcomes(steps) == ["passed"] * 5, [step.reason for step in steps]
    assert steps[4].stdout == "again\n"
    assert "GET /docs/page.md" in steps[0].stderr
    assert "GET /pid" not in steps[0].stderr


def test_dies_later(tmp_path: Path) -> None:
    """Its step turns failed, with the end of its log, and what needs it is not run."""
    port = free_port()
    steps = run(
        tmp_path,
        served(port, f"echo $$ >pid\necho starting\n{web(port)}"),
        "pid=$(cat pid); kill -9 $pid\nwhile [[ $(cut -d' ' -f3 /proc/$pid/stat) == [RSD] ]]; do :; done\n",
        NEEDS_WEB + "echo never\n",
        "echo other\n",
    )
    assert outcomes(steps) == ["failed", "passed", "skipped", "passed"]
    assert steps[0].reason.startswith("server 'web' died later: it exited with status 137\nstarting")
    assert steps[2].reason == "needs 'page/s1', which did not pass"


def test_ends_before_it_is_ready(tmp_path: Path) -> None:
    port = free_port()
    failing = served(free_port(), "echo oops >&2\nfalse\n", session="other")
    steps = run(tmp_path, served(port, "echo hello\n"), failing, NEEDS_WEB + "echo never\n")
    assert outcomes(steps) == ["failed", "failed", "skipped"]
    assert steps[0].reason == f"snippets/s1.sh: the server ended before http://127.0.0.1:{port}/ answered"
    assert steps[0].stdout == "hello\n"
    assert steps[0].exit_code == 0
    assert steps[1].reason == "snippets/s2.sh:8: `false` failed with status 1"
    assert steps[1].stderr == "oops\n"


def test_never_ready(tmp_path: Path) -> None:
    """It is stopped, and what it has printed is kept."""
    port = free_port()
    steps = run(
        tmp_path,
        served(port, "echo wait\nsleep 98765.4321\n", "0.5s"),
        search("98765.4321", "gone"),
    )
    assert outcomes(steps) == ["failed", "passed"]
    assert steps[1].stdout == "gone\n"
    assert steps[0].reason == (
        f"snippets/s1.sh: http://127.0.0.1:{port}/ did not answer within its timeout of 0.5 s, "
        "so it was stopped"
    )
    assert steps[0].stdout == "wait\n"


def test_port_that_is_taken(tmp_path: Path) -> None:
    """Refused before it is started; the message names who has it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (step,) = run(tmp_path, served(port, "touch started\n"))
    assert step.outcome == "failed"
    assert not (tmp_path / "started").exists()
    assert f"port {port} is taken by process {os.getpid()} (" in step.reason
    assert "pytest" in step.reason


def test_stopping_is_not_believed_while_the_port_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "STOP_SECONDS", STOP_IN_THE_TEST)
    port = free_port()
    steps = run(tmp_path, served(port, web(port)), header('stops = ["web"]') + "echo stopped, honestly\n")
    assert outcomes(steps) == ["passed", "failed"]
    assert f"it should have stopped 'web', but port {port} is still held by process " in steps[1].reason


@contextlib.contextmanager
def model_server(text: str, finish: str = "stop", status: int = 200, models: object = None) -> Iterator[int]:
    """A server that answers every prompt with the same text."""
    answer = {"choices": [{"message": {"content": text}, "finish_reason": finish}]}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, {"data": [{"id": "m"}]} if models is None else models)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(status, answer)

        def _send(self, code: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


SANE = [
    ("The answer is 204.", True, ""),
    ("The answer is 203.", True, "asked 12*17, it says 'The answer is 203.', not 204"),
    ("one two three", False, ""),
    ("no no no no", False, "no three different words"),
    ("", False, "no three different words"),
]


@pytest.mark.parametrize(("text", "real", "wrong"), SANE)
def test_probe_wants_a_sane_answer(text: str, real: bool, wrong: str) -> None:
    with model_server(text) as port:
        found = servers.probe(port, "m", real=real)
    assert wrong in found if wrong else found == ""


def test_probe_wants_a_legal_finish_and_status() -> None:
    with model_server("a b c", finish="error") as port:
        assert "finish reason is 'error'" in servers.probe(port, "m", real=False)
    with model_server("a b c", status=404) as port:
        assert "got HTTP 404" in servers.probe(port, "m", real=False)
    assert "the probe prompt failed" in servers.probe(free_port(), "m", real=False)


def test_probe_of_what_serves_no_model() -> None:
    """Asked for its models, it says something else: no model server, so there is nothing to probe."""
    for models in ({"error": "no"}, ["index.html"], "hello"):
        with model_server("never asked", models=models) as port:
            assert servers.probe(port, "", real=False) == ""


def test_foreground_model_server_that_makes_no_sense(tmp_path: Path) -> None:
    """Healthy is not enough; it is stopped, and its output kept."""
    port = free_port()
    script = (
        "import http.server, json\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def say(self, body):\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(json.dumps(body).encode())\n"
        "    def do_GET(self): self.say({'data': [{'id': 'm'}]})\n"
        "    def do_POST(self):\n"
        "        self.rfile.read(int(self.headers['Content-Length']))\n"
        "        self.say({'choices': [{'message': {'content': '!!!!'}, 'finish_reason': 'stop'}]})\n"
        f"print('up', flush=True)\nhttp.server.HTTPServer(('127.0.0.1', {port}), H).serve_forever()\n"
    )
    (tmp_path / "model.py").write_text(script)
    steps = run(tmp_path, served(port, "exec python model.py\n"), NEEDS_WEB + "echo never\n")
    assert outcomes(steps) == ["failed", "skipped"]
    assert "the probe's answer has no three different words: '!!!!'" in steps[0].reason
    assert steps[0].stdout == "up\n"


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    pump = Pump()
    with model_server("one two three") as port:
        url = f"http://127.0.0.1:{port}/health"
        assert servers.wait_until_healthy(url, pump, time.monotonic() + 20, lambda: False)
        assert servers.probe(port, "", real=False) == ""
    pump.close()


@pytest.mark.parametrize(("first", "calls"), [("exit 0", ["10"]), ("kill -9 $$", ["10", "0"])])
def test_compose_down_that_is_cut_short_is_done_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, calls: list[str]
) -> None:
    """As a second Ctrl-C does while containers take their time to end."""
    (tmp_path / "docker").write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\ncase $* in *"--timeout 10") {first};; esac\n'
    )
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    containers.down(Path("compose/trtllm/compose.yaml"))
    asked = (tmp_path / "calls").read_text().splitlines()
    assert asked == [
        f"compose --file compose/trtllm/compose.yaml --profile * down --timeout {grace}" for grace in calls
    ]


def test_compose_down_without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    containers.down(Path("compose/trtllm/compose.yaml"))
