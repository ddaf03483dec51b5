"""Python steps: each a complete script in a fresh interpreter state, under the `python` of its session.

Where that `python` is our own interpreter, a warm process has forked for the next script before it is asked to; any
other is started anew, as is ours where the session sets a variable that only a starting interpreter reads.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from gb10docs.machine import processes
from gb10docs.run import CannotRun
from gb10docs.run.execution import Execution, ExitResult
from gb10docs.run.shell_context import ShellContext
from gb10docs.run.streams import Capture, Pump, path_of

PRELOADED = frozenset({"openai", "httpx", "pydantic"})
"""Imported before the fork if a snippet declares it: slow to import, without threads or state of its own."""
_CHUNK = 2**12
_SETTLE_S = 60.0
"""Longest that Linux may take to clear a script's process away before another interpreter is warmed up."""
_SERVER = Path(__file__).with_name("forkserver.py")
_READ_AT_START = re.compile(r"PYTHON|LC_|LANG|LD_|TZ$")


class Scripts:
    """Runs Python snippets."""

    def __init__(self, pump: Pump, environment: Mapping[str, str], dependencies: Iterable[str]) -> None:
        """Take the environment of sessions, and what the snippets declare that they depend on.

        The `python` that a session begins with is warmed up now if it is ours, so that it is warm when it is needed.
        """
        self._pump = pump
        self._environment = environment
        names = {re.split(r"[^\w-]", dependency, maxsplit=1)[0] for dependency in dependencies}
        self._preload = sorted(names & PRELOADED)
        self._start = _read_at_start(environment)
        self._warm: _Warm | None = None
        self._judged: tuple[ShellContext, bool] | None = None
        python = shutil.which("python", path=environment.get("PATH", ""))
        if python and _is_this(python):
            self._warm_for(python)

    def begin(self, copy: str, around: ShellContext, stdout: Capture, stderr: Capture) -> Execution:
        """Start the frozen copy of a snippet.

        Raises:
            CannotRun: There is none to start.
        """
        if not around.python:
            raise CannotRun(
                "the session has no `python` on its PATH: activate an environment, or install one"
            )
        if self._is_ours(around):
            return _Forked(self._warm_for(around.python), self._pump, copy, around, stdout, stderr)
        return _Started(self._pump, copy, around, stdout, stderr)

    def settle(self) -> None:
        """Wait until nothing is left of the last script: it has ended before that."""
        if self._warm:
            self._warm.settle()

    def close(self) -> None:
        """End the warm interpreter."""
        if self._warm:
            self._warm.close()
            self._warm = None

    def _is_ours(self, around: ShellContext) -> bool:
        if self._judged is None or self._judged[0] is not around:
            same_start = _read_at_start(around.environment) == self._start
            self._judged = around, same_start and _is_this(around.python)
        return self._judged[1]

    def _warm_for(self, python: str) -> _Warm:
        if self._warm is None or not self._warm.fits(python):
            self.close()
            self._warm = _Warm(self._pump, python, self._environment, self._preload)
        return self._warm


