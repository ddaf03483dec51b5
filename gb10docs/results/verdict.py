"""How an outcome is drawn: by mark and word, so that a pass on a stand-in never looks like a real one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from gb10docs.pages.printing import printable
from gb10docs.results.result import Outcome, Report, StepResult


class Verdict(Enum):
    """What a reader is told of a step: mark, mark in ASCII, word, heading of the summary, and colour."""

    FAILED = ("✗", "x", "failed", "failed", "red")
    PASSED = ("✓", "+", "passed", "passed", "green")
    STAND_IN = ("≈", "~", "stand-in", "passed with stand-ins", "cyan")
    REPLACED = ("⇄", "=", "replaced", "replaced, not run", "blue")
    SKIPPED = ("–", "-", "skipped", "skipped", "yellow")

    def __init__(self, mark: str, ascii_mark: str, word: str, heading: str, colour: str) -> None:
        self.mark, self.ascii_mark = mark, ascii_mark
        self.word, self.heading, self.colour = word, heading, colour


_OF_OUTCOME = {
    Outcome.FAILED: Verdict.FAILED,
    Outcome.REPLACED: Verdict.REPLACED,
    Outcome.SKIPPED: Verdict.SKIPPED,
}


def verdict(result: StepResult) -> Verdict:
    """The verdict on a step."""
    passed = Verdict.STAND_IN if result.stand_ins else Verdict.PASSED
    return _OF_OUTCOME.get(result.outcome, passed)


def grouped(report: Report) -> dict[Verdict, list[StepResult]]:
    """The steps of a report by verdict, in the order in which they are told; only verdicts that occur."""
    groups: dict[Verdict, list[StepResult]] = {kind: [] for kind in Verdict}
    for step in report.steps:
        groups[verdict(step)].append(step)
    return {kind: steps for kind, steps in groups.items() if steps}


def by_reason(steps: Iterable[StepResult]) -> dict[str, list[str]]:
    """Names of steps by the reason that they share."""
    reasons: dict[str, list[str]] = {}
    for step in steps:
        reasons.setdefault(step.reason, []).append(short(step.id))
    return reasons


def slowest(report: Report, count: int = 3) -> list[StepResult]:
    """The steps that took longest, among those that took any time worth telling (0.1 s)."""
    ran = [step for step in report.steps if step.duration_s >= 0.1]
    return sorted(ran, key=lambda step: -step.duration_s)[:count]


def short(step_id: str) -> str:
    """A step's id less its page."""
    return step_id.rpartition("/")[2]


def last_lines(text: str, count: int) -> list[str]:
    """The last lines that say something, as a terminal would show them."""
    lines = [line.rpartition("\r")[2].rstrip() for line in text.replace("\r\n", "\n").rstrip().split("\n")]
    return [printable(line) for line in lines if line][-count:]
