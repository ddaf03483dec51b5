"""One run at a time on a machine: the lock, its holder, and what a run that was killed left behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gb10docs import processes
from gb10docs.errors import GB10DocsError

_MEMORY = Path("/dev/shm")  # noqa: S108  what goes there has a folder of its own, ours alone
UNCLEARED = "no Docker engine answers, so containers of a run may be left"


class Busy(GB10DocsError):
    """Another run holds the machine."""


class BadLock(GB10DocsError):
    """The lock's file is no file that we can open."""


@dataclass
class Holder:
    """Who holds the lock, and what has to be cleared away if it dies."""

    run: str
    pid: int
    page: str
    user: str
    started: str
    compose: list[str] = field(default_factory=list)
    """Compose files whose services it started."""
    labelled: list[str] = field(default_factory=list)
    """Runs whose label containers, networks and volumes may carry: its own, and any that could not be cleared."""


class Lock:
    """Held for a run; its file says by whom."""

    def __init__(self, descriptor: int, holder: Holder) -> None:
        self._descriptor = descriptor
        self.holder = holder
        self.write()

    def write(self) -> None:
        """Record the holder as it is now."""
        data = json.dumps(asdict(self.holder)).encode()
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))

    def note_compose(self, file: Path) -> None:
        """Record a Compose file before its services are started."""
        if str(file) not in self.holder.compose:
            self.holder.compose.append(str(file))
            self.write()

    def note_labelled(self) -> None:
        """Record that containers are about to carry its label."""
        if self.holder.run not in self.holder.labelled:
            self.holder.labelled.append(self.holder.run)
            self.write()

    def remove_labelled(self) -> bool:
        """Remove what carries its label; False where no engine does it, and it stays recorded."""
        return _remove_labelled(self.holder)

    def release(self) -> None:
        """Leave nothing in the file but what is still to be cleared away."""
        self.holder.compose.clear()
        if self.holder.labelled:
            self.write()
        else:
            os.ftruncate(self._descriptor, 0)


def lock_path() -> Path:
    """One file a machine, since the ports of the pages are one set a machine."""
    return Path(tempfile.gettempdir()) / "gb10docs.lock"


def scratch_path(run: str) -> Path:
    """The temporary folder of a run."""
    return Path(tempfile.gettempdir()) / f"gb10docs-{run}"


def texts_path(run: str) -> Path:
    """Where the texts that a run runs are kept: in memory if the machine has a folder there, since they are many."""
    return _MEMORY / f"gb10docs-{run}" if os.access(_MEMORY, os.W_OK | os.X_OK) else scratch_path(run)


@contextlib.contextmanager
def hold(holder: Holder) -> Iterator[Lock]:
    """Hold the machine, after clearing away what a killed run left.

    Raises:
        Busy: Another run holds it; the message names that run.
    """
    with _taken() as descriptor:
        dead = _read(descriptor)
        if dead:
            clear(dead)
            holder.labelled += dead.labelled
        lock = Lock(descriptor, holder)
        yield lock
        lock.release()


def clean() -> list[str]:
    """Clear away what a killed run left; returns what was done, in words."""
    with _taken() as descriptor:
        dead = _read(descriptor)
        if not dead:
            os.ftruncate(descriptor, 0)
            return []
        done = clear(dead)
        Lock(descriptor, dead).release()
        return done + [f"{UNCLEARED}: start it, and clean again" for _ in dead.labelled[:1]]


@contextlib.contextmanager
def _taken() -> Iterator[int]:
    """The lock's file, held; it is never removed, so that all who wait hold the same."""
    descriptor = _open()
    try:
        if not _take(descriptor):
            raise Busy(_busy(_read(descriptor)))
        yield descriptor
    finally:
        os.close(descriptor)


def clear(dead: Holder) -> list[str]:
    """End the processes, containers and temporary folder of a run that is no more.

    Everybody may write the lock's file, so nothing of ours is removed or stopped on its word alone.
    """
    from gb10docs import containers

    done = []
    left = processes.marked(dead.run)
    if left:
        processes.stop(lambda: processes.marked(dead.run))
        done.append(f"ended {len(left)} process{'es' * (len(left) > 1)} of run {dead.run}")
    for file in filter(_is_ours, map(Path, dead.compose)):
        containers.down(file)
        done.append(f"stopped the containers of {file}")
    if dead.labelled and _remove_labelled(dead):
        done.append("removed the containers, networks and volumes of stand-ins")
    for folder in filter(_is_ours, (scratch_path(dead.run), texts_path(dead.run))):
        shutil.rmtree(folder, ignore_errors=True)
        done.append(f"removed {folder}")
    return done


def _remove_labelled(holder: Holder) -> bool:
    """Whether nothing is left to clear; only what carries a run's label is ever touched."""
    from gb10docs import containers

    holder.labelled = [run for run in holder.labelled if not containers.remove_run(run)]
    return not holder.labelled


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.lstat().st_uid == os.getuid()
    return False


def _open() -> int:
    path, flags = lock_path(), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, 0o666)
        return descriptor
    except OSError as error:
        raise BadLock(
            f"{path}: cannot be used as the lock of this machine: {error.strerror}: remove it"
        ) from error


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> Holder | None:
    """Who holds it or held it last; None where nobody does, or the file holds something else."""
    with contextlib.suppress(ValueError, TypeError):
        holder = Holder(**json.loads(os.pread(descriptor, 2**16, 0)))
        int(holder.run, 16)
        return holder
    return None


def _busy(holder: Holder | None) -> str:
    who = (
        f"process {holder.pid} of {holder.user}, running {holder.page} since {holder.started}"
        if holder
        else "another"
    )
    return f"one run at a time: {who} holds this machine; wait for it, or stop it (lock: {lock_path()})"


def holder(run: str, page: str) -> Holder:
    """This very process, about to run a page."""
    with contextlib.suppress(KeyError):
        return Holder(run, os.getpid(), page, pwd.getpwuid(os.getuid()).pw_name, time.strftime("%H:%M:%S"))
    return Holder(run, os.getpid(), page, str(os.getuid()), time.strftime("%H:%M:%S"))
