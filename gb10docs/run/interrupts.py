"""Ctrl-C and its relatives: the first ends the run in good order, a further one hurries it.

A signal does nothing but set a flag and wake whoever waits (`signal.set_wakeup_fd`). It is acted on in two ways: where
pages are run, the loop's wait raises Interrupted; where something is ending, whoever waits for processes kills them at
once. So no code is ever left midway, from the first line of a run until its last ledger is written.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
INTERRUPTED = 130
"""Exit status of a run that a signal has ended."""


class Interrupted(BaseException):
    """The user, or the system, wants the run to end."""


class Signals:
    """While entered, signals are caught, but for those that were ignored before, as under nohup."""

    def __init__(self) -> None:
        self.came = False
        """Whether there was any."""
        self.pending = False
        """Whether there is one that has not been acted on."""
        self._holds = False
        self._wakes, self._wake = -1, -1
        self._before: dict[int, object] = {}
        self._woken_before = -1

    def __enter__(self) -> Signals:
        self._wakes, self._wake = os.pipe()
        for descriptor in (self._wakes, self._wake):
            os.set_blocking(descriptor, False)
        self._woken_before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in CAUGHT:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()
        signal.set_wakeup_fd(self._woken_before)
        os.close(self._wakes)
        os.close(self._wake)

    def hold(self) -> None:
        """From here on there is something to lose; until here, a signal ends the program on the spot."""
        self._holds = True

    def fileno(self) -> int:
        """What is readable once a signal has come; `heard` empties it."""
        return self._wakes

    def heard(self) -> None:
        """Wait for the next."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakes, 2**12)

    def take(self) -> None:
        """Raise Interrupted if a signal has come that was not acted on."""
        if self.pending:
            self.pending = False
            raise Interrupted

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        if not self._holds:
            os._exit(INTERRUPTED)
        self.came = self.pending = True
