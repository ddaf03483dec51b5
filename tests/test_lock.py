"""The lock: one run at a time, who holds it, and what is believed of its file."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from gb10docs import containers, lock
from gb10docs.lock import BadLock, Busy

RUN = "0123456789ab"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_second_is_told_who_holds_it() -> None:
    with lock.hold(lock.holder(RUN, "docs/page.md")):
        for second in (lambda: lock.hold(lock.holder("f", "docs/other.md")).__enter__(), lock.clean):
            with pytest.raises(
                Busy, match=f"process {os.getpid()} of .*, running docs/page.md since ..:..:.. holds"
            ):
                second()
    assert lock.lock_path().read_bytes() == b""
    assert lock.clean() == []


def test_free_again_after_an_error() -> None:
    with pytest.raises(KeyError), lock.hold(lock.holder(RUN, "docs/page.md")):
        raise KeyError
    with lock.hold(lock.holder(RUN, "docs/page.md")) as held:
        assert json.loads(lock.lock_path().read_text())["run"] == RUN == held.holder.run


def test_compose_file_is_on_record_before_its_services_start(tmp_path: Path) -> None:
    with lock.hold(lock.holder(RUN, "docs/page.md")) as held:
        held.note_compose(tmp_path / "compose.yaml")
        held.note_compose(tmp_path / "compose.yaml")
        assert json.loads(lock.lock_path().read_text())["compose"] == [str(tmp_path / "compose.yaml")]


def dead_run(**changes: object) -> None:
    """As SIGKILL leaves it."""
    record = {"run": RUN, "pid": 1, "page": "p", "user": "u", "started": "t", "compose": []} | changes
    lock.lock_path().write_text(json.dumps(record))


def test_what_a_dead_run_left_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downs: list[Path] = []
    monkeypatch.setattr(containers, "down", downs.append)
    (tmp_path / f"gb10docs-{RUN}" / "home").mkdir(parents=True)
    lock.texts_path(RUN).mkdir()
    (tmp_path / "compose.yaml").touch()
    dead_run(compose=[str(tmp_path / "compose.yaml"), str(tmp_path / "gone.yaml")])
    done = lock.clean()
    assert downs == [tmp_path / "compose.yaml"]
    assert done == [
        f"stopped the containers of {tmp_path}/compose.yaml",
        f"removed {tmp_path}/gb10docs-{RUN}",
        f"removed {lock.texts_path(RUN)}",
    ]
    assert not (tmp_path / f"gb10docs-{RUN}").exists()
    assert not lock.texts_path(RUN).exists()


def test_where_there_is_no_memory_for_files_the_texts_are_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lock.texts_path(RUN) != lock.scratch_path(RUN)
    monkeypatch.setattr(lock, "_MEMORY", tmp_path / "none")
    assert lock.texts_path(RUN) == lock.scratch_path(RUN) == tmp_path / f"gb10docs-{RUN}"


@pytest.mark.parametrize("run", ["../victim", "/etc", "", "zz", 7, None])
def test_a_forged_record_removes_nothing(tmp_path: Path, run: object) -> None:
    """Anybody may write the file; a run's id is a hexadecimal number, and leads to no other folder."""
    victim = tmp_path / "gb10docs-.." / "victim"
    victim.mkdir(parents=True)
    (tmp_path / "victim").mkdir()
    dead_run(run=run)
    assert lock.clean() == []
    assert victim.is_dir()
    assert (tmp_path / "victim").is_dir()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\x00", b"null", b'{"run": "ab"}'])
def test_a_spoiled_file_is_no_obstacle(content: bytes) -> None:
    lock.lock_path().write_bytes(content)
    assert lock.clean() == []
    with lock.hold(lock.holder(RUN, "docs/page.md")):
        pass


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep")
    lock.lock_path().symlink_to(precious)
    with pytest.raises(BadLock, match="remove it"):
        lock.clean()
    assert precious.read_text() == "keep"


def test_others_may_use_it_too() -> None:
    before = os.umask(0o077)
    try:
        lock.clean()
    finally:
        os.umask(before)
    assert lock.lock_path().stat().st_mode & 0o777 == 0o666
