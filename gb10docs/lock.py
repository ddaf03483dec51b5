"""One run at a time on a machine: the lock, its holder, and what a run that was killed left behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gb10docs import processes
from gb10docs.errors import GB10DocsError


class Busy(GB10DocsError):
    """Another run holds the machine."""


@dataclass
class Holder:
    """Who holds the lock, and what has to be cleared away if it dies."""

    run: str
    pid: int
    page: str
    user: str
    started: str
    scratch: str
    compose: list[str] = field(default_factory=list)
    """Compose files whose services it started."""


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


def lock_path() -> Path:
    """One file a machine, since the ports of the pages are one set a machine."""
    return Path(tempfile.gettempdir()) / "gb10docs.lock"


@contextlib.contextmanager
def hold(holder: Holder) -> Iterator[Lock]:
    """Hold the machine, after clearing away what a killed run left.

    Raises:
        Busy: Another run holds it; the message names that run.
    """
    descriptor = _open()
    try:
        if not _take(descriptor):
            raise Busy(_busy(_read(descriptor)))
        dead = _read(descriptor)
        if dead:
            clear(dead)
        yield Lock(descriptor, holder)
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def clean() -> list[str]:
    """Clear away what a killed run left; returns what was done, in words."""
    descriptor = _open()
    try:
        if not _take(descriptor):
            raise Busy(_busy(_read(descriptor)))
        dead = _read(descriptor)
        done = clear(dead) if dead else []
        os.ftruncate(descriptor, 0)
        return done
    finally:
        os.close(descriptor)


def clear(dead: Holder) -> list[str]:
    """End the processes, containers and temporary folder of a run that is no more."""
    from gb10docs import containers

    done = []
    left = processes.marked(dead.run)
    if left:
        processes.stop(lambda: processes.marked(dead.run))
        done.append(f"ended {len(left)} processes of run {dead.run}")
    for file in dead.compose:
        containers.down(Path(file))
        done.append(f"stopped the containers of {file}")
    if Path(dead.scratch).is_dir():
        shutil.rmtree(dead.scratch, ignore_errors=True)
        done.append(f"removed {dead.scratch}")
    return done


def _open() -> int:
    path = lock_path()
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, 0o666)
        return descriptor


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> Holder | None:
    with contextlib.suppress(json.JSONDecodeError, TypeError):
        return Holder(**json.loads(os.pread(descriptor, 2**16, 0) or b"{}"))
    return None


def _busy(holder: Holder | None) -> str:
    who = f"process {holder.pid} of {holder.user}, running {holder.page} since {holder.started}" if holder else "another"
    return f"one run at a time: {who} holds this machine; wait for it, or stop it (lock: {lock_path()})"


def now() -> str:
    """The time of day for a message."""
    return time.strftime("%H:%M:%S")
