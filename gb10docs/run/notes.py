"""What a run would leave if it were killed: noted before it is there, and cleared away by its user's next run.

Each run keeps one file in its user's own state folder, and holds a lock on it as long as it lives; so a file that
nobody holds tells of a run that was killed. Folder and file are believed only where they are ours and nobody else may
write them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gb10docs.machine import extras, processes
from gb10docs.machine.folders import PREFIX, is_in_use, lock
from gb10docs.machine.processes import Alarm

UNCLEARED = "no Docker engine answers, so containers of a run may be left"
_MEMORY = Path("/dev/shm")  # noqa: S108  what goes there has a folder of its own, ours alone
_ROOM_BYTES = 2**24
"""What the texts of a run may need."""
_KEPT_LOGS = 20
"""Runs whose long outputs are kept."""


@dataclass
class Note:
    """What one run would leave; it says so on disk before it does."""

    run: str
    """Twelve hexadecimal digits."""
    folders: list[str]
    compose: list[str] = field(default_factory=list)
    """Compose files whose services it has started and not taken down."""
    labelled: bool = False
    """Whether containers, networks and volumes may carry its label."""
    descriptor: int | None = None
    """The descriptor of its file, which is locked; None where it could not be written."""

    def write(self) -> None:
        """Say it as it is now, in one write over all of what was said before."""
        if self.descriptor is None:
            return
        said = {"host": _host(), "folders": self.folders, "compose": self.compose, "labelled": self.labelled}
        data = json.dumps(said).encode()
        with contextlib.suppress(OSError):
            os.pwrite(self.descriptor, data.ljust(os.fstat(self.descriptor).st_size), 0)

    def note_compose(self, file: Path) -> None:
        """Note a Compose file before its services are started."""
        if str(file) not in self.compose:
            self.compose.append(str(file))
            self.write()

    def note_labelled(self) -> None:
        """Note that containers are about to carry the run's label."""
        if not self.labelled:
            self.labelled = True
            self.write()

    def take_down(self, signals: Alarm | None = None) -> list[str]:
        """Take down the projects of its Compose files, each once; returns those."""
        from gb10docs.engines import containers

        downed = []
        for file in list(self.compose):
            if Path(file).is_file():
                containers.down(Path(file), signals)
                downed.append(file)
            self.compose.remove(file)
            self.write()
        return downed

    def remove_labelled(self, signals: Alarm | None = None) -> bool:
        """Remove what carries its label; False where no engine does it, and it stays noted."""
        from gb10docs.engines import containers

        if self.labelled and containers.remove_run(self.run, signals):
            self.labelled = False
            self.write()
        return not self.labelled


def state_folder() -> Path:
    """Return where this program keeps what outlives it, for this user."""
    given = os.environ.get("XDG_STATE_HOME", "")
    try:
        return Path(given if given.startswith("/") else "~/.local/state").expanduser() / "gb10docs"
    except RuntimeError:  # this user has no home folder
        return Path(tempfile.gettempdir()) / f"gb10docs.{os.geteuid()}"


def scratch_path(run: str) -> Path:
    """The temporary folder of a run."""
    return Path(tempfile.gettempdir()) / f"{PREFIX}{run}"


def texts_path(run: str) -> Path:
    """Where the texts that a run runs are kept: in memory where there is room for them, since they are many."""
    with contextlib.suppress(OSError):
        room = os.statvfs(_MEMORY)
        if os.access(_MEMORY, os.W_OK | os.X_OK) and room.f_bavail * room.f_frsize > _ROOM_BYTES:
            return _MEMORY / f"{PREFIX}{run}"
    return scratch_path(run)


def log_path(run: str, name: str) -> str:
    """Where an output that is too long for a report is kept whole; those of many runs ago go as this one comes."""
    logs = state_folder() / "logs"
    with contextlib.suppress(OSError):
        kept = sorted((one.stat().st_mtime, one) for one in logs.iterdir() if one.name != run)
        for _, old in kept[: -_KEPT_LOGS + 1]:
            shutil.rmtree(old, ignore_errors=True)
    return f"{logs}/{run}/{name}"


