"""Standard output and error of a step: read as they come, bounded in memory, masked wherever they are shown.

One thread, one epoll. Whoever waits for something waits in `Pump.run`, which reads every open stream
meanwhile, so that a background job of an earlier step never blocks on a full pipe.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

from gb10docs.machine import processes
from gb10docs.pages.excerpt import joined
from gb10docs.run.interrupts import Signals

T = TypeVar("T")

BOUND = 2**20
"""Bytes of a stream that a report keeps; beyond it, head and tail of half that each."""
_HALF = BOUND // 2
LOG_BOUND = 2**28
"""Bytes of a stream that its log keeps."""
_LIVE = 2000
"""Bytes that the last line is looked for in."""
_CHUNK = 2**16
_TICK = 0.1
_CUT = b"\n[... a log ends here: it holds at most 256 MiB]\n"


class Filter(Protocol):
    """What takes secrets out of a stream that is too long to be kept; see `gb10docs.redact`."""

    def feed(self, data: bytes) -> bytes:
        """The next bytes that are safe to show."""

    def finish(self) -> bytes:
        """Whatever was held back."""


class Masking(Protocol):
    """What takes secrets out of output; see `gb10docs.redact`."""

    reach: int
    """Most bytes that one secret is spread over."""

    def settled(self, data: bytes) -> int:
        """Up to where the data does not end in what may be the beginning of a secret."""

    def part(self, data: bytes, begin: int, end: int) -> bytes:
        """Those bytes of the data, masked with an eye to what stands before and after them."""

    def stream(self) -> Filter:
        """A filter for a whole stream."""


class Capture:
    """One stream of a step: all of it while it is short, else head and tail, and a log with everything.

    What was printed is kept in memory as it is, since checks look at that; whatever is shown, reported, recorded or
    written to the log is masked.
    """

    def __init__(self, masking: Masking, log: Callable[[], str]) -> None:
        """Take what tells the path of the log if there has to be one."""
        self._masking = masking
        self._path = log
        self._file: int | None = None
        self._room = 0
        self._filter: Filter | None = None
        self._margin = masking.reach
        """Bytes kept beside head and tail: a secret that is cut there is still a secret."""
        self._head = bytearray()
        self._tail = bytearray()
        self.size = 0
        self.ended = False
        """Whether the stream has been read to its end."""
        self.log = ""
        """Path of the whole output where the report holds only part of it, else empty."""

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        room = max(0, _HALF + self._margin - len(self._head))
        self._head += data[:room]
        self._tail += data[room:]
        before, self.size = self.size, self.size + len(data)
        if self.size > BOUND:
            self._log(data, first=before <= BOUND)
            if len(self._tail) > 2 * (BOUND + self._margin):
                del self._tail[: -(_HALF + self._margin)]

    def settle(self) -> None:
        """Give the log what redaction held back: the step has ended."""
        if self._filter:
            self._write(self._filter.finish())

    def finish(self) -> None:
        """No more will come; closes the log."""
        self.settle()
        self.ended = True
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def text(self) -> str:
        """What the report keeps, masked: everything, or head and tail with a line that says how much is missing."""
        return self._kept(self._masking.part)

    def raw(self) -> str:
        """The same as it was printed: for checks, and for nobody's eyes."""
        return self._kept(lambda data, begin, end: data[begin:end])

    def last_line(self) -> str:
        """The line that was printed last, masked, for a progress display."""
        data = bytes((self._tail or self._head)[-_LIVE - self._margin :])
        end = self._masking.settled(data)
        shown = self._masking.part(data, min(end, max(0, len(data) - _LIVE)), end)
        lines = shown.rstrip().rsplit(b"\n", 1)
        return lines[-1].rsplit(b"\r", 1)[-1].decode(errors="replace").strip()

    def _kept(self, part: Callable[[bytes, int, int], bytes]) -> str:
        if self.size <= BOUND:
            whole = bytes(self._head + self._tail)
            return part(whole, 0, len(whole)).decode(errors="replace")
        head, end = bytes(self._head), bytes((self._head + self._tail)[-_HALF - self._margin :])
        kept = f"all of it: {self.log}" if self.log else "the whole could not be written to disk"
        first, last = part(head, 0, _HALF), part(end, len(end) - _HALF, len(end))
        head_text, tail_text = (shown.decode(errors="replace") for shown in (first, last))
        return joined(head_text, tail_text, self.size - 2 * _HALF, kept)

    def _log(self, data: bytes, *, first: bool) -> None:
        """Append to the log, which is complete from its first byte on up to its bound; a full disk ends it."""
        if not first:
            if self._filter:
                self._write(self._filter.feed(data))
            return
        self.log, self._filter = self._path(), self._masking.stream()
        self._room = LOG_BOUND
        try:
            Path(self.log).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError:
            self._give_up()
            return
        self._write(self._filter.feed(bytes(self._head + self._tail)))

    def _write(self, data: bytes) -> None:
        try:
            if self._file is not None and self._room:
                _write_all(self._file, data[: self._room])
                self._room = max(0, self._room - len(data))
                if not self._room:
                    _write_all(self._file, _CUT)
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """The log cannot be written: what there is of it is not kept either."""
        if self._file is not None:
            if stat.S_ISREG(os.fstat(self._file).st_mode):
                Path(self.log).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
        self.log, self._filter = "", None


