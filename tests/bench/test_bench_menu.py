"""Which server `gb10docs bench` takes, what it shows while it measures, and what it learns of server and machine."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chat_server import Behaviour, serve
from click.testing import CliRunner
from ports import free_port

from gb10docs.bench import CannotMeasure, conditions, launch, live, menu
from gb10docs.bench.load import Progress
from gb10docs.bench.metrics import Failure
from gb10docs.bench.session import measure
from gb10docs.bench.workload import Level, Workload
from gb10docs.cli.bench import bench
from gb10docs.engines import BadService
from gb10docs.engines.engine import Engine

QUICK = Workload(requests=1, warmup=0, output_tokens=8)


def quick(owner: str = "vllm", ttft: float = 0.0) -> Behaviour:
    return Behaviour(ttft=ttft, itl=0, tokens=8, owner=owner)


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Two servers on ports that the course's pages name, and one port where nothing answers."""
    with ExitStack() as servers:
        urls = [
            servers.enter_context(serve(quick(owner, ttft)))
            for owner, ttft in (("vllm", 0), ("llamacpp", 0.5))
        ]
        ports = [int(url.rpartition(":")[2]) for url in urls]
        known = {
            f"named-{port}": Engine(f"named-{port}", f"Named {port}", (port,))
            for port in [*ports, free_port()]
        }
        monkeypatch.setattr(menu, "ENGINES", known)
        yield urls


def test_an_engine_is_looked_for_where_the_lessons_have_it() -> None:
    assert menu.choose("trtllm") == "http://127.0.0.1:8001"
    assert menu.choose("vllm") == "http://127.0.0.1:8002"
    with pytest.raises(BadService, match=r"no engine is called 'vlm'; .*vllm"):
        menu.choose("vlm")


