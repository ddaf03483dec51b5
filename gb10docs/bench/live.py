"""What a benchmark shows while it runs: requests done, pace, time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TextIO

from gb10docs.bench.load import Progress
from gb10docs.bench.workload import Level, named
from gb10docs.pages.printing import behind

Watch = Callable[[Level, Progress], None]

_WINDOW_S = 1.0
"""Over at least so long the pace is taken."""


@contextmanager
def display(out: TextIO) -> Iterator[Watch]:
    """Something to tell of each level: a line that moves on a terminal, a line a level elsewhere."""
    if not out.isatty():
        yield lambda level, _: print(
            f"measuring: {named(level.concurrency, level.context)}, {level.requests} requests", file=out
        )
        return
    from rich.console import Console
    from rich.live import Live

    line = Line()
    with Live(
        get_renderable=line.text,
        console=Console(file=behind(out), highlight=False),
        refresh_per_second=4,
        transient=True,
    ):
        yield line.watch


class Line:
    """The line of the level that is being measured."""

    def __init__(self) -> None:
        self._watched: tuple[Level, Progress] | None = None
        self._since = (0.0, 0)
        self._pace = 0.0

    def watch(self, level: Level, progress: Progress) -> None:
        """Tell of this level from now on."""
        self._watched, self._since, self._pace = (level, progress), (progress.started, 0), 0.0

    def text(self) -> str:
        """The line as it is now."""
        if not self._watched:
            return "warming up"
        level, progress = self._watched
        now, done = perf_counter(), len(progress.outcomes)
        then, events = self._since
        if now - then >= _WINDOW_S:
            self._pace = (progress.events - events) / (now - then)
            self._since = now, progress.events
        left = (now - progress.started) / done * (progress.wanted - done) if done else None
        told = f"{done} of {progress.wanted} requests, about {self._pace:.0f} tokens/s now"
        in_time = "" if left is None else f", {left:.0f} s left"
        return f"{named(level.concurrency, level.context)}: {told}{in_time}"
