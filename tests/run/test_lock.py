"""The lock of a machine, and the notes of what a killed run would leave: both believed no further than their owner."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gb10docs.engines import containers
from gb10docs.machine import processes
from gb10docs.machine.folders import in_use
from gb10docs.run import CannotRun, lock, notes

RUN = "0123456789ab"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where notes lie."""
    with notes.keep(RUN, []):
        pass
    return tmp_path / "state" / "gb10docs" / f"runs-{os.geteuid()}"


def test_second_is_told_who_holds_it() -> None:
    with (
        lock.hold(),
        pytest.raises(
            CannotRun, match=rf"process {os.getpid()} of .*pytest.* since ....-..-.. ..:..:.. holds"
        ),
    ):
        lock.hold().__enter__()
    with lock.hold():
        pass


def test_free_again_after_an_error() -> None:
    with pytest.raises(KeyError), lock.hold():
        raise KeyError
    with lock.hold():
        pass


def test_a_run_inside_a_run_takes_part_in_its_lock() -> None:
    inside = [sys.executable, "-c", "from gb10docs.run import lock\nwith lock.hold(): print('in')"]
    with lock.hold():
        assert subprocess.check_output(inside, text=True) == "in\n"
        assert subprocess.check_output(["setsid", "-w", *inside], text=True) == "in\n"


@contextlib.contextmanager
def held_elsewhere() -> Iterator[subprocess.Popen[str]]:
    """A holder that is no ancestor of ours."""
    code = "import sys\nfrom gb10docs.run import lock\nwith lock.hold(): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_killed_holder_frees_it() -> None:
    with held_elsewhere() as process:
        with pytest.raises(CannotRun, match=f"process {process.pid} "):
            lock.hold().__enter__()
        process.kill()
        process.wait()
        with lock.hold():
            pass


def test_many_who_ask_are_refused_at_once() -> None:
    """Nobody answers them, and none of them waits."""
    with held_elsewhere():
        begun = time.monotonic()
        callers = [socket.socket(socket.AF_UNIX) for _ in range(300)]
        for caller in callers:
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(lock.NAME)
        with pytest.raises(CannotRun):
            lock.hold().__enter__()
        assert time.monotonic() - begun < 1
        for caller in callers:
            caller.close()