def test_the_only_server_needs_no_choice(course: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(course[1].rpartition(":")[2])
    monkeypatch.setattr(menu, "ENGINES", {"x": Engine("x", "Engine X", (free_port(), port))})
    assert menu.choose() == course[1]


def test_where_nothing_answers_the_ports_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(menu, "ENGINES", {"x": Engine("x", "Engine X", (port,))})
    with pytest.raises(CannotMeasure, match=rf"{port} \(Engine X\); start one, or give --url"):
        menu.choose()


def test_without_a_terminal_nobody_is_asked(course: list[str]) -> None:
    outcome = CliRunner().invoke(bench, [])
    assert isinstance(outcome.exception, CannotMeasure)
    assert "2 servers answer" in str(outcome.exception)
    assert all(f"--url {url}" in str(outcome.exception) for url in course)


PROGRAM = """
import sys
from gb10docs.bench import menu
from gb10docs.engines.engine import Engine
from gb10docs.cli import main
menu.ENGINES = {port: Engine(port, port, (int(port),)) for port in sys.argv.pop().split(",")}
sys.exit(main())
"""


def test_on_a_terminal_what_answers_is_a_menu(course: list[str], tmp_path: Path) -> None:
    """A real terminal: the menu says what the servers say of themselves, and the second is measured."""
    ports = ",".join(url.rpartition(":")[2] for url in course)
    here, there = pty.openpty()
    command = [sys.executable, "-c", PROGRAM, "bench", "--requests", "1", "--warmup", "0", "--output-tokens", "8",
               "--store", str(tmp_path / "s.jsonl"), ports]  # fmt: skip
    running = subprocess.Popen(
        command, stdin=there, stdout=there, stderr=there, env={**os.environ, "TERM": "xterm"}
    )
    os.close(there)
    os.write(here, b"2\n")
    shown = _all(here)
    assert running.wait(60) == 0, shown
    assert re.search(rf"1  vLLM +Qwen3-8B-NVFP4 +{course[0]}", shown)
    assert re.search(rf"2  llama\.cpp +Qwen3-8B-NVFP4 +{course[1]}", shown)
    assert "llamacpp: Qwen3-8B-NVFP4" in shown
    assert "1 stream: 0 of 1 requests" in shown


def _all(terminal: int) -> str:
    """What a program writes to its terminal until it ends."""
    read = b""
    until = time.monotonic() + 60
    while time.monotonic() < until and select.select([terminal], [], [], 60)[0]:
        try:
            read += os.read(terminal, 65536)
        except OSError:
            break
    os.close(terminal)
    return read.decode(errors="replace")


def test_the_line_tells_requests_pace_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(live, "perf_counter", lambda: now[0])
    line = live.Line()
    assert line.text() == "warming up"
    progress = Progress(4, started=100.0)
    line.watch(Level(Workload(), 2, 4096), progress)
    assert line.text() == "2 streams, context 4096: 0 of 4 requests, about 0 tokens/s now"
    progress.heard(b"data: {}\n\n" * 50)
    progress.outcomes.append(Failure(""))
    now[0] = 102.0
    for _ in range(2):
        assert line.text().endswith("1 of 4 requests, about 25 tokens/s now, 6 s left")


def test_without_a_terminal_there_is_a_line_a_level() -> None:
    out = io.StringIO()
    with live.display(out) as watch:
        watch(Level(Workload(requests=3), 1, 0), Progress(3))
    assert out.getvalue() == "measuring: 1 stream, 3 requests\n"


class Container:
    """What docker's Python package tells of one."""

    def __init__(self, port: int) -> None:
        self.ports = {"9000/tcp": None, "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
        self.image = SimpleNamespace(
            attrs={"RepoDigests": ["nvcr.io/nvidia/vllm@sha256:abc"]}, id="sha256:local"
        )
        self.attrs = {"Config": {"Image": "nvcr.io/nvidia/vllm:26.05", "Entrypoint": ["vllm", "serve"],
                                 "Cmd": ["--kv-cache-dtype", "fp8", "--api-key", "k"]}}  # fmt: skip


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> list[Container]:
    """A Docker engine that runs these."""
    running: list[Container] = []
    engine = SimpleNamespace(containers=SimpleNamespace(list=lambda: running), close=lambda: None)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setattr("docker.from_env", lambda **_: engine)
    return running


def test_a_container_tells_image_digest_and_flags(docker: list[Container]) -> None:
    docker += [Container(1), Container(8002)]
    found = launch.find(8002)
    assert (found.image, found.digest) == ("nvcr.io/nvidia/vllm:26.05", "sha256:abc")
    assert found.flags == ("vllm", "serve", "--kv-cache-dtype", "fp8", "--api-key", "[secret]")
    docker[1].image.attrs = {"RepoDigests": []}
    assert launch.find(8002).digest == "sha256:local"


def test_a_process_tells_its_flags(docker: list[Container]) -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    command = [
        sys.executable,
        "-c",
        code,
        "serve",
        "--max-num-seqs",
        "4",
        "--api-key=abc",
        "--tokenizer",
        "t",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        found = launch.find(int(server.stdout.readline()))
        server.communicate("\n")
    assert found.image == ""
    assert found.flags[3:] == ("serve", "--max-num-seqs", "4", "--api-key=[secret]", "--tokenizer", "t")


def test_a_command_line_names_neither_secret_nor_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada-l")
    monkeypatch.setenv("NGC_API_KEY", "nvapi-0123456789")
    told = launch.shown(
        ["serve", "/home/ada-l/model", "--hf-token", "t", "nvapi-0123456789", "--max-num-tokens", "8"]
    )
    assert told == ("serve", "~/model", "--hf-token", "[secret]", "[NGC_API_KEY]", "--max-num-tokens", "8")


def test_the_image_says_more_than_the_owner_that_a_server_names(docker: list[Container]) -> None:
    with serve(quick("somebody")) as url:
        docker.append(Container(int(url.rpartition(":")[2])))
        server = measure(url, QUICK).server
    assert (server.engine, server.digest, server.flags[:2]) == ("vllm", "sha256:abc", ("vllm", "serve"))


def test_of_a_server_elsewhere_nothing_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(port: int) -> Any:
        raise AssertionError(port)

    monkeypatch.setattr(launch, "find", never)
    monkeypatch.setattr("gb10docs.bench.address.Address.local", False)
    with serve(quick()) as url:
        assert not measure(url, QUICK).server.local


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://192.168.1.7:1", False),
        ("http://spark.local:1", False),
    ],
)
def test_an_address_tells_whether_it_is_here(url: str, local: bool) -> None:
    from gb10docs.bench.client import Server

    assert Server(url).local is local


SMI = """#!/bin/sh
echo "2411, [N/A], 31.20, 58"
"""


def test_clocks_and_memory_before_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(SMI)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    seen = conditions.look()
    assert (seen.sm_mhz, seen.memory_mhz, seen.watts, seen.celsius) == (2411, None, 31.2, 58)
    assert seen.memory_available_bytes > 0
    with serve(quick()) as url:
        result = measure(url, QUICK)
    assert replace(result.before, memory_available_bytes=0) == replace(result.after, memory_available_bytes=0)
    assert result.after.sm_mhz == 2411


def test_a_driver_that_fails_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert conditions.look().sm_mhz is None
