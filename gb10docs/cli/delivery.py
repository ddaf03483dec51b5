"""Delivery: where the reports and the evidence of an invocation go, looked at before it, written as each page ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from gb10docs.atomic import is_stream, refuse_unappendable, refuse_unwritable, write_text
from gb10docs.errors import GB10DocsError
from gb10docs.plan.plan import Plan
from gb10docs.results.result import Report

if TYPE_CHECKING:
    from gb10docs.evidence.recording import Recording

P = ParamSpec("P")
Kind = Callable[[Sequence[Report]], str]
"""What makes the text of a kind of report."""
STDOUT = Path("-")


class Delivery:
    """Takes each page's report, and writes evidence and reports; what of it fails does not cost the rest."""

    def __init__(
        self, recording: Recording | None, json_file: Path | None, junit_file: Path | None, summary: str = ""
    ) -> None:
        """Refuse what cannot be written.

        Args:
            recording: Where evidence goes; None for nowhere.
            json_file: Where the report goes as JSON; `-` is standard output.
            junit_file: Where it goes as JUnit XML; likewise.
            summary: The file that GitHub's summary is added to; empty for none.

        Raises:
            CannotWrite: One of them cannot be written.
            GB10DocsError: Both reports shall go to standard output.
        """
        self.reports: list[Report] = []
        self.lines: list[str] = []
        """What there is to say of what was recorded."""
        self.failed = False
        """Whether something could not be written."""
        self._recording = recording
        kinds: list[tuple[Path | None, Kind]] = [(json_file, _json), (junit_file, _junit)]
        self._files = [(file, kind) for file, kind in kinds if file]
        self._crash: Exception | None = None
        self._told: set[str] = set()
        if [file for file, _ in self._files].count(STDOUT) > 1:
            raise GB10DocsError("--json - and --junit -: only one can go to standard output: name a file")
        for file, _ in self._files:
            if file != STDOUT:
                refuse_unwritable(file)
        if summary:
            refuse_unappendable(Path(summary))

    @property
    def on_stdout(self) -> bool:
        """Whether standard output is a report's, so that nothing else may be printed there."""
        return any(file == STDOUT for file, _ in self._files)

    def keep(self, plan: Plan, report: Report) -> None:
        """Take the report of a page that has ended: evidence first, then reports; none of them raises."""
        self.reports.append(report)
        if self._recording:
            self._attempt(self._record, plan, report)
        for file, kind in self._files:
            if not _at_the_end(file):
                self._attempt(_write, file, kind, self.reports)

    def finish(self) -> None:
        """Write what can only be written once: to standard output, a device or a pipe.

        Raises:
            Exception: What went wrong earlier and is a fault of ours.
        """
        for file, kind in self._files:
            if self.reports and _at_the_end(file):
                self._attempt(_write, file, kind, self.reports)
        if self._crash:
            raise self._crash

    def _record(self, plan: Plan, report: Report) -> None:
        assert self._recording
        path = self._recording.keep(plan, report)
        self.lines.append(
            f"recorded in {path}" if path else f"nothing recorded of {plan.page.name}: no step came to an end"
        )

    def _attempt(self, write: Callable[P, None], *given: P.args, **named: P.kwargs) -> None:
        """Write one thing; that it fails is told once, and a fault of ours comes up when all else is written."""
        try:
            write(*given, **named)
        except (GB10DocsError, OSError) as error:
            self.failed = True
            if str(error) not in self._told:
                self._told.add(str(error))
                _complain(str(error))
        except Exception as error:  # noqa: BLE001  whatever it is, the rest has to be written
            self._crash = self._crash or error


def _at_the_end(file: Path) -> bool:
    return file == STDOUT or is_stream(file)


def _write(file: Path, kind: Kind, reports: Sequence[Report]) -> None:
    text = kind(reports)
    if file != STDOUT:
        write_text(file, text)
        return
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def _complain(message: str) -> None:
    """On standard error, if that is still there."""
    with contextlib.suppress(OSError):
        os.write(2, f"gb10docs: {message}\n".encode(errors="replace"))


def _json(reports: Sequence[Report]) -> str:
    from gb10docs.results import report_json

    return report_json.text(reports)


def _junit(reports: Sequence[Report]) -> str:
    from gb10docs.results import junit

    return junit.text(reports)