def test_a_name_is_shown_on_one_line() -> None:
    code = "from gb10docs.run import lock\nimport sys\nwith lock.hold(): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, "\x1b]0;owned\x07\x1b[31mred\nfake: all is well"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(CannotRun) as told:
            lock.hold().__enter__()
        process.kill()
    assert str(told.value).isprintable()


def test_a_compose_file_is_noted_before_its_services_start(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downs: list[Path] = []
    monkeypatch.setattr(containers, "down", lambda file, _: downs.append(file))
    file = tmp_path / "compose.yaml"
    file.touch()
    with notes.keep(RUN, []) as note:
        note.note_compose(file)
        note.note_compose(file)
        assert json.loads((kept / f"{RUN}.json").read_text())["compose"] == [str(file)]
        assert note.take_down() == [str(file)]
        assert note.take_down() == []
    assert downs == [file]
    assert list(kept.iterdir()) == []


def dead_run(kept: Path, run: str = RUN, **changes: object) -> Path:
    """As SIGKILL leaves its note."""
    path = kept / f"{run}.json"
    said = {"host": os.uname().nodename, "folders": [], "compose": [], "labelled": False} | changes
    path.write_text(json.dumps(said))
    path.chmod(0o600)
    return path


def test_what_a_dead_run_left_is_cleared(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downs: list[Path] = []
    monkeypatch.setattr(containers, "down", lambda file, _: downs.append(file))
    folders = [tmp_path / f"gb10docs-{RUN}", tmp_path / "elsewhere" / f"gb10docs-{RUN}"]
    for folder in folders:
        (folder / "home").mkdir(parents=True)
    (tmp_path / "compose.yaml").touch()
    compose = [str(tmp_path / "compose.yaml"), str(tmp_path / "gone.yaml")]
    dead_run(kept, compose=compose, folders=[*map(str, folders), str(tmp_path / "precious")])
    (tmp_path / "precious").mkdir()
    (tmp_path / "state/gb10docs/logs" / RUN).mkdir(parents=True)
    assert notes.clean() == [
        f"stopped the containers of {tmp_path}/compose.yaml",
        *(f"removed {folder}" for folder in folders),
        f"removed {tmp_path}/state/gb10docs/logs/{RUN}",
    ]
    assert downs == [tmp_path / "compose.yaml"]
    assert not any(folder.exists() for folder in folders)
    assert (tmp_path / "precious").exists()
    assert notes.clean() == []


def test_the_note_of_a_run_that_lives_is_left_alone(tmp_path: Path, kept: Path) -> None:
    folder = tmp_path / f"gb10docs-{RUN}"
    folder.mkdir()
    with notes.keep(RUN, [folder]), in_use(folder):
        assert notes.clean() == []
    assert folder.exists()
    assert notes.clean() == [f"removed {folder}"], "nobody uses it any more"


def test_a_note_of_another_machine_is_left_alone(tmp_path: Path, kept: Path) -> None:
    """A home folder may be shared; what that run has left is there, and not here."""
    path = dead_run(kept, host="another", compose=[str(tmp_path / "compose.yaml")])
    (tmp_path / "compose.yaml").touch()
    assert notes.clean() == []
    assert path.exists()


@pytest.mark.parametrize(
    "name", ["-1", "ffffffffffff0", "../0123456789a", "0123456789AB", "٠١٢٣٤٥٦٧٨٩٠١", "0" * 11]
)
def test_a_run_has_one_form(kept: Path, name: str) -> None:
    """Another id could be that of all processes (-1 is the limit that every one has), or lead elsewhere."""
    with pytest.raises(ValueError, match="no id of a run"):
        processes.marked(name)
    with contextlib.suppress(OSError):
        (kept / f"{name}.json").write_text("{}")
    assert notes.clean() == []


SHAPES = {
    "empty": b"",
    "no UTF-8": b"\xff\xfe",
    "list": b"[1, 2]",
    "null": b"null",
    "deep": b"[" * 60_000,
    "compose null": b'{"compose": null}',
    "compose of numbers": b'{"compose": [1], "folders": [[]], "labelled": 5}',
    "compose with NUL": b'{"compose": ["a\\u0000b"], "folders": ["/"]}',
    "host a number": b'{"host": 5}',
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_a_spoiled_note_is_no_obstacle(kept: Path, content: bytes) -> None:
    path = dead_run(kept)
    path.write_bytes(content)
    assert notes.clean() == []


@pytest.mark.parametrize("kind", ["FIFO", "folder", "link", "device", "writable by others"])
def test_only_a_file_of_ours_alone_is_believed(tmp_path: Path, kept: Path, kind: str) -> None:
    victim = tmp_path / f"gb10docs-{RUN}"
    victim.mkdir()
    path = dead_run(kept, folders=[str(victim)])
    with in_use(victim):
        if kind == "writable by others":
            path.chmod(0o666)
        else:
            content = path.read_text()
            path.unlink()
            if kind == "FIFO":
                os.mkfifo(path)
            elif kind == "folder":
                path.mkdir()
            elif kind == "device":
                path.symlink_to("/dev/zero")
            else:
                (tmp_path / "forged").write_text(content)
                path.symlink_to(tmp_path / "forged")
        assert notes.clean() == []
    assert victim.exists()


def test_a_folder_that_others_may_write_holds_no_notes(
    tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = tmp_path / f"gb10docs-{RUN}"
    victim.mkdir()
    dead_run(kept, folders=[str(victim)])
    kept.chmod(0o777)
    with in_use(victim):
        assert notes.clean() == []
        with notes.keep("0" * 12, []):
            pass
    assert "cannot be noted" in capsys.readouterr().err
    kept.chmod(0o700)
    assert notes.clean() == [f"removed {victim}"]


def test_where_there_is_no_memory_for_files_the_texts_are_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notes.texts_path(RUN) != notes.scratch_path(RUN)
    monkeypatch.setattr(notes, "_MEMORY", tmp_path / "none")
    assert notes.texts_path(RUN) == notes.scratch_path(RUN) == tmp_path / f"gb10docs-{RUN}"


def test_a_notebook_folder_that_nobody_uses_goes(tmp_path: Path) -> None:
    used, left = tmp_path / "gb10docs-notebook-a", tmp_path / "gb10docs-notebook-b"
    used.mkdir()
    left.mkdir()
    holder = os.open(used, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_SH)
    assert notes.clean() == [f"removed {left}"]
    os.close(holder)


def test_long_outputs_of_many_runs_ago_go(tmp_path: Path) -> None:
    logs = tmp_path / "state" / "gb10docs" / "logs"
    for number in range(30):
        (logs / f"{number:012x}").mkdir(parents=True)
        os.utime(logs / f"{number:012x}", (number, number))
    assert notes.log_path("f" * 12, "a.stdout") == f"{logs}/{'f' * 12}/a.stdout"
    assert sorted(one.name for one in logs.iterdir()) == [f"{number:012x}" for number in range(11, 30)]
