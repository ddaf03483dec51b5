"""What a run tells whoever watches it; the loop knows this protocol and no report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from gb10docs.errors import tell

if TYPE_CHECKING:
    from gb10docs.results.result import Report, StepResult


class Observer(Protocol):
    """Told of a run as it happens; everything that it is told is already redacted.

    The calls come in this order for each page of a run: `planned`; for each step either `step_started`, any number of
    `step_progress` and `step_finished`, or (it was skipped, or replaced at once) `step_finished` alone; `finished`,
    also after an interrupt. `step_finished` comes once a step; `step_amended` may come after it.
    """

    def fetching(self, done: int, total: int) -> None:
        """Bytes of the stand-in model that have come, and in all; before any page, and from another thread."""

    def planned(self, page: str, steps: Sequence[str]) -> None:
        """A page's run begins: its path below the root, and the ids of its steps in page order."""

    def step_started(self, step_id: str, command: str) -> None:
        """A step begins; `command` is what a reader would recognise it by, its first line say."""

    def step_progress(self, step_id: str, elapsed_s: float, last_line: str) -> None:
        """A step is still running; called when output arrives and about twice a second."""

    def step_finished(self, result: StepResult) -> None:
        """A step's outcome is known."""

    def step_amended(self, result: StepResult) -> None:
        """A step that had passed has failed after all: the server that it started has died."""

    def finished(self, report: Report) -> None:
        """A page's run is over."""


class Observers:
    """Several observers told in turn, as one; none can end what it observes.

    One that fails, because its terminal is closed or its disk full, is told nothing more, and a line on standard
    error says so.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = list(observers)

    def fetching(self, done: int, total: int) -> None:
        """Pass it on."""
        self._pass_on(lambda observer: observer.fetching(done, total))

    def planned(self, page: str, steps: Sequence[str]) -> None:
        """Pass it on."""
        self._pass_on(lambda observer: observer.planned(page, steps))

    def step_started(self, step_id: str, command: str) -> None:
        """Pass it on."""
        self._pass_on(lambda observer: observer.step_started(step_id, command))

    def step_progress(self, step_id: str, elapsed_s: float, last_line: str) -> None:
        """Pass it on."""
        self._pass_on(lambda observer: observer.step_progress(step_id, elapsed_s, last_line))

    def step_finished(self, result: StepResult) -> None:
        """Pass it on."""
        self._pass_on(lambda observer: observer.step_finished(result))

    def step_amended(self, result: StepResult) -> None:
        """Pass it on."""
        self._pass_on(lambda observer: observer.step_amended(result))

    def finished(self, report: Report) -> None:
        """Pass it on."""
        self._pass_on(lambda observer: observer.finished(report))

    def _pass_on(self, say: Callable[[Observer], None]) -> None:
        for observer in list(self._observers):
            try:
                say(observer)
            except (Exception, SystemExit) as error:  # noqa: BLE001  what is told cannot end what is done
                self._observers.remove(observer)
                tell(f"{observer} cannot be written ({_why(error)}): the run goes on, and what ran is kept")


def _why(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or repr(error)
