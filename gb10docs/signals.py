"""Ctrl-C and its relatives: the first ends the run in good order, a further one hurries it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

from gb10docs.streams import Pump

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """The user, or the system, wants the run to end."""


class Signals:
    """While entered, a signal never ends this process on the spot.

    Within `interruptible` the first raises Interrupted, if need be once the pump has put away what it reads.
    Elsewhere, where the run or a page of it is ending, it kills at once what `left` finds, so that whatever waits
    for those processes goes on, and what is `interruptible` next is not begun.
    """

    def __init__(self, left: Callable[[], Iterable[int]]) -> None:
        self._left = left
        self._pump: Pump | None = None
        self._raises = False
        self._pending = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._caught) for number in CAUGHT}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def interruptible(self, pump: Pump | None = None) -> Iterator[None]:
        """Where a signal raises Interrupted; to be entered within the `try` that catches it."""
        self._pump = pump
        if pump:
            pump.checkpoint = self._checkpoint
        self._raises = True
        try:
            self._checkpoint()
            yield
            self._checkpoint()
        finally:
            self._raises = False

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        self._pending = True
        if self._raises:
            if not (self._pump and self._pump.reading):
                self._checkpoint()
            return
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _checkpoint(self) -> None:
        if self._pending and self._raises:
            self._raises = False
            raise Interrupted
