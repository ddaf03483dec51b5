"""The processes of a run: who they are, and how they are made to end.

A run marks what it starts twice, so that it is found even when it left its process group, lost its parent, or
outlived a runner that was killed: with the run's id in the environment, and with a resource limit that Linux
passes on but has not looked at since 2.4 (RLIMIT_LOCKS), which a daemon with an empty environment still has.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

RUN_ID = "[0-9a-f]{12}"
"""The one form of a run's id, as a pattern; as a number it is far from every limit that a process has by itself."""
MARK = "GB10DOCS_RUN"
"""Environment variable that holds the id of the run a process belongs to."""
GRACE = 2.0
"""Seconds between asking a process to end and killing it."""
_PR_SET_CHILD_SUBREAPER = 36
_RLIMIT_LOCKS = 10


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux `prctl`): none escapes."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid: int) -> set[int]:
    """Every process whose parent is `pid`."""
    return {process for process, fields in _stats() if int(fields[1]) == pid}


def descendants(pid: int) -> set[int]:
    """Every process below `pid`, by parent."""
    if not _has_children(pid):
        return set()
    below: dict[int, list[int]] = {}
    for process, fields in _stats():
        below.setdefault(int(fields[1]), []).append(process)
    found: set[int] = set()
    todo = [pid]
    while todo:
        for child in below.get(todo.pop(), []):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def ancestors(pid: int) -> set[int]:
    """The parent of a process, its parent, and so on."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        while pid > 1:
            pid = int(_fields(pid)[1])
            found.add(pid)
    return found


def started(pid: int) -> float | None:
    """When a process was started, in seconds since the epoch; None where there is none."""
    try:
        ticks = int(_fields(pid)[19])
        now, uptime = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, ValueError):
        return None
    return now - uptime + ticks / os.sysconf("SC_CLK_TCK")


def _has_children(pid: int) -> bool:
    """Whether a process has any; Linux lists those of each of its threads, unless it was built without that."""
    try:
        with os.scandir(f"/proc/{pid}/task") as threads:
            return any(_read(pid, f"task/{thread.name}/children") for thread in threads)
    except OSError:
        return True


@contextlib.contextmanager
def marking(run: str) -> Iterator[None]:
    """While entered, whatever is started carries the limit that marks `run`, a hexadecimal number."""
    before = resource.getrlimit(_RLIMIT_LOCKS)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(_RLIMIT_LOCKS, (int(run, 16), before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(_RLIMIT_LOCKS, before)


def marked(run: str) -> set[int]:
    """Every process that carries a mark of `run`.

    Raises:
        ValueError: That is no run's id.
    """
    if not re.fullmatch(RUN_ID, run):
        raise ValueError(f"no id of a run: {run!r}")
    variable, limit = f"{MARK}={run}".encode(), int(run, 16)
    found = set()
    for pid in _numbers():
        with contextlib.suppress(OSError):
            marked_by_limit = resource.prlimit(pid, _RLIMIT_LOCKS)[0] == limit
            if marked_by_limit or variable in _read(pid, "environ").split(b"\0"):
                found.add(pid)
    return found - {os.getpid()}


def of_run(run: str) -> set[int]:
    """Every process of a run of this very process: marked, or descended from it."""
    return marked(run) | descendants(os.getpid())


def group(pgid: int) -> set[int]:
    """Every process of a process group."""
    return {pid for pid, fields in _stats() if int(fields[2]) == pgid}


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return _fields(pid)[0] not in {"Z", "X"}
    except OSError:
        return False


def command_of(pid: int) -> str:
    """A process's command line, for a message."""
    with contextlib.suppress(OSError):
        words = _read(pid, "cmdline").decode(errors="replace").split("\0")
        return " ".join(words).strip()
    return ""


class Alarm(Protocol):
    """What tells that an ending is to be hurried; see `gb10docs.signals`."""

    pending: bool

    def fileno(self) -> int:
        """What is readable once that is so."""

    def heard(self) -> None:
        """Wait for the next."""


def stop(
    find: Callable[[], Iterable[int]], *, interrupt: bool = False, signals: Alarm | None = None
) -> set[int]:
    """Ask everything that `find` finds to end, then kill it, until nothing is left.

    Args:
        find: Asked again and again, since what is to end may start more.
        interrupt: Send SIGINT first, as Ctrl-C would.
        signals: Where one waits to be acted on, everything is killed at once.

    Returns:
        What is still alive after all that (a process in uninterruptible sleep).
    """
    ladder = [(signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)]
    found = {*find()}
    for sign, seconds in [(signal.SIGINT, GRACE / 2), *ladder] if interrupt else ladder:
        alarm = signals if sign is not signal.SIGKILL else None
        end = time.monotonic() + seconds
        while not (alarm and alarm.pending) and (living := _living(found)) and time.monotonic() < end:
            for pid in living:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, sign)
            wait(living, end, alarm)
            found = {*find()}
    _reap(found)
    return _living(found)


def _reap(pids: Iterable[int]) -> None:
    """Take leave of ended orphans that have become our children."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _living(pids: Iterable[int]) -> set[int]:
    return {pid for pid in pids if alive(pid)}


def wait(pids: Iterable[int], end: float, alarm: Alarm | None) -> None:
    """Wait until every process has ended, `end` of the monotonic clock has come, or an alarm: one after the other."""
    for pid in pids:
        left = end - time.monotonic()
        if left <= 0 or (alarm and alarm.pending):
            return
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        except OSError:  # no descriptor is free
            time.sleep(min(left, 0.01))
            continue
        try:
            _poll([descriptor, *([alarm.fileno()] if alarm else [])], left)
        finally:
            os.close(descriptor)
        if alarm:
            alarm.heard()


def _poll(descriptors: list[int], seconds: float) -> None:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    poll.poll(seconds * 1000)


def _numbers() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Each process by its number, with its fields."""
    for pid in _numbers():
        with contextlib.suppress(OSError):
            yield pid, _fields(pid)


def _fields(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` from the state on: state, parent, process group."""
    return _read(pid, "stat").decode(errors="replace").rpartition(")")[2].split()


def _read(pid: int, name: str) -> bytes:
    """A file of a process; every one is read when a run ends, so at once and by nothing in between."""
    with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123  a Path for each is slower
        return file.read()
