"""Annotations and a step summary, where a run is part of a GitHub Actions workflow."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from gb10docs.pages.markdown_text import plain, table
from gb10docs.pages.printing import behind, printable, took
from gb10docs.results.observer import Observer
from gb10docs.results.result import Report, StepResult
from gb10docs.results.verdict import Verdict, by_reason, grouped, last_lines, short, slowest, verdict

_OUTPUT_LINES = 30


def observers(env: Mapping[str, str] = os.environ, stream: TextIO | None = None) -> list[Observer]:
    """The observer that tells GitHub, or none where the run is not its."""
    return [GitHub(env, stream or sys.stdout)] if env.get("GITHUB_ACTIONS") == "true" else []


def summary_file(env: Mapping[str, str]) -> str:
    """The file that GitHub reads a run's summary from, empty where the run is not its."""
    return env.get("GITHUB_STEP_SUMMARY", "") if env.get("GITHUB_ACTIONS") == "true" else ""


class GitHub:
    """Writes an `::error` for each step that failed, and Markdown into `$GITHUB_STEP_SUMMARY`."""

    def __init__(self, env: Mapping[str, str], stream: TextIO) -> None:
        self._summary = env.get("GITHUB_STEP_SUMMARY", "")
        self._stream = behind(stream)

    def __str__(self) -> str:
        return f"the summary for GitHub, {self._summary}," if self._summary else "standard output"

    def fetching(self, done: int, total: int) -> None:
        """Nothing to tell yet."""

    def planned(self, page: str, steps: Sequence[str]) -> None:
        """Nothing to tell yet."""

    def step_started(self, step_id: str, command: str) -> None:
        """Nothing to tell yet."""

    def step_progress(self, step_id: str, elapsed_s: float, last_line: str) -> None:
        """Nothing to tell yet."""

    def step_finished(self, result: StepResult) -> None:
        """Annotate a failure at the line of the snippet that it names, else where the page has the step."""
        if verdict(result) is not Verdict.FAILED:
            return
        file, line = _place(result)
        title = _property(f"{result.id} failed")
        message = _data(printable(result.reason))
        self._stream.write(f"::error file={_property(file)},line={line},title={title}::{message}\n")
        self._stream.flush()

    def step_amended(self, result: StepResult) -> None:
        """Annotate it now."""
        self.step_finished(result)

    def finished(self, report: Report) -> None:
        """Append the summary."""
        if self._summary:
            with Path(self._summary).open("a", encoding="utf-8", errors="replace") as file:
                file.write("\n".join(_markdown(report)) + "\n\n")


def _place(result: StepResult) -> tuple[str, int]:
    snippet = f"snippets/{result.snippet}"
    at = re.search(rf"{re.escape(snippet)}:(\d+)", result.reason)
    return (snippet, int(at[1])) if at else (result.page, result.line)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")


def _markdown(report: Report) -> Iterator[str]:
    seconds = took((report.finished - report.started).total_seconds())
    yield f"## {plain(report.lesson)} on {plain(report.target)}"
    yield ""
    yield f"{plain(report.machine.hardware)}, {plain(report.machine.os)}, {seconds}."
    yield ""
    rows = [
        (kind.mark, kind.heading, str(len(steps)), _note(kind, steps))
        for kind, steps in grouped(report).items()
    ]
    slow = ", ".join(f"{short(step.id)} {took(step.duration_s)}" for step in slowest(report))
    if slow:
        rows.append(("", "slowest", "", plain(slow)))
    yield table(("", "Outcome", "Steps", ""), rows, figures=[2])
    for step in report.steps:
        if verdict(step) is Verdict.FAILED:
            yield from _failure(step)


def _note(kind: Verdict, steps: Sequence[StepResult]) -> str:
    if kind is Verdict.STAND_IN:
        return plain(", ".join(dict.fromkeys(str(stand_in) for step in steps for stand_in in step.stand_ins)))
    if kind in {Verdict.PASSED, Verdict.FAILED}:
        return plain(", ".join(short(step.id) for step in steps)) if kind is Verdict.FAILED else ""
    return "<br>".join(plain(f"{', '.join(names)}: {reason}") for reason, names in by_reason(steps).items())


def _failure(step: StepResult) -> Iterator[str]:
    yield ""
    yield f"### {Verdict.FAILED.mark} {plain(step.id)}"
    yield ""
    yield f"{plain(step.page)}:{step.line}, {plain(step.reason.partition(chr(10))[0])}"
    lines = last_lines(step.stderr if step.stderr.strip() else step.stdout, _OUTPUT_LINES)
    if lines:
        fence = "`" * max(3, *(len(run) + 1 for line in lines for run in re.findall("`+", line)), 3)
        yield from ["", f"{fence}text", *lines, fence]
