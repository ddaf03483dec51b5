"""A session: one persistent bash that steps run in, one after the other, as a reader's terminal would.

The runner sends bash one line a step through a pipe that only bash reads, and bash answers with one record through a
second pipe; the snippet's own streams are two more, made anew for each step. Nothing of it is inherited by what the
snippet starts. `driver.bash` holds the bash half.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from gb10docs import processes
from gb10docs.errors import GB10DocsError
from gb10docs.streams import Capture, Pump

_DRIVER = resources.files("gb10docs").joinpath("driver.bash")


class SessionLost(GB10DocsError):
    """A session's bash does not answer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a step failed: a line of the frozen copy, and which part of a pipe, both counted from 1."""

    line: int
    part: int
    parts: int
    file: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a step's command ended."""

    exit_code: int
    failures: tuple[Failure, ...] = ()
    """Innermost first."""
    closed: bool = False
    """The shell itself ended: `exit`, `exec`, an unbound variable under `set -u`, or a signal."""
    guard_removed: bool = False
    """The snippet took away the trap or the options by which failures are seen."""


class Execution:
    """A command that has been started; `pump.run(execution.done, deadline)` waits for it."""

    def __init__(self, stdout: Capture, stderr: Capture) -> None:
        self.stdout = stdout
        self.stderr = stderr

    def done(self) -> bool:
        """Whether the command has ended."""
        raise NotImplementedError

    def ending(self) -> Ending:
        """How it ended; call it once, after `done`."""
        raise NotImplementedError

    def kill(self) -> None:
        """Interrupt it, then make it end."""
        raise NotImplementedError


class Session:
    """One bash process; a fresh one is started when the last has ended."""

    def __init__(self, cwd: Path, environment: Mapping[str, str], pump: Pump) -> None:
        self._cwd = cwd
        self._environment = environment
        self._pump = pump
        self._process: subprocess.Popen[bytes] | None = None
        self._tracing = ""
        self._answer = b""
        self._known: Surroundings | None = None

    def begin(self, copy: Path, stdout: Capture, stderr: Capture) -> BashExecution:
        """Start the frozen copy of a snippet."""
        self._ensure()
        self._known = None
        tracing, self._tracing = self._tracing, ""
        if tracing:
            copy.write_text(f"set -{tracing}; {copy.read_text()}")
        ends = []
        for capture in (stdout, stderr):
            read, write = os.pipe()
            self._pump.add(read, capture)
            ends.append((read, write))
        paths = [f"{_OURS}{write}" for _, write in ends]
        self._answer = b""
        self._send(
            f"__gb10docs_arm; builtin set +xv\n"
            f"{{ . {shlex.quote(str(copy))}; }} </dev/null >{paths[0]} 2>{paths[1]}; "
            f'__gb10docs_report "$?" "$-" >{_OURS}{self._answer_write}\n'
        )
        return BashExecution(self, ends, stdout, stderr)

    def surroundings(self) -> Surroundings:
        """Working directory, exported variables and `python` of the session, for a Python step."""
        self._ensure()
        if self._known is not None:
            return self._known
        self._answer = b""
        self._send(f"builtin set +xv; __gb10docs_environment >{_OURS}{self._answer_write}\n")
        if not self._pump.run(lambda: self._answered(3), time.monotonic() + 10):
            raise SessionLost("the bash session does not answer")
        self._known = _surroundings(self._answer)
        return self._known

    def close(self, *, interrupt: bool = False) -> None:
        """End the shell and whatever is in its process group."""
        if self._process is None:
            return
        group = self._process.pid
        processes.stop(lambda: processes.group(group), interrupt=interrupt)
        self._ended()

    def _ensure(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None:
            self._ended()
            self._known = None
        script_read, self._script = os.pipe()
        self._answer_read, self._answer_write = os.pipe()
        os.set_blocking(self._answer_read, False)
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", f"{_OURS}{script_read}"],
            cwd=self._cwd,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._alive = os.pidfd_open(self._process.pid)
        self._pump.watch(self._alive)
        self._pump.watch(self._answer_read)
        self._script_read = script_read
        self._send(f"{_DRIVER.read_text()}\n")

    def _ended(self) -> None:
        assert self._process is not None
        self._pump.forget(self._alive)
        self._pump.forget(self._answer_read)
        for descriptor in (self._alive, self._answer_read, self._answer_write, self._script, self._script_read):
            os.close(descriptor)
        self._process.wait()
        self._process = None
        self._tracing = ""

    def _send(self, line: str) -> None:
        os.write(self._script, line.encode())

    def _answered(self, fields: int) -> bool:
        """Whether the record is complete; the shell's end counts as an answer too."""
        assert self._process is not None
        gone = self._process.poll() is not None
        while True:
            try:
                self._answer += os.read(self._answer_read, 2**16)
            except BlockingIOError:
                return gone or self._answer.count(b"\0") >= fields


class BashExecution(Execution):
    """A step that runs in a session."""

    def __init__(self, session: Session, ends: list[tuple[int, int]], stdout: Capture, stderr: Capture) -> None:
        super().__init__(stdout, stderr)
        self._session = session
        self._ends = ends

    def done(self) -> bool:
        return self._session._answered(5)

    def ending(self) -> Ending:
        session = self._session
        for read, write in self._ends:
            os.close(write)
            session._pump.drain(read)
        fields = session._answer.decode(errors="replace").split("\0")
        if len(fields) < 6:
            assert session._process is not None
            code = session._process.wait()
            session._ended()
            return Ending(128 - code if code < 0 else code, closed=True)
        status, flags, options, failures, trap = fields[:5]
        session._tracing = "".join(flag for flag in "xv" if flag in flags)
        armed = "__gb10docs_failed" in trap and {"errtrace", "pipefail"} <= set(options.split(":"))
        return Ending(int(status), tuple(_failures(failures)), guard_removed=not armed)

    def kill(self) -> None:
        self._session.close(interrupt=True)
        for read, write in self._ends:
            os.close(write)
            self._session._pump.drain(read)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a Python step inherits from its session."""

    cwd: str
    python: str
    """Path of `python` on the session's PATH, empty if there is none."""
    environment: Mapping[str, str]


def _failures(text: str) -> list[Failure]:
    found = []
    for line in text.splitlines():
        number, part, parts, file = line.split(" ", 3)
        found.append(Failure(int(number), int(part), int(parts), file))
    return found


def _surroundings(answer: bytes) -> Surroundings:
    cwd, python, exports, _ = answer.decode(errors="surrogateescape").split("\0")
    declared = re.finditer(r'^declare -\S+ (\w+)=(?:"((?:[^"\\]|\\.)*)"|\$\'((?:[^\'\\]|\\.)*)\')$', exports, re.M | re.S)
    environment = {}
    for match in declared:
        name, double, ansi = match.groups()
        environment[name] = re.sub(r'\\([$`"\\])', r"\1", double) if ansi is None else _ansi(ansi)
    return Surroundings(cwd, python.strip("\n"), environment)


def _ansi(text: str) -> str:
    """The value of a bash `$'…'` word: `declare -p` writes one where a value holds control characters."""
    simple = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}

    def value(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "01234567":
            return bytes([int(code, 8) & 0xFF]).decode(errors="surrogateescape")
        return simple.get(code, code)

    return re.sub(r"\\([0-7]{1,3}|.)", value, text, flags=re.S)


def signal_name(exit_code: int) -> str:
    """`SIGKILL` for 137, empty for a code that is no signal."""
    try:
        return signal.Signals(exit_code - 128).name if exit_code > 128 else ""
    except ValueError:
        return ""


_OURS = f"/proc/{os.getpid()}/fd/"
