"""Standard output and error of a step: read as they come, bounded in memory, redacted before they are kept.

One thread, one selector. Whoever waits for something waits in `Pump.run`, which reads every open stream meanwhile,
so that a background job of an earlier step never blocks on a full pipe.
"""

from __future__ import annotations

import concurrent.futures
import os
import selectors
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")

BOUND = 2**20
"""Bytes of a stream that a report keeps; beyond it, head and tail of half that each."""
_CHUNK = 2**16


class Filter(Protocol):
    """What takes secrets out of a stream; see `gb10docs.redact`."""

    def feed(self, data: bytes) -> bytes:
        """The next bytes that are safe to show."""

    def finish(self) -> bytes:
        """Whatever was held back."""


class Capture:
    """One stream of one step."""

    def __init__(self, redaction: Filter, log: Path) -> None:
        self._redaction = redaction
        self._log = log
        self._file: int | None = None
        self._head = bytearray()
        self._tail = bytearray()
        self.size = 0

    def feed(self, data: bytes) -> None:
        self._keep(self._redaction.feed(data))

    def settle(self) -> None:
        """Give up what redaction held back: the step has ended."""
        self._keep(self._redaction.finish())

    def finish(self) -> None:
        """No more will come; closes the log."""
        self.settle()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        self.size += len(data)
        if self.size <= BOUND:
            self._head += data
            return
        if self._file is None and not self._tail:
            self._log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            _write_all(self._file, self._head)
            self._tail += self._head[BOUND // 2 :]
            del self._head[BOUND // 2 :]
        if self._file is not None:
            _write_all(self._file, data)
        self._tail += data
        if len(self._tail) > BOUND:
            del self._tail[: -BOUND // 2]

    @property
    def log(self) -> str:
        """Path of the whole output where the report holds only part of it, else empty."""
        return str(self._log) if self.size > BOUND else ""

    def text(self) -> str:
        """What the report keeps: everything, or head and tail with a line between that says how much is missing."""
        if self.size <= BOUND:
            return self._head.decode(errors="replace")
        tail = self._tail[-BOUND // 2 :]
        missing = self.size - len(self._head) - len(tail)
        between = f"\n[… {missing} bytes left out; all of it: {self._log}]\n"
        return self._head.decode(errors="replace") + between + tail.decode(errors="replace")

    def last_line(self) -> str:
        """The last complete line, for a progress display."""
        lines = bytes((self._tail or self._head)[-2000:]).rstrip().rsplit(b"\n", 1)
        return lines[-1].rsplit(b"\r", 1)[-1].decode(errors="replace").strip()


class Pump:
    """Reads file descriptors into captures while something is waited for."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.on_tick: Callable[[], None] = lambda: None
        """Called about ten times a second while waiting."""

    def add(self, descriptor: int, capture: Capture) -> None:
        """Read `descriptor` (non-blocking) into `capture` until it ends; then close it."""
        os.set_blocking(descriptor, False)
        self._selector.register(descriptor, selectors.EVENT_READ, capture)

    def watch(self, descriptor: int) -> None:
        """Wake up when `descriptor` is readable; its owner reads it."""
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def forget(self, descriptor: int) -> None:
        """No longer read or wake up for `descriptor`."""
        self._selector.unregister(descriptor)

    def run(self, done: Callable[[], bool], deadline: float) -> bool:
        """Read until `done()` or the deadline (of `time.monotonic`); True if done."""
        next_tick = time.monotonic() + 0.1
        while not done():
            now = time.monotonic()
            if now >= deadline:
                return False
            if now >= next_tick:
                self.on_tick()
                next_tick = now + 0.1
            for key, _ in self._selector.select(min(deadline, next_tick) - now):
                if key.data is not None:
                    self._read(key.fd, key.data)
        return True

    def call(self, function: Callable[[], T], deadline: float) -> T | None:
        """Run a blocking function in a thread, reading meanwhile; None if the deadline passes first."""
        done = os.eventfd(0, os.EFD_CLOEXEC)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(function)
            future.add_done_callback(lambda _: os.eventfd_write(done, 1))
            self.watch(done)
            try:
                return future.result() if self.run(future.done, deadline) else None
            finally:
                self.forget(done)
                concurrent.futures.wait([future])
                os.close(done)

    def drain(self, descriptor: int) -> None:
        """Read what is there now; a stream that a background job still holds stays open."""
        if descriptor not in self._selector.get_map():
            return
        capture: Capture = self._selector.get_key(descriptor).data
        left = 2 * _CHUNK
        while left > 0 and (count := self._read(descriptor, capture)):
            left -= count
        capture.settle()

    def close(self) -> None:
        """Close every stream that is still open."""
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fd)
            if key.data is not None:
                key.data.finish()
                os.close(key.fd)
        self._selector.close()

    def _read(self, descriptor: int, capture: Capture) -> int | None:
        """Bytes read; 0 at the end of the stream, which closes it; None if nothing is there now."""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return None
        if data:
            capture.feed(data)
        else:
            self._selector.unregister(descriptor)
            os.close(descriptor)
            capture.finish()
        return len(data)


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