class _Warm:
    """The warm interpreter, good until another `python` is asked for or a package is installed beside it."""

    def __init__(self, pump: Pump, python: str, environment: Mapping[str, str], preload: list[str]) -> None:
        self._pump, self._python, self._environment = pump, python, dict(environment)
        self._libraries = list(Path(python).parent.parent.glob("lib/python*/site-packages"))
        self._packages = self._changed()
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        os.set_blocking(self._answers, False)
        nowhere, output = os.pipe()
        self.process = subprocess.Popen(
            [python, str(_SERVER), str(requests), str(answers), *preload],
            env=self._environment,
            pass_fds=(requests, answers),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        for descriptor in (requests, answers, nowhere, output):
            os.close(descriptor)
        self._open: tuple[int, ...] = (self._requests, self._answers)
        self.exit_code: int | None = None
        """The status of the last script, once it has ended; that of the interpreter itself if it is no more."""
        self._asked = 0
        """Which child that was, counted from the first."""
        self._is_idle = True
        """Whether nothing of that script is left."""
        self._is_lost = False
        self._differs: tuple[Mapping[str, str], dict[str, dict[str, str] | list[str]]] | None = None

    def fits(self, python: str) -> bool:
        """Whether it would run a script as a new process of `python` does."""
        self.listen()
        return python == self._python and self._packages == self._changed() and not self._is_lost

    def ask(self, copy: str, around: ShellContext, streams: list[str]) -> None:
        """Let it run a script whose standard output and error go to these paths."""
        request = {
            "script": copy,
            "cwd": around.cwd,
            "umask": around.umask,
            "stdout": streams[0],
            "stderr": streams[1],
            **self._differences(around.environment),
        }
        self.exit_code, self._is_idle = None, False
        self._asked += 1
        self._pump.watch(self._answers)
        with contextlib.suppress(BrokenPipeError), open(self._requests, "wb", closefd=False) as pipe:
            marshal.dump(request, pipe)

    def _differences(self, wanted: Mapping[str, str]) -> dict[str, dict[str, str] | list[str]]:
        """From the environment that it was started in; most steps leave theirs as it was."""
        if self._differs is None or self._differs[0] is not wanted:
            changed = dict(wanted.items() - self._environment.items())
            self._differs = wanted, {"set": changed, "unset": list(self._environment.keys() - wanted.keys())}
        return self._differs[1]

    def listen(self) -> None:
        """Take in what it has said."""
        if not self._open:
            return
        try:
            said = os.read(self._answers, _CHUNK)
        except BlockingIOError:
            return
        for line in said.splitlines():
            self._hear(line)
        if not said:
            self.exit_code = self.process.wait() or -signal.SIGKILL
            self.close()

    def _hear(self, line: bytes) -> None:
        """Take the news of a child: one before the last is no news; one after the last has ended while it waited."""
        number, code = map(int, line.removeprefix(b"~").split())
        self._is_lost = self._is_lost or number > self._asked or code < 0
        if number == self._asked:
            self.exit_code = code
            if not line.startswith(b"~"):
                self._rest()

    def settle(self) -> None:
        """Wait until nothing is left of the last script."""
        if not self._pump.run(self._has_settled, time.monotonic() + _SETTLE_S):
            self._is_lost = True

    def close(self) -> None:
        """End it; its children end with it, and one that may have taken a request which was not its own is killed."""
        astray = processes.children(self.process.pid) if self._is_lost else ()
        for pid in astray:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._rest()
        for descriptor in self._open:
            os.close(descriptor)
        self._open, self._is_lost = (), True
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(processes.GRACE)

    def _rest(self) -> None:
        """Nothing of the last script is left, and nothing is expected until the next one."""
        if not self._is_idle:
            self._pump.forget(self._answers)
        self._is_idle = True

    def _has_settled(self) -> bool:
        if not self._is_idle:
            self.listen()
        return self._is_idle

    def _changed(self) -> list[int]:
        return [folder.stat().st_mtime_ns for folder in self._libraries]


class _Forked(Execution):
    """A script in a child of the warm interpreter."""

    def __init__(
        self, warm: _Warm, pump: Pump, copy: str, around: ShellContext, stdout: Capture, stderr: Capture
    ) -> None:
        super().__init__(pump, stdout, stderr)
        self._warm = warm
        warm.ask(copy, around, [path_of(write) for write in self._writes])

    def _has_ended(self) -> bool:
        self._warm.listen()
        return self._warm.exit_code is not None

    def _take_ending(self) -> ExitResult:
        code = self._warm.exit_code
        assert code is not None
        return ExitResult(128 - code if code < 0 else code)

    def _make_end(self) -> None:
        children = processes.children(self._warm.process.pid)
        self._pump.stop(lambda: {pid for child in children for pid in processes.group(child)}, interrupt=True)
        self._warm.close()


class _Started(Execution):
    """A script in an interpreter of its own."""

    def __init__(self, pump: Pump, copy: str, around: ShellContext, stdout: Capture, stderr: Capture) -> None:
        super().__init__(pump, stdout, stderr)
        out, err = self._writes
        try:
            self._process = subprocess.Popen(
                [around.python, copy],
                cwd=around.cwd,
                env=dict(around.environment),
                umask=around.umask,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            raise CannotRun(f"{around.python}: cannot be started: {error.strerror}") from error
        finally:
            self._close_writes()
        self._alive = os.pidfd_open(self._process.pid)
        pump.watch(self._alive)

    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    def _take_ending(self) -> ExitResult:
        code = self._process.wait()
        return ExitResult(128 - code if code < 0 else code)

    def _make_end(self) -> None:
        group = self._process.pid
        self._pump.stop(lambda: processes.group(group), interrupt=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(processes.GRACE)

    def _close(self) -> None:
        self._pump.forget(self._alive)
        os.close(self._alive)
        super()._close()


def _is_this(python: str) -> bool:
    """Whether a path leads to our own interpreter."""
    return os.path.realpath(python) == os.path.realpath(sys.executable)


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that only a starting interpreter reads."""
    return {name: value for name, value in environment.items() if _READ_AT_START.match(name)}
