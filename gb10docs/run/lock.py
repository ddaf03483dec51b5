"""One run at a time on a machine, since the ports of the pages are one set on it.

The lock is an abstract Unix socket that listens and never answers. Its name belongs to the network namespace, as the
ports do; Linux frees it however its holder ends; and what is said of the holder (SO_PEERCRED) comes from Linux too, so
nothing that another user can write is ever believed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from gb10docs.machine import processes
from gb10docs.run import CannotRun

NAME = "\0gb10docs"
_CALLERS = 4096
"""Those who ask who holds the lock; nobody answers them, and whoever comes after so many is not told."""
_PATIENCE_S = 1.0
"""How long a holder may be about to listen, or to end."""


class Holder(NamedTuple):
    """The process that holds the lock, as Linux tells it."""

    pid: int
    """0 where it is in a container that we cannot look into."""
    user: str

    def __str__(self) -> str:
        if not self.pid:
            return f"a process of {self.user} in a container"
        command, since = processes.command_of(self.pid), processes.started(self.pid)
        shown = f" ({_on_one_line(command)})" if command else ""
        when = time.strftime(" since %Y-%m-%d %H:%M:%S", time.localtime(since)) if since else ""
        return f"process {self.pid} of {self.user}{shown}{when}"


@contextlib.contextmanager
def hold() -> Iterator[None]:
    """Hold the machine; a run that was started inside a run takes part in that one's lock.

    Raises:
        CannotRun: Another run holds it; the message names that run.
    """
    with socket.socket(socket.AF_UNIX) as held:
        if not _take(held):
            holder = _holder()
            if not (holder and holder.pid in processes.ancestors(os.getpid())):
                who = holder or "another run"
                raise CannotRun(f"one run at a time: {who} holds this machine: wait for it, or stop it")
        yield


def _take(held: socket.socket) -> bool:
    """Whether the lock is ours now; one whose holder is just ending is waited for."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            held.bind(NAME)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            held.listen(_CALLERS)
            return True
        if _is_listening() or time.monotonic() > end:
            return False
        time.sleep(0.01)


def _is_listening() -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.setblocking(False)
        try:
            caller.connect(NAME)
        except ConnectionRefusedError:
            return False
        except BlockingIOError:
            pass
        return True


def _holder() -> Holder | None:
    """Who holds the lock; None where nobody does any more, or too many have asked."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.setblocking(False)
        try:
            caller.connect(NAME)
        except OSError:
            return None
        credentials = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", credentials)
    return Holder(pid, _name_of(uid))


def _name_of(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return f"user {uid}"


def _on_one_line(command: str, most: int = 120) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in command)
    return shown if len(shown) <= most else f"{shown[:most]}…"
