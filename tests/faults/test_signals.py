"""Signals at moments drawn by lot: whatever a run is at, it ends in good order, and what ran is kept.

A sample runs with the suite; GB10DOCS_KILLS=200 and GB10DOCS_LAST_KILLS=80 in the environment draw more.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from driving import header, write
from ports import free_port
from program import PATIENCE, Program, own_program

from gb10docs.evidence.ledger import Ledger

KILLS = int(os.environ.get("GB10DOCS_KILLS", "12"))
LAST_KILLS = int(os.environ.get("GB10DOCS_LAST_KILLS", "6"))
SEED = int(os.environ.get("GB10DOCS_SEED", "1"))
LAST_S = 0.03

SERVER = """
import http.server, json, sys, time

class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"data": [{"id": "m"}]}, 0.1 if self.path == "/v1/models" else 0)

    def do_POST(self):
        self.answer({"choices": [{"message": {"content": "one two three"}, "finish_reason": "stop"}]}, 0.1)

    def answer(self, body, after):
        time.sleep(after)
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
"""


@dataclass
class Course:
    """A page that has everything that a signal may meet, and how to run it."""

    program: Program
    ports: tuple[int, int]

    def start(self) -> subprocess.Popen[bytes]:
        """Run it in a process group of its own, as a shell would."""
        arguments = ["run", "page", "--root", str(self.program.root), "--target", "cpu", "--keep-going"]
        process = subprocess.Popen(
            [sys.executable, "-m", "gb10docs", *arguments, "--record", "--json", str(self.program.json)],
            env=self.program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        self.program.started.append(process)
        return process

    @property
    def ledger(self) -> Path:
        return self.program.root / "docs" / "evidence" / "page" / "cpu-llamacpp.json"

    def forget(self) -> None:
        """As before any run."""
        self.ledger.unlink(missing_ok=True)
        self.program.json.unlink(missing_ok=True)


@contextlib.contextmanager
def course_in(folder: Path, deaf: str, undecided: str) -> Iterator[Course]:
    """The page with these two steps, which fail; one for all turns, since no turn may leave anything."""
    with own_program(folder) as program:
        yield written(program, deaf, undecided)


def written(program: Program, deaf: str, undecided: str) -> Course:
    web, vllm = free_port(), free_port()
    root = program.root
    write(
        root,
        "echo first\n",
        deaf,
        header(f'ready = "http://127.0.0.1:{web}/health"\nsession = "web"')
        + f"exec python server.py {web}\n",
        undecided,
        header('serves = "compose/vllm:vllm"') + "docker compose up -d --wait\n",
        header('needs = ["server:vllm"]') + f"curl -sf http://127.0.0.1:{vllm}/health\n",
        "(sleep $TOKEN &) ; setsid sleep $TOKEN & env -i setsid /bin/sleep $TOKEN & echo last\n",
    )
    (root / "server.py").write_text(SERVER)
    (root / "compose" / "vllm").mkdir(parents=True)
    (root / "compose" / "vllm" / "compose.yaml").write_text(
        f"services:\n  vllm:\n    image: i:1\n    ports: ['127.0.0.1:{vllm}:{vllm}']\n"
        f"    command: [vllm, serve, /models/M, --port, '{vllm}']\n"
    )
    return Course(program, (web, vllm))


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Course, float]]:
    """A page with a step that hears no interrupt and one that is long in being judged; seconds that it runs."""
    with course_in(
        tmp_path_factory.mktemp("any"),
        header('timeout = "0.2s"') + "sleep $TOKEN & trap '' INT\nsleep 0.1; sleep 0.2; sleep $TOKEN\n",
        header('expect.matches = ["(a|aa)+$"]\ntimeout = "0.3s"') + f"echo {'a' * 40}b\n",
    ) as course:
        lasts, reasons = uninterrupted(course)
        assert "not decided" in reasons["s4"]
        yield course, lasts


@pytest.fixture(scope="module")
def quick_course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """The same without what takes long, for signals when all that is over."""
    with course_in(
        tmp_path_factory.mktemp("last"),
        "sleep $TOKEN & false\n",
        header('expect.matches = ["b"]') + "echo a\n",
    ) as course:
        uninterrupted(course)
        yield course


def read_until(process: subprocess.Popen[bytes], text: bytes) -> bytes:
    """What it prints until it has printed that, or ends."""
    assert process.stdout
    said = b""
    while text not in said:
        some = os.read(process.stdout.fileno(), 2**16)
        if not some:
            break
        said += some
    return said


def uninterrupted(course: Course) -> tuple[float, dict[str, str]]:
    """Seconds from the first line of a run to its end, and each step's reason."""
    process = course.start()
    read_until(process, b"steps\n")
    begun = time.monotonic()
    process.communicate(timeout=PATIENCE)
    lasts = time.monotonic() - begun
    steps = {step["id"].rpartition("/")[2]: step for step in course.program.steps()}
    assert [steps[f"s{number}"]["outcome"] for number in range(1, 8)] == [
        *("passed", "failed", "passed", "failed", "replaced", "passed", "passed"),
    ], steps
    course.forget()
    return lasts, {name: step["reason"] for name, step in steps.items()}


