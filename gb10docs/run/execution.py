"""A command that a step runs: how it is started, how it ends, and how it is made to end."""

from __future__ import annotations

import os
import signal
from typing import NamedTuple

from gb10docs.run.streams import Capture, Pump


class Failure(NamedTuple):
    """Where a step failed: a line of the frozen copy, and which part of a pipe, both counted from 1."""

    line: int
    """0 where the snippet has taken `LINENO` away."""
    part: int
    parts: int
    """0 where the redirection of a compound command failed: bash then names the line of an earlier command."""
    file: str


class ExitResult(NamedTuple):
    """How a step's command ended."""

    exit_code: int
    failures: tuple[Failure, ...] = ()
    """Innermost first."""
    closed: bool = False
    """The shell itself ended: `exit`, `exec`, an unbound variable under `set -u`, or a signal."""
    guard_removed: bool = False
    """The snippet took away the trap or the options by which failures are seen."""
    strict: bool = True
    """`set -e` was in force at the end: what has failed then is in `failures`."""
    speechless: bool = False
    """Bash has done its lines and could not report: the snippet took away what it reports with."""
    given_up: bool = False
    """Bash has left the file halfway, as it does at some errors, and has not said where."""


KILLED = ExitResult(128 + signal.SIGKILL, closed=True)


class Execution:
    """A command: started as it is made, ended once `done` says so, and closed by `ending` or `kill`.

    Each of these may be called whenever and however often; what it does, it does once.
    """

    def __init__(self, pump: Pump, stdout: Capture, stderr: Capture) -> None:
        """Open the two pipes into which the command is to write."""
        self.stdout = stdout
        self.stderr = stderr
        self._pump = pump
        self._ending: ExitResult | None = None
        self._reads: list[int] = []
        self._writes: list[int] = []
        try:
            for capture in (stdout, stderr):
                read, write = pump.pipe(capture)
                self._reads.append(read)
                self._writes.append(write)
        except OSError:
            self._close_writes()
            raise

    def done(self) -> bool:
        """Whether the command has ended."""
        return self._ending is not None or self._has_ended()

    def ending(self) -> ExitResult:
        """How it has ended; to be asked once it is done."""
        if self._ending is None:
            self._ending = self._take_ending()
            self._close()
        return self._ending

    def kill(self) -> ExitResult:
        """Interrupt it, then make it end, unless it has been closed before."""
        if self._ending is None:
            self._ending = KILLED
            self._make_end()
            self._close()
        return self._ending

    def _has_ended(self) -> bool:
        raise NotImplementedError

    def _take_ending(self) -> ExitResult:
        raise NotImplementedError

    def _make_end(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        """Let go of the pipes, and take in what it has printed; a background job may still hold them."""
        self._close_writes()
        for read in self._reads:
            self._pump.drain(read)

    def _close_writes(self) -> None:
        while self._writes:
            os.close(self._writes.pop())


def signal_name(exit_code: int) -> str:
    """`SIGKILL` for 137, empty for a code that is no signal."""
    try:
        return signal.Signals(exit_code - 128).name if exit_code > 128 else ""
    except ValueError:
        return ""
