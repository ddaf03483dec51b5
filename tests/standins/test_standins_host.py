"""The stand-in process: quick to start, exact about its ports, and never left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ports import free_port

from gb10docs.errors import NotServed
from gb10docs.standins import weights
from gb10docs.standins.host import Host
from gb10docs.standins.rules import Service

ROOT = Path(__file__).parents[2]
LONG = {"model": "m", "prompt": "Once", "max_tokens": 1000, "ignore_eos": True}


def _service(port: int, name: str = "vllm") -> Service:
    return Service(service=name, engine="vllm", port=port, served_name="m", model="x/m", max_model_len=2048)


def _refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _ended_within(pid: int, seconds: float) -> bool:
    """Whether a process that is not our child is gone by then."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


@pytest.fixture(scope="module")
def gguf() -> Path:
    return weights.smollm2(weights.default_store())


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def host(gguf: Path, tmp_path: Path) -> Iterator[Host]:
    host = Host(gguf, stderr=tmp_path / "log", env=os.environ)
    host.start()
    yield host
    host.stop()


def test_starts_at_once_and_answers_soon(host: Host, port: int) -> None:
    begun = time.monotonic()
    host.open(_service(port))
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    assert time.monotonic() - begun < 10


def test_a_closed_port_is_closed_and_can_be_opened_again(host: Host, port: int) -> None:
    for _ in range(2):
        host.open(_service(port))
        assert not _refuses(port)
        host.close("vllm")
        assert _refuses(port)


def test_closing_cuts_off_an_answer_being_given(host: Host, port: int) -> None:
    host.open(_service(port))
    with httpx.stream(
        "POST", f"http://127.0.0.1:{port}/v1/completions", json={**LONG, "stream": True}
    ) as response:
        lines = response.iter_lines()
        next(lines)
        host.close("vllm")
        assert _refuses(port)
        with pytest.raises(httpx.HTTPError):
            list(lines)


def test_a_taken_port_is_named(host: Host, port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(NotServed, match=f"port {port} .* is taken"),
    ):
        host.open(_service(port))
    host.open(_service(port))


def test_a_service_is_opened_once_and_closed_once(host: Host, port: int) -> None:
    with pytest.raises(NotServed, match="vllm is not open"):
        host.close("vllm")
    host.open(_service(port))
    with pytest.raises(NotServed, match="vllm is open already"):
        host.open(_service(port))


def test_two_services_side_by_side(host: Host, port: int) -> None:
    other = free_port()
    host.open(_service(port))
    host.open(_service(other, "second"))
    host.close("vllm")
    assert httpx.get(f"http://127.0.0.1:{other}/health").status_code == 200


def test_listens_on_this_machine_alone(host: Host, port: int) -> None:
    host.open(_service(port))
    hexadecimal = f"{port:04X}"
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert [address for address in listening if address.endswith(f":{hexadecimal}")]
    assert all(address.startswith("0100007F") for address in listening if address.endswith(f":{hexadecimal}"))


def test_stop_leaves_no_process_and_no_port(host: Host, port: int) -> None:
    host.open(_service(port))
    assert host._process
    pid = host._process.pid
    host.stop()
    assert _refuses(port)
    assert not Path(f"/proc/{pid}").exists()
    host.stop()
    with pytest.raises(NotServed, match="not running"):
        host.open(_service(port))


def test_stop_does_not_wait_for_an_answer_being_given(host: Host, port: int) -> None:
    host.open(_service(port))
    with httpx.stream(
        "POST", f"http://127.0.0.1:{port}/v1/completions", json={**LONG, "stream": True}
    ) as response:
        next(response.iter_lines())
        begun = time.monotonic()
        host.stop()
        assert time.monotonic() - begun < 2


def test_a_process_that_is_gone_is_an_error_with_its_log(host: Host, port: int) -> None:
    host.open(_service(port))
    assert host._process
    host._process.send_signal(signal.SIGTERM)
    host._process.wait(5)
    for _ in range(2):
        with pytest.raises(NotServed, match=r"ended \(log: .*log\)"):
            host.close("vllm")


def test_interrupts_are_the_runners_affair(host: Host, port: int) -> None:
    host.open(_service(port))
    assert host._process
    host._process.send_signal(signal.SIGINT)
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200


def test_weights_that_do_not_load(tmp_path: Path, port: int) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    host = Host(tmp_path / "bad.gguf", stderr=tmp_path / "log", env=os.environ)
    host.start()
    with pytest.raises(NotServed, match="the stand-in process ended"):
        host.open(_service(port))
    host.stop()


def test_nothing_but_answers_on_standard_output(gguf: Path, port: int) -> None:
    commands = [
        {
            "open": {
                "service": "a",
                "engine": "trtllm",
                "port": port,
                "served_name": "m",
                "model": "x/m",
                "max_model_len": 512,
            }
        },
        {"close": "a"},
        {"what": 1},
        {"open": {"service": "a"}},
    ]
    told = "".join(json.dumps(command) + "\n" for command in commands) + "not json\n"
    result = subprocess.run(
        [sys.executable, "-m", "gb10docs.standins.llamacpp", str(gguf), str(os.getpid())],
        cwd=ROOT,
        input=told,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert answers[:3] == [{"ready": True}, {"opened": "a", "port": port}, {"closed": "a"}]
    assert [list(answer) for answer in answers[3:]] == [["error"], ["error"], ["error"]]


PARENT = """
import os, sys
from pathlib import Path
from gb10docs.standins.host import Host
host = Host(Path(sys.argv[1]), stderr=Path(sys.argv[2]), env=os.environ)
host.start()
port = host.hub({})
if sys.argv[3] == "fork" and os.fork() == 0:
    os.close(1)
    sys.stdin.read()
    os._exit(0)
print(host._process.pid, port, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("holding", ["alone", "fork"])
def test_dies_with_its_parent_even_if_a_fork_holds_its_stdin(
    gguf: Path, tmp_path: Path, holding: str
) -> None:
    command = [sys.executable, "-c", PARENT, str(gguf), str(tmp_path / "log"), holding]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout
        pid, port = map(int, parent.stdout.readline().split())
        assert not _refuses(port)
        parent.kill()
        assert _ended_within(pid, 5)
        assert _refuses(port)


def test_importing_it_is_cheap() -> None:
    program = (
        "import sys; import gb10docs.standins.host, gb10docs.standins.weights, gb10docs.standins.home\n"
        "import gb10docs.standins.checkpoint\n"
        "heavy = {'httpx', 'starlette', 'uvicorn', 'xllamacpp', 'numpy', 'huggingface_hub', 'asyncio'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules)) or ''))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.stderr.strip() == ""
