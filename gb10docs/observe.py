"""What a run tells whoever watches it; the loop knows this protocol and no report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gb10docs.results import Report, StepResult


class Observer(Protocol):
    """Told of a run as it happens; everything that it is told is already redacted.

    The calls come in this order, from one thread, for each page of a run: `planned`; for each step either
    `step_started`, any number of `step_progress` and `step_finished`, or (it was skipped, or replaced at once)
    `step_finished` alone; `finished`, also after an interrupt.
    """

    def planned(self, page: str, steps: Sequence[str]) -> None:
        """A page's run begins: its path below the root, and the ids of its steps in page order."""

    def step_started(self, step_id: str, command: str) -> None:
        """A step begins; `command` is what a reader would recognise it by, its first line say."""

    def step_progress(self, step_id: str, elapsed_s: float, last_line: str) -> None:
        """A step is still running; called when output arrives and about twice a second."""

    def step_finished(self, result: StepResult) -> None:
        """A step's outcome is known."""

    def finished(self, report: Report) -> None:
        """A page's run is over."""


class Observers:
    """Several observers told in turn, as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def planned(self, page: str, steps: Sequence[str]) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.planned(page, steps)

    def step_started(self, step_id: str, command: str) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.step_started(step_id, command)

    def step_progress(self, step_id: str, elapsed_s: float, last_line: str) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.step_progress(step_id, elapsed_s, last_line)

    def step_finished(self, result: StepResult) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.step_finished(result)

    def finished(self, report: Report) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.finished(report)
