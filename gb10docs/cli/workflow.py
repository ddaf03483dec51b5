"""What each command of the program does: small functions, each of which takes the last one's result."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gb10docs.errors import GB10DocsError
from gb10docs.pages.printing import printable
from gb10docs.pages.tree import read_pages, readable_lessons
from gb10docs.plan.plan import Action, Crowded, Plan, make_plan, secrets_of
from gb10docs.plan.target import choose
from gb10docs.results.observer import Observers
from gb10docs.results.result import Outcome, Report
from gb10docs.run.interrupts import INTERRUPTED, Signals

if TYPE_CHECKING:
    from gb10docs.cli.delivery import Delivery
    from gb10docs.privacy.redactor import Redactor

PASSED, FAILED, WRONG_INPUT, NOTHING_RAN = 0, 1, 2, 3
NOT_WRITTEN = WRONG_INPUT


class Selection(NamedTuple):
    """Which steps, on which kind of machine."""

    pages: tuple[str, ...]
    root: Path
    target: str
    only: tuple[str, ...]
    start: str | None
    allow: frozenset[str]
    stand_in: str = ""


class Wishes(NamedTuple):
    """How to run them, and what to write."""

    keep_going: bool = False
    strict: bool = False
    record: bool = False
    recorded_by: str = ""
    json_file: Path | None = None
    junit_file: Path | None = None


def list_pages(root: Path) -> int:
    """Every page that has steps; a page that cannot be read does not hide the others. Returns the exit status."""
    pages, faults = readable_lessons(root)
    for page in pages:
        print(f"{printable(page.name)}  {printable(page.title)}  ({_steps(len(page.steps))})")
    return tell_faults(faults.values())


def tell_faults(faults: Iterable[GB10DocsError]) -> int:
    """Each in a line on standard error, and the exit status of a command that found them."""
    found = list(faults)
    for fault in found:
        print(f"gb10docs: {' '.join(printable(str(fault)).split())}", file=sys.stderr)
    return WRONG_INPUT if found else PASSED


def show_plan(selection: Selection) -> int:
    """What would run, what is replaced or skipped, and why."""
    plans = _plans(selection)
    for plan in plans:
        print(f"{plan.page.relative} on {plan.target.name}")
        for planned in plan.steps:
            notes = [
                planned.reason,
                *(f"with {stand_in}" for stand_in in planned.stand_ins if planned.action is Action.RUN),
            ]
            print(
                f"  {planned.action.value:8}{planned.step.id}  {'; '.join(note for note in notes if note)}".rstrip()
            )
    return PASSED if any(plan.runnable for plan in plans) else NOTHING_RAN


def run(selection: Selection, wishes: Wishes, signals: Signals) -> int:
    """Run; report and record each page as it ends; returns the exit status.

    A signal that comes while something is written waits until it is.
    """
    from gb10docs.privacy import secrets
    from gb10docs.results import console, github
    from gb10docs.run.loop import run_plans

    root = selection.root
    plans = _plans(selection)
    redactor = secrets.of_run(root, secrets_of(plans))
    delivery = _delivery(plans, root, wishes, redactor)
    stream = sys.stderr if delivery.on_stdout else sys.stdout
    show = console.Console(stream)
    observer = Observers([show, *github.observers(stream=stream)])
    try:
        run_plans(
            plans,
            root,
            observer,
            keep=delivery.keep,
            keep_going=wishes.keep_going,
            fetching=observer.fetching,
            redactor=redactor,
            signals=signals,
        )
    finally:
        delivery.finish()
    with contextlib.suppress(OSError, ValueError):
        print(*delivery.lines, sep="\n", end="\n" if delivery.lines else "", file=stream, flush=True)
    if signals.came:
        return INTERRUPTED
    return NOT_WRITTEN if delivery.failed else _exit_status(delivery.reports, wishes)


def _delivery(plans: list[Plan], root: Path, wishes: Wishes, redactor: Redactor) -> Delivery:
    """Return where reports and evidence go; it refuses what cannot be written before anything runs."""
    from gb10docs.cli.delivery import Delivery
    from gb10docs.privacy import secrets
    from gb10docs.results import github

    recording = None
    if wishes.record:
        from gb10docs.evidence.recording import Recording

        redactor.add_places(secrets.default_package_index())
        recording = Recording(plans, root, redactor, wishes.recorded_by)
    return Delivery(recording, wishes.json_file, wishes.junit_file, github.summary_file(os.environ))


def doctor(root: Path, target: str, allow: frozenset[str]) -> int:
    """This machine, and for each lesson what runs here and what the other steps lack; returns the exit status.

    A page that is wrong, or that does not fit in memory now, is told as such, and does not hide the others.
    """
    from gb10docs.machine import hardware
    from gb10docs.pages.need import gigabytes
    from gb10docs.standins import catalog, llamacpp

    seen = hardware.look()
    chosen = choose(target, allow=allow)
    print(
        f"{seen.hardware}, {gigabytes(seen.memory_bytes)} memory, {seen.os}, {seen.arch}, target {chosen.name}"
    )
    if chosen.stand_in == catalog.LLAMACPP and (why := llamacpp.lacking()):
        print(f"missing: {why}")
    pages, faults = readable_lessons(root)
    for page in pages:
        print(f"\n{printable(page.name)}: {printable(page.title)}")
        try:
            lines = _diagnosis(make_plan([page], root, chosen)[0])
        except Crowded as error:
            lines = [f"cannot run now: {error}"]
        except GB10DocsError as error:
            lines, faults[page.name] = ["cannot run: see below"], error
        for line in lines:
            print(f"  {line}", flush=True)
    return tell_faults(faults.values())


def _plans(selection: Selection) -> list[Plan]:
    pages = read_pages(selection.root, selection.pages)
    target = choose(selection.target, allow=selection.allow, stand_in=selection.stand_in)
    return make_plan(pages, selection.root, target, only=selection.only, start=selection.start)


def _exit_status(reports: list[Report], wishes: Wishes) -> int:
    results = [step for report in reports for step in report.steps]
    outcomes = Counter(step.outcome for step in results)
    if outcomes[Outcome.FAILED]:
        return FAILED
    if not outcomes[Outcome.PASSED]:
        return NOTHING_RAN
    missing = [step for step in results if step.outcome is not Outcome.PASSED and not step.optional]
    return FAILED if wishes.strict and missing else PASSED


def _diagnosis(plan: Plan) -> list[str]:
    actions = Counter(planned.action for planned in plan.steps)
    stood_in = sum(bool(planned.stand_ins) for planned in plan.steps if planned.action is Action.RUN)
    here = f"{_steps(actions[Action.RUN])} can run here ({stood_in} with stand-ins)"
    lines = [f"{here}, {actions[Action.REPLACE]} replaced, {actions[Action.SKIP]} skipped"]
    lines += [f"in another Python: {line}" for line in _elsewhere(plan)]
    causes: dict[str, list[str]] = {}
    for planned in plan.steps:
        if planned.action is Action.SKIP:
            causes.setdefault(planned.cause, []).append(planned.step.name)
    return lines + [f"missing: {cause}: {', '.join(names)}" for cause, names in causes.items()]


def _elsewhere(plan: Plan) -> Iterator[str]:
    """Steps whose packages are not our own interpreter's, and where those are."""
    from gb10docs.machine import environments

    for planned in plan.steps:
        packages = planned.step.snippet.header.packages
        python = environments.python_with(packages) if packages and planned.action is Action.RUN else ""
        if python not in {"", sys.executable}:
            held = ", ".join(f"{name} {environments.version(name)}" for name in packages)
            yield f"{planned.step.name}: {Path(python).parents[1]} ({held})"


def _steps(count: int) -> str:
    return f"{count} step{'s' if count != 1 else ''}"