def wrong_with(
    course: Course, process: subprocess.Popen[bytes], out: bytes, err: bytes, *, late: bool
) -> Iterator[str]:
    """What is not as it should be after a signal; `late` if it may have come when all was written."""
    if process.returncode not in ((130, 1) if late else (130,)):
        yield f"status {process.returncode}"
    if err:
        yield f"standard error: {err.decode()}"
    try:
        report: dict[str, Any] = json.loads(course.program.json.read_text())
    except (OSError, ValueError) as error:
        yield f"report: {error}"
        return
    if len(report["steps"]) != 7:
        yield f"{len(report['steps'])} steps in the report"
    came = {
        step["id"] for step in report["steps"] if step["outcome"] != "skipped" and not step["interrupted"]
    }
    recorded: set[str] = set()
    if course.ledger.exists():
        recorded = set(Ledger.model_validate_json(course.ledger.read_text()).steps)
    if recorded != came:
        yield f"recorded {sorted(recorded)}, came to an end {sorted(came)}"
    yield from (f"left: {one}" for one in course.program.left())
    yield from (f"noted: {one}" for one in course.program.notes())
    for port in course.ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                yield f"port {port} is open"
    yield from (f"beside the ledger: {one}" for one in course.ledger.parent.glob(".*"))


def send(process: subprocess.Popen[bytes], number: int, *, to_group: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if to_group else os.kill)(process.pid, number)


@pytest.mark.parametrize("turn", range(KILLS))
def test_at_any_moment(course: tuple[Course, float], turn: int) -> None:
    """INT, TERM, HUP; to the process or to its group; some twice."""
    page, lasts = course
    lot = random.Random(f"{SEED} {turn}")
    number = lot.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    to_group, twice = lot.random() < 0.5, lot.random() < 0.4
    at, gap = lot.uniform(0, lasts), lot.choice([0, 0.001, 0.02, 0.1, 0.3])
    process = page.start()
    said = read_until(process, b"steps\n")
    time.sleep(at)
    ended = process.poll() is not None
    send(process, number, to_group=to_group)
    if twice:
        time.sleep(gap)
        send(process, lot.choice([number, signal.SIGINT]), to_group=to_group)
    out, err = process.communicate(timeout=PATIENCE)
    late = ended or b"recorded in" in said + out
    what = f"{number.name} at {at:.3f} of {lasts:.2f} s, group {to_group}, twice {twice} {gap}"
    wrong = list(wrong_with(page, process, said + out, err, late=late))
    page.forget()
    assert wrong == [], what


@pytest.mark.parametrize("turn", range(LAST_KILLS))
def test_in_the_last_moments(quick_course: Course, turn: int) -> None:
    """While report and ledger are written."""
    lot = random.Random(f"{SEED} last {turn}")
    number = lot.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    at, to_group = lot.uniform(0, LAST_S), lot.random() < 0.5
    process = quick_course.start()
    said = read_until(process, b"page on cpu" if turn % 2 else b" s7  ")
    time.sleep(at)
    send(process, number, to_group=to_group)
    out, err = process.communicate(timeout=PATIENCE)
    late = b"recorded in" in said + out
    wrong = list(wrong_with(quick_course, process, said + out, err, late=late))
    quick_course.forget()
    assert wrong == [], f"{number.name} at {at:.4f} s, group {to_group}"
