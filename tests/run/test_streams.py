"""Streams: exact, bounded in memory, whole on disk."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from driving import Python, outcomes, run
from hypothesis import given, settings
from hypothesis import strategies as st

from gb10docs.privacy.redactor import Redactor
from gb10docs.run import streams
from gb10docs.run.streams import BOUND, Capture, Pump

SOON = 20.0


NOTHING = Redactor({})


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(4, 60))
@settings(deadline=None)
def test_capture_keeps_all_or_head_and_tail(chunks: list[bytes], half: int) -> None:
    """With small bounds: text, size and log are what they should be, however the output was cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BOUND", 2 * half)
        patch.setattr(streams, "_HALF", half)
        log = f"/tmp/gb10docs-test-{os.getpid()}/sub/log"
        capture = Capture(NOTHING, lambda: log)
        for chunk in chunks:
            capture.feed(chunk)
        capture.finish()
        whole = b"".join(chunks)
        assert capture.size == len(whole)
        if len(whole) <= 2 * half:
            assert capture.text() == whole.decode(errors="replace")
            assert capture.log == ""
            return
        head, tail = whole[:half].decode(errors="replace"), whole[-half:].decode(errors="replace")
        missing = len(whole) - 2 * half
        assert capture.text() == f"{head}\n[… {missing} bytes left out; all of it: {log}]\n{tail}"
        assert Path(capture.log).read_bytes() == whole


