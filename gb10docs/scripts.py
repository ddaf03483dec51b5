"""Python steps: each a complete script in a fresh interpreter state, under the `python` of its session.

Where that `python` is our own interpreter, a warm process forks for each script (1 to 3 ms); any other is started
anew, as is ours where the session sets a variable that only a starting interpreter reads.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gb10docs import processes
from gb10docs.errors import GB10DocsError
from gb10docs.sessions import Ending, Execution, Surroundings
from gb10docs.streams import Capture, Pump

_SERVER = Path(__file__).with_name("forkserver.py")


class NoPython(GB10DocsError):
    """A session whose PATH holds no `python`."""


class Scripts:
    """Runs Python snippets."""

    def __init__(self, pump: Pump, environment: Mapping[str, str], preload: Iterable[str]) -> None:
        self._pump = pump
        self._environment = environment
        self._preload = sorted(set(preload))
        self._warm: _Warm | None = None

    def begin(self, copy: Path, around: Surroundings, stdout: Capture, stderr: Capture) -> Execution:
        """Start the frozen copy of a snippet."""
        if not around.python:
            raise NoPython("the session has no `python` on its PATH: activate an environment, or install python-is-python3")
        if self._is_ours(around):
            warm = self._warm_for(around.python)
            return _Forked(warm, self._pump, copy, around, stdout, stderr)
        return _Started(self._pump, copy, around, stdout, stderr)

    def close(self) -> None:
        """End the warm interpreter."""
        if self._warm:
            self._warm.close()
            self._warm = None

    def _is_ours(self, around: Surroundings) -> bool:
        read_at_start = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONHASHSEED", "PYTHONOPTIMIZE", "PYTHONWARNINGS"}
        changed = {name for name in read_at_start if around.environment.get(name) != self._environment.get(name)}
        return not changed and os.path.realpath(around.python) == os.path.realpath(sys.executable)

    def _warm_for(self, python: str) -> _Warm:
        if self._warm is None or not self._warm.fits(python):
            self.close()
            self._warm = _Warm(python, self._environment, self._preload)
        return self._warm


class _Warm:
    """The warm interpreter, good until another `python` is asked for or a package is installed beside it."""

    def __init__(self, python: str, environment: Mapping[str, str], preload: list[str]) -> None:
        self.channel, theirs = socket.socketpair()
        self._python = python
        self._packages = self._changed()
        self.process = subprocess.Popen(
            [python, str(_SERVER), str(theirs.fileno()), *preload],
            env=dict(environment),
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()

    def fits(self, python: str) -> bool:
        return python == self._python and self._packages == self._changed() and self.process.poll() is None

    def close(self) -> None:
        self.channel.close()
        processes.stop(lambda: processes.group(self.process.pid))
        self.process.wait()

    def _changed(self) -> list[int]:
        libraries = Path(self._python).parent.parent.glob("lib/python*/site-packages")
        return [folder.stat().st_mtime_ns for folder in libraries]


class _Forked(Execution):
    """A script in a child of the warm interpreter."""

    def __init__(
        self, warm: _Warm, pump: Pump, copy: Path, around: Surroundings, stdout: Capture, stderr: Capture
    ) -> None:
        super().__init__(stdout, stderr)
        self._warm, self._pump = warm, pump
        self._reads = []
        empty = os.open(os.devnull, os.O_RDONLY)
        given = [empty]
        for capture in (stdout, stderr):
            read, write = os.pipe()
            pump.add(read, capture)
            self._reads.append(read)
            given.append(write)
        request = {"script": str(copy), "cwd": around.cwd, "environment": dict(around.environment)}
        socket.send_fds(warm.channel, [json.dumps(request).encode() + b"\n"], given)
        for descriptor in given:
            os.close(descriptor)
        warm.channel.setblocking(False)
        pump.watch(warm.channel.fileno())
        self._answer = b""
        self._gone = False

    def done(self) -> bool:
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            answer = self._warm.channel.recv(4096)
            self._answer += answer
            self._gone = not answer
        return self._gone or self._answer.count(b"\n") == 2

    def ending(self) -> Ending:
        self._settle()
        lines = self._answer.split()
        code = int(lines[1]) if len(lines) > 1 else 1
        return Ending(128 - code if code < 0 else code)

    def kill(self) -> None:
        lines = self._answer.split()
        group = int(lines[0]) if lines else self._warm.process.pid
        processes.stop(lambda: processes.group(group), interrupt=True)
        self._settle()
        self._warm.close()

    def _settle(self) -> None:
        self._pump.forget(self._warm.channel.fileno())
        self._warm.channel.setblocking(True)
        for read in self._reads:
            self._pump.drain(read)


class _Started(Execution):
    """A script in an interpreter of its own."""

    def __init__(self, pump: Pump, copy: Path, around: Surroundings, stdout: Capture, stderr: Capture) -> None:
        super().__init__(stdout, stderr)
        self._pump = pump
        self._reads = []
        writes = []
        for capture in (stdout, stderr):
            read, write = os.pipe()
            pump.add(read, capture)
            self._reads.append(read)
            writes.append(write)
        self._process = subprocess.Popen(
            [around.python, str(copy)],
            cwd=around.cwd,
            env=dict(around.environment),
            stdin=subprocess.DEVNULL,
            stdout=writes[0],
            stderr=writes[1],
            start_new_session=True,
        )
        for write in writes:
            os.close(write)
        self._alive = os.pidfd_open(self._process.pid)
        pump.watch(self._alive)

    def done(self) -> bool:
        return self._process.poll() is not None

    def ending(self) -> Ending:
        self._settle()
        code = self._process.wait()
        return Ending(128 - code if code < 0 else code)

    def kill(self) -> None:
        group = self._process.pid
        processes.stop(lambda: processes.group(group), interrupt=True)
        self._process.wait()
        self._settle()

    def _settle(self) -> None:
        self._pump.forget(self._alive)
        os.close(self._alive)
        for read in self._reads:
            self._pump.drain(read)