class Pump:
    """Reads file descriptors into captures while something is waited for, and hears signals meanwhile."""

    def __init__(self, signals: Signals | None = None) -> None:
        self._epoll = select.epoll()
        self._signals = signals
        self._open: dict[int, Capture] = {}
        self._unwatched: list[int] = []
        """Pipes since the last tick: most steps end before the next, and have said all that they say into theirs."""
        self._next_tick = 0.0
        self.on_tick: Callable[[], None] = lambda: None
        """Called about ten times a second while waiting."""
        if signals:
            self._epoll.register(signals, select.EPOLLIN)

    def pipe(self, capture: Capture) -> tuple[int, int]:
        """A new pipe, read into `capture` until it ends: its read end, and its write end, yours to close."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        self._open[read] = capture
        self._unwatched.append(read)
        return read, write

    def watch(self, descriptor: int) -> None:
        """Wake up when there is news of `descriptor`; its owner reads all of it, when it likes."""
        # Edge-triggered: a shell that has ended, or said something that nobody asks for yet, wakes us once.
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLET)

    def forget(self, descriptor: int) -> None:
        """No longer wake up for `descriptor`."""
        self._epoll.unregister(descriptor)

    def checkpoint(self) -> None:
        """Raise Interrupted if a signal waits to be acted on."""
        if self._signals:
            self._signals.take()

    def run(self, done: Callable[[], bool], deadline: float) -> bool:
        """Read until `done()` or the deadline (of `time.monotonic`); True if done.

        Raises:
            Interrupted: A signal has come. This is the one place where it is acted on while pages are run.
        """
        while not done():
            self.checkpoint()
            if not self._turn(deadline):
                return False
        return True

    def linger(self, done: Callable[[], bool], seconds: float) -> bool:
        """The same where something is ending: a signal ends the wait, and waits itself to be acted on."""
        deadline = time.monotonic() + seconds
        while not done():
            if (self._signals and self._signals.pending) or not self._turn(deadline):
                return False
        return True

    def stop(self, find: Callable[[], Iterable[int]], *, interrupt: bool = False) -> None:
        """End processes as `processes.stop` does; a signal hurries it."""
        processes.stop(find, interrupt=interrupt, signals=self._signals)

    def wait(self, seconds: float) -> None:
        """Read for a while."""
        self.run(lambda: False, time.monotonic() + seconds)

    def call(self, function: Callable[[], T], deadline: float) -> T | None:
        """Run a blocking function in a thread, reading meanwhile; None if the deadline passes first.

        A function that is late, or still busy when the run is interrupted, is left to end by itself.
        """
        results: list[T] = []
        errors: list[BaseException] = []
        done, theirs = os.pipe()

        def work() -> None:
            try:
                results.append(function())
            except BaseException as error:  # noqa: BLE001  raised again where it is waited for
                errors.append(error)
            finally:
                os.close(theirs)

        threading.Thread(target=work, daemon=True).start()
        self.watch(done)
        try:
            self.run(lambda: bool(results or errors), deadline)
        finally:
            self.forget(done)
            os.close(done)
        if errors:
            raise errors[0]
        return results[0] if results else None

    def drain(self, descriptor: int) -> None:
        """Read what is there now; a stream that a background job still holds stays open."""
        if descriptor not in self._open or self._read(descriptor) == 0 or self._read(descriptor) == 0:
            return
        left = _waiting(descriptor)
        while left > 0:
            left -= self._read(descriptor) or left
        if descriptor in self._open:
            self._open[descriptor].settle()

    def close(self) -> None:
        """Read what is left in every stream that is still open, and close it."""
        for descriptor in list(self._open):
            self.drain(descriptor)
        for descriptor in list(self._open):
            self._end(descriptor)
        self._epoll.close()

    def _turn(self, deadline: float) -> bool:
        """Read what comes until the next tick; False where the deadline has passed."""
        now = time.monotonic()
        if now >= deadline:
            return False
        if now >= self._next_tick:
            self._tick(now)
        for descriptor, _ in self._epoll.poll(min(deadline, self._next_tick) - now):
            if descriptor in self._open:
                self._read(descriptor)
            elif self._signals and descriptor == self._signals.fileno():
                self._signals.heard()
        return True

    def _tick(self, now: float) -> None:
        self._next_tick = now + _TICK
        while self._unwatched:
            self._epoll.register(self._unwatched.pop(), select.EPOLLIN)
        self.on_tick()

    def _read(self, descriptor: int) -> int | None:
        """Bytes read; 0 at the end of the stream, which closes it; None if nothing is there now."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return None
        if data:
            self._open[descriptor].feed(data)
        else:
            self._end(descriptor)
        return len(data)

    def _end(self, descriptor: int) -> None:
        if descriptor in self._unwatched:
            self._unwatched.remove(descriptor)
        else:
            self.forget(descriptor)
        os.close(descriptor)
        self._open.pop(descriptor).finish()


def path_of(descriptor: int) -> str:
    """Return where another process finds one of ours, to open it anew."""
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def _waiting(descriptor: int) -> int:
    """Bytes that a pipe holds."""
    try:
        return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
    except OSError:
        return 0


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