@pytest.mark.parametrize("at", [BOUND // 2 - 10, BOUND // 2 + 100 - 10])
def test_a_secret_that_the_cut_goes_through_is_masked(tmp_path: Path, at: int) -> None:
    """Where the head ends and where the tail begins: neither half of it comes out, nor in the log."""
    token = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh"
    capture = Capture(Redactor({"HF_TOKEN": token}), lambda: str(tmp_path / "log"))
    printed = "." * at + token + "." * (BOUND + 100 - at - len(token))
    for begin in range(0, len(printed), 2**16):
        capture.feed(printed[begin : begin + 2**16].encode())
    capture.finish()
    assert "[HF_TOKEN]" in capture.text()
    assert not any(part in capture.text() for part in (token[:5], token[-5:]))
    assert Path(capture.log).read_text().count("[HF_TOKEN]") == 1
    assert token[:5] in capture.raw() or token[-5:] in capture.raw()


def test_log_is_private_and_a_full_disk_ends_it(tmp_path: Path) -> None:
    capture = Capture(NOTHING, lambda: str(tmp_path / "logs" / "a"))
    capture.feed(b"x" * (BOUND + 1))
    assert (tmp_path / "logs" / "a").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o700
    capture.finish()
    full = Capture(NOTHING, lambda: "/dev/full")
    for _ in range(40):
        full.feed(b"y" * 2**16)
    full.finish()
    assert full.log == ""
    assert "could not be written to disk" in full.text()


def test_a_log_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes beyond it is in the report's tail alone, and the log says that it ends."""
    monkeypatch.setattr("gb10docs.run.streams.LOG_BOUND", 2 * BOUND)
    capture = Capture(NOTHING, lambda: str(tmp_path / "log"))
    for _ in range(64):
        capture.feed(b"x" * (BOUND // 8))
    capture.finish()
    data = (tmp_path / "log").read_bytes()
    assert data.count(b"x") == 2 * BOUND
    assert data.endswith(b"it holds at most 256 MiB]\n")


@pytest.mark.parametrize(
    ("printed", "line"),
    [(b"", ""), (b"one\ntwo\n", "two"), (b"one\ntwo", "two"), (b"10%\r20%\r", "20%"), (b"a\n\n\n", "a")],
)
def test_last_line(printed: bytes, line: str) -> None:
    capture = Capture(NOTHING, str)
    capture.feed(printed)
    assert capture.last_line() == line


def test_drain_reads_all_that_is_there_and_waits_for_nothing() -> None:
    """A pipe made larger than we read at once, still held open by its writer."""
    pump, capture = Pump(), Capture(NOTHING, str)
    read, write = pump.pipe(capture)
    os.set_blocking(write, False)
    import fcntl

    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 2**20)
    written = os.write(write, b"z" * 2**20)
    pump.drain(read)
    assert capture.size == written == 2**20
    assert not capture.ended
    os.close(write)
    pump.drain(read)
    assert capture.ended
    pump.close()


def test_call_returns_raises_and_is_left_alone_when_late() -> None:
    pump = Pump()
    assert pump.call(lambda: 42, time.monotonic() + SOON) == 42
    with pytest.raises(KeyError):
        pump.call(lambda: {"a": 1}["b"], time.monotonic() + SOON)
    go = threading.Event()
    assert pump.call(lambda: go.wait(SOON), time.monotonic() + 0.05) is None
    go.set()
    pump.close()


def test_interrupt_does_not_wait_for_a_call() -> None:
    """What the loop raises while a blocking function runs comes out at once."""
    pump, go = Pump(), threading.Event()

    def interrupt() -> None:
        raise InterruptedError

    pump.on_tick = interrupt
    begun = time.monotonic()
    with pytest.raises(InterruptedError):
        pump.call(lambda: go.wait(SOON), time.monotonic() + SOON)
    assert time.monotonic() - begun < SOON / 2
    go.set()
    pump.close()


EXACT = {
    "NUL and bytes that are no text": (
        r"printf 'a\0b\377\303(\n'; printf '\360\237' >&2",
        "a\0b\ufffd\ufffd(\n",
        "\ufffd",
    ),
    "no newline at the end": ("printf end; printf err >&2", "end", "err"),
    "empty": ("true", "", ""),
    "blank lines": ("echo; echo; printf '\\n\\r\\n\\t '", "\n\n\n\r\n\t ", ""),
    "escape sequences": (r"printf '\033[31mred\033[0m\r\b'", "\x1b[31mred\x1b[0m\r\b", ""),
    "looks like ours": (
        "echo __gb_report; printf '0\\0hB\\0\\0\\0\\0'",
        "__gb_report\n0\0hB\0\0\0\0",
        "",
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_each_stream_is_exact(tmp_path: Path, name: str) -> None:
    text, stdout, stderr = EXACT[name]
    (step,) = run(tmp_path, text + "\n")
    assert (step.outcome, step.stdout, step.stderr) == ("passed", stdout, stderr)


FLOOD = 16 * 2**20
DRIVE = """
import re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from driving import run
def most():
    return int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024
few, many, ok = (Path(name).read_text() for name in sys.argv[3:])
run(Path(sys.argv[1]) / 'few', few)
before = most()
for step in run(Path(sys.argv[1]) / 'many', many, ok):
    print(step.outcome, len(step.stdout), len(step.stderr), step.log)
print(most() - before)
"""


def flood(size: int) -> str:
    """A script that prints so many bytes on either stream."""
    return (
        f"echo first\nhead -c {size} /dev/zero | tr '\\0' a &\nhead -c {size} /dev/zero | tr '\\0' b >&2\nwait\n"
        "echo last; echo LAST >&2\n"
    )


def test_a_flood_on_both_streams(tmp_path: Path) -> None:
    """It takes less memory than one of them has bytes; the report keeps head and tail, the log everything."""
    texts = {"few.sh": flood(2 * BOUND), "many.sh": flood(FLOOD), "after.sh": "echo ok\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            DRIVE,
            str(tmp_path),
            str(Path(__file__).parents[1]),
            *(str(tmp_path / name) for name in texts),
        ],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    flooded, ok, memory = done.stdout.splitlines()
    assert ok == "passed 3 0 "
    assert int(memory) < FLOOD // 2**20, "MiB more than for a little over the bound"
    outcome, stdout, stderr, log = flooded.split(" ", 3)
    assert outcome == "passed"
    assert int(stdout) < BOUND + 500
    assert int(stderr) < BOUND + 500
    out, err = Path(log), Path(log.replace(".stdout", ".stderr"))
    assert (out.stat().st_size, err.stat().st_size) == (FLOOD + 11, FLOOD + 5)
    with out.open("rb") as file:
        assert file.read(7) == b"first\na"
        file.seek(-6, os.SEEK_END)
        assert file.read() == b"alast\n"


def test_count_of_what_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    steps = run(tmp_path, "head -c 3000000 /dev/zero | tr '\\0' q\n", Python("print('w' * 2999999)\n"))
    for step, letter in zip(steps, "qw", strict=True):
        head, between, tail = step.stdout.split("\n", 2)
        missing = 3_000_000 - BOUND
        assert head == letter * (BOUND // 2)
        assert between.startswith(f"[… {missing} bytes left out; all of it: ")
        assert len(tail) == BOUND // 2
        assert Path(step.log).stat().st_size == 3_000_000


def test_many_open_streams_are_closed_again(tmp_path: Path) -> None:
    """Jobs that hold their streams to the end of the page: no descriptor of ours is left open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    steps = run(
        tmp_path,
        *(["sleep 1000 &\n"] * 10),
        Python("import subprocess\nsubprocess.Popen(['sleep', '1000'])\n"),
    )
    assert outcomes(steps) == ["passed"] * 11
    assert len(list(Path("/proc/self/fd").iterdir())) == before
