"""Ctrl-C and its relatives: the first ends the run in good order, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType

from gb10docs import processes

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """The user, or the system, wants the run to end."""


class Signals:
    """While entered, a signal raises Interrupted; within `finally_`, it kills what the run has left at once."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._ending = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._caught) for number in CAUGHT}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def finally_(self, function: Callable[[], None]) -> None:
        """Run `function` without being interrupted; a further signal hurries it."""
        self._ending = True
        function()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if not self._ending:
            self._ending = True
            raise Interrupted
        for pid in processes.of_run(self._run):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