@contextlib.contextmanager
def keep(run: str, folders: Sequence[Path]) -> Iterator[Note]:
    """A note for as long as a run lasts, and beyond that if something could not be cleared away."""
    note = Note(run, [str(folder) for folder in folders])
    path: Path | None = None
    try:
        path = _folder() / f"{run}.json"
        note.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(note.descriptor, fcntl.LOCK_EX)
    except OSError as error:
        print(
            f"gb10docs: what this run would leave if it were killed cannot be noted: {error}", file=sys.stderr
        )
    note.write()
    try:
        yield note
    finally:
        if note.descriptor is not None and path:
            if not (note.labelled or note.compose):
                path.unlink(missing_ok=True)
            os.close(note.descriptor)


def clear_killed() -> list[str]:
    """Clear away what this user's killed runs have left; returns what was done, in words."""
    done: list[str] = []
    with contextlib.suppress(OSError):
        for path in sorted(_folder().iterdir()):
            done += _clear_noted(path)
    return done


def clean() -> list[str]:
    """Clear away what killed runs have left, noted or not; returns what was done, in words."""
    return [*clear_killed(), *_sweep()]


def _clear_noted(path: Path) -> list[str]:
    """What one file notes, unless its run lives, or a file of that name is none that we have written."""
    if not re.fullmatch(rf"{processes.RUN_ID}\.json", path.name):
        return []
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        if not (_is_trusted(os.fstat(descriptor), stat.S_ISREG) and lock(descriptor)):
            return []
        note = _read(path.stem, descriptor)
        if note is None:
            return []
        done = _clear(note)
        if note.labelled:
            told = extras.missing("docker")
            left = f"containers of a run may be left: {told}" if told else f"{UNCLEARED}: start it"
            return [*done, f"{left}, and clean again"]
        path.unlink(missing_ok=True)
        return done
    finally:
        os.close(descriptor)


def _clear(note: Note) -> list[str]:
    """End the processes, containers and folders of a run that is no more."""
    done = []
    left = processes.marked(note.run)
    if left:
        processes.stop(lambda: processes.marked(note.run))
        done.append(f"ended {len(left)} process{'es' * (len(left) > 1)} of run {note.run}")
    done += [f"stopped the containers of {file}" for file in note.take_down()]
    if note.labelled and note.remove_labelled():
        done.append("removed the containers, networks and volumes of stand-ins")
    logs = state_folder() / "logs" / note.run
    folders = [Path(folder) for folder in note.folders if Path(folder).name == f"{PREFIX}{note.run}"]
    for folder in filter(_is_ours, [*folders, logs]):
        shutil.rmtree(folder, ignore_errors=True)
        done.append(f"removed {folder}")
    return done


def _sweep() -> list[str]:
    """Remove temporary folders of ours that no process uses, such as a notebook's."""
    done = []
    for place in {Path(tempfile.gettempdir()), _MEMORY}:
        for folder in sorted(place.glob(f"{PREFIX}*")):
            if _is_ours(folder) and folder.is_dir() and not folder.is_symlink() and not is_in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)
                done.append(f"removed {folder}")
    return done


def _folder() -> Path:
    """The folder of this user's notes.

    Raises:
        OSError: It cannot be made, or others could write it.
    """
    folder = state_folder() / f"runs-{os.geteuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_trusted(folder.lstat(), stat.S_ISDIR):
        raise PermissionError(f"{folder}: is no folder of this user's alone: remove it")
    return folder


def _read(run: str, descriptor: int) -> Note | None:
    """A note as it was left, as far as it can be read; None where it is another machine's."""
    said: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        said = json.loads(os.pread(descriptor, 2**20, 0))
    if not isinstance(said, dict):
        said = {}
    if said.get("host", _host()) != _host():
        return None
    return Note(
        run, _texts(said, "folders"), _texts(said, "compose"), said.get("labelled") is True, descriptor
    )


def _texts(said: dict[str, Any], name: str) -> list[str]:
    value = said.get(name)
    return (
        [one for one in value if isinstance(one, str) and "\0" not in one] if isinstance(value, list) else []
    )


def _host() -> str:
    """A home folder may be shared by several machines, and each run's rest is on one."""
    return os.uname().nodename


def _is_trusted(status: os.stat_result, is_kind: Any) -> bool:
    """Whether it is ours, and nobody else may write it."""
    return bool(is_kind(status.st_mode)) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return path.lstat().st_uid == os.geteuid()
    return False
