"""Progress and summary on standard output: live lines on a terminal, plain lines in a pipe."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from gb10docs.pages.printing import behind, printable, took
from gb10docs.results.result import Report, StepResult
from gb10docs.results.verdict import Verdict, by_reason, grouped, last_lines, short, slowest, verdict

if TYPE_CHECKING:
    import rich.console

_REFRESH_S = 0.1
_OUTPUT_LINES = 15


class Console:
    """The observer that a person reads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._terminal = _terminal(self._stream)
        self._ascii = not _encodes(self._stream, "".join(kind.mark for kind in Verdict))
        self._drawn = 0.0
        self._command = ""
        self._fetched = False

    def __str__(self) -> str:
        return "standard output"

    def planned(self, page: str, steps: Sequence[str]) -> None:
        """Name the page."""
        self._line(f"{page}: {len(steps)} step{'s' if len(steps) != 1 else ''}")

    def fetching(self, done: int, total: int) -> None:
        """How much of a download is there, in bytes; in a pipe only that it has begun."""
        told = f"fetching the stand-in model, once: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        if self._terminal:
            self._draw(told, at_once=done >= total)
        elif not self._fetched:
            self._line(told)
        self._fetched = True

    def step_started(self, step_id: str, command: str) -> None:
        """Show the step and its command."""
        self._command = command
        if self._terminal:
            self._draw(f"… {short(step_id)}  {printable(command)}", at_once=True)

    def step_progress(self, step_id: str, elapsed_s: float, last_line: str) -> None:
        """Show how long it has run and what it said last."""
        if self._terminal:
            self._draw(f"… {short(step_id)}  {took(elapsed_s)}  {printable(last_line or self._command)}")

    def step_finished(self, result: StepResult) -> None:
        """One line for the outcome."""
        kind = verdict(result)
        parts = [f"{self._mark(kind)} {kind.word:8}", short(result.id)]
        if result.started:
            parts.append(took(result.duration_s))
        if kind is Verdict.STAND_IN:
            parts.append(f"with {_stand_ins([result])}")
        if result.reason:
            parts.append(printable(result.reason.partition("\n")[0]))
        self._line("  ".join(parts), kind.colour)

    def step_amended(self, result: StepResult) -> None:
        """The line again, as it is now."""
        self.step_finished(result)

    def finished(self, report: Report) -> None:
        """The failures in full, then the summary."""
        for step in report.steps:
            if verdict(step) is Verdict.FAILED:
                self._line("")
                self._line(f"{self._mark(Verdict.FAILED)} failed: {step.id}", "bold red")
                for line in _failure(step):
                    self._line(f"  {line}")
        self._line("")
        rows = list(_summary(report))
        if self._terminal:
            self._table(report, rows)
            return
        self._line(_title(report))
        width = max((len(row[0]) for row in rows), default=0)
        for heading, count, note in rows:
            self._line(f"  {heading:{width}}  {count:>4}  {note}".rstrip())

    def _table(self, report: Report, rows: list[tuple[str, str, str]]) -> None:
        from rich.table import Table
        from rich.text import Text

        colours = {kind.heading: kind.colour for kind in Verdict}
        table = Table(title=Text(_title(report)), title_justify="left", show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(justify="right")
        table.add_column(overflow="fold")
        style = ""
        for heading, count, note in rows:
            style = colours.get(heading, "") if heading else style
            table.add_row(Text(heading, style), count, Text(note))
        self._rich.print(table)

    def _mark(self, kind: Verdict) -> str:
        return kind.ascii_mark if self._ascii else kind.mark

    def _line(self, text: str, style: str = "") -> None:
        if self._terminal:
            from rich.text import Text

            self._clear()
            self._rich.print(Text(text, style))
            return
        if self._ascii:
            encoding = self._stream.encoding or "ascii"
            text = text.encode(encoding, "replace").decode(encoding)
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def _draw(self, text: str, *, at_once: bool = False) -> None:
        """Rewrite the live line, at most ten times a second; the cursor stays on it."""
        now = time.monotonic()
        if not at_once and now - self._drawn < _REFRESH_S:
            return
        from rich.text import Text

        self._clear()
        line = Text(text.expandtabs(), "dim", no_wrap=True, overflow="ellipsis", end="")
        line.truncate(self._rich.width - 1, overflow="ellipsis")
        self._rich.print(line, end="")
        self._drawn = now

    def _clear(self) -> None:
        if self._drawn:
            self._rich.file.write("\r\x1b[2K")
            self._drawn = 0.0

    @property
    def _rich(self) -> rich.console.Console:
        assert self._terminal
        return self._terminal


def _terminal(stream: TextIO) -> rich.console.Console | None:
    if not stream.isatty() or os.environ.get("TERM", "") in {"", "dumb", "unknown"}:
        return None
    from rich.console import Console as RichConsole

    return RichConsole(file=behind(stream), highlight=False, markup=False, emoji=False)


def _encodes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _title(report: Report) -> str:
    seconds = (report.finished - report.started).total_seconds()
    return f"{report.lesson} on {report.target} ({report.machine.hardware}) in {took(seconds)}"


def _summary(report: Report) -> Iterator[tuple[str, str, str]]:
    """Rows of heading, count and note; a row without a heading goes on with the one above."""
    for kind, steps in grouped(report).items():
        if kind in {Verdict.PASSED, Verdict.STAND_IN}:
            yield kind.heading, str(len(steps)), _stand_ins(steps)
            continue
        if kind is Verdict.FAILED:
            yield kind.heading, str(len(steps)), ", ".join(short(step.id) for step in steps)
            continue
        heading, count = kind.heading, str(len(steps))
        for reason, named in by_reason(steps).items():
            yield heading, count, printable(f"{', '.join(named)}: {reason}")
            heading = count = ""
    slow = ", ".join(f"{short(step.id)} {took(step.duration_s)}" for step in slowest(report))
    if slow:
        yield "slowest", "", slow


def _failure(step: StepResult) -> Iterator[str]:
    """Where, what and why, and the last that it said, marked so that GitHub obeys no command in it."""
    yield f"{step.page}:{step.line}, snippets/{step.snippet}"
    first, *more = printable(step.reason).splitlines() or ["no reason given"]
    yield first
    yield from (f"| {line}" for line in more)
    for one in step.containers:
        memory = ", killed for want of memory" if one.oom_killed else ""
        yield f"container {one.service}: {one.state}, exit code {one.exit_code}{memory}"
    stream, output = ("error", step.stderr) if step.stderr.strip() else ("output", step.stdout)
    lines = last_lines(output, _OUTPUT_LINES)
    if lines:
        yield f"last lines of standard {stream}:"
    yield from (f"| {line}" for line in lines)
    if step.log:
        yield f"all of it: {step.log}"


def _stand_ins(steps: Sequence[StepResult]) -> str:
    return ", ".join(dict.fromkeys(str(stand_in) for step in steps for stand_in in step.stand_ins))
