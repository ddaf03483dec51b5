"""Plan in, results out: the only loop.

Steps run one after the other in sessions; servers that they start are watched until they are stopped;
whatever happens, nothing of the run is left when it ends, and what has come out of it is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import gb10docs
from gb10docs.errors import GB10DocsError, NotServed, come_what_may, is_sick
from gb10docs.machine import hardware, ports
from gb10docs.machine.hardware import patience
from gb10docs.pages import standing_alone
from gb10docs.pages.page import Step
from gb10docs.plan.plan import Action, Plan, PlannedStep, secrets_of
from gb10docs.privacy import secrets
from gb10docs.privacy.redactor import Redactor
from gb10docs.results.observer import Observer
from gb10docs.results.result import Outcome, Report, StepResult, summarize
from gb10docs.run import failure, servers
from gb10docs.run.checks import check
from gb10docs.run.commands import Commands
from gb10docs.run.execution import Execution
from gb10docs.run.interrupts import Interrupted, Signals
from gb10docs.run.running_servers import RunningServers
from gb10docs.run.streams import Capture, Pump
from gb10docs.run.workspace import FetchProgress, Workplace, workplace

Keep = Callable[[Plan, Report], None]
"""What takes a page's report to where it is kept."""
INTERRUPTED = "interrupted"


def run_plans(
    plans: Sequence[Plan],
    root: Path,
    observer: Observer,
    *,
    keep: Keep | None = None,
    keep_going: bool = False,
    fetching: FetchProgress | None = None,
    redactor: Redactor | None = None,
    signals: Signals | None = None,
) -> tuple[list[Report], bool]:
    """Run the pages of an invocation; returns their reports, and whether it was interrupted.

    A page that builds on one in which a step failed is reported, but not begun. `keep` gets each page's plan and
    report as soon as the page has ended, however it ended: before any observer hears of its end, and before the
    next page begins. What is told and kept is masked by `redactor`; by this machine's own where none is given.
    Without `signals`, they are caught as long as this lasts.

    Raises:
        CannotRun: Another run holds the machine.
        Exception: A fault of ours, once what it has cut off is reported.
    """
    if signals is None:
        with Signals() as signals:
            return run_plans(
                plans,
                root,
                observer,
                keep=keep,
                keep_going=keep_going,
                fetching=fetching,
                redactor=redactor,
                signals=signals,
            )
    signals.hold()
    reports: list[Report] = []
    stopped: set[str] = set()
    redactor = redactor or secrets.of_run(root, secrets_of(plans))
    with workplace(root, redactor, signals) as place:
        try:
            nowhere = _prepare(place, plans, fetching)
            for plan in plans:
                blocked = nowhere or ("" if keep_going else _blocked(plan, stopped))
                page = PageRun(plan, place, observer, keep_going=keep_going)
                reports.append(page.run(blocked))
                if keep:
                    keep(plan, reports[-1])
                observer.finished(reports[-1])
                if page.crash:
                    raise page.crash
                if page.was_interrupted:
                    nowhere = INTERRUPTED
                if blocked or reports[-1].summary.failed:
                    stopped.add(plan.page.name)
        finally:
            come_what_may("the end of the run", [place.close])
    return reports, signals.came


def _prepare(place: Workplace, plans: Sequence[Plan], fetching: FetchProgress | None) -> str:
    """Make ready what all pages stand on; why that cannot be, empty if it can."""
    try:
        place.prepare(plans, fetching)
    except Interrupted:
        return INTERRUPTED
    except NotServed as error:
        return place.redactor.text(str(error))
    return ""


def _blocked(plan: Plan, stopped: Set[str]) -> str:
    """Why a page is not begun, empty if it is."""
    return next((f"page '{name}' did not pass" for name in plan.page.after if name in stopped), "")


@dataclass(slots=True)
class Running:
    """The step that runs now."""

    planned: PlannedStep
    out: Capture
    err: Capture
    started: datetime
    execution: Execution | None = None

    def fill(self, result: StepResult) -> None:
        """What it has printed up to now."""
        result.stdout, result.stderr = self.out.text(), self.err.text()
        result.log = self.out.log or self.err.log


class PageRun:
    """One page's run: begun once, cut off or not, closed whatever happened, and reported."""

    def __init__(self, plan: Plan, place: Workplace, observer: Observer, *, keep_going: bool) -> None:
        self.was_interrupted = False
        self.crash: Exception | None = None
        """A fault of ours that has ended it."""
        self._plan, self._place, self._observer, self._keep_going = plan, place, observer, keep_going
        self._results: list[StepResult] = []
        self._redactor = place.redactor
        self._pump = Pump(place.signals)
        self._commands = Commands(plan, place, self._pump)
        self._servers = RunningServers(place, self._pump, observer)
        self._running: Running | None = None
        self._late: list[tuple[Running, StepResult]] = []
        self._first_failed = ""
        self._not_passed: set[str] = set()
        self._ids = {one.step.key: one.step.id for one in plan.steps}

    def run(self, blocked: str) -> Report:
        """Every step of the plan in page order, unless the page is blocked; what came of it."""
        started = datetime.now(UTC)
        self._observer.planned(self._plan.page.relative, [planned.step.id for planned in self._plan.steps])
        try:
            if blocked:
                self._cut_off(f"not reached: {blocked}")
            else:
                self._steps()
        except Interrupted:
            self.was_interrupted = True
            self._cut_off(f"not reached: {INTERRUPTED}", INTERRUPTED)
        except Exception as error:  # noqa: BLE001  raised again once what has come out is kept
            self.crash = error
            self._cut_off(
                "not reached: gb10docs has failed", self._redactor.text(f"gb10docs has failed: {error!r}")
            )
        finally:
            self._close()
        return Report(
            gb10docs=gb10docs.__version__,
            lesson=self._plan.page.name,
            page=self._plan.page.relative,
            target=self._plan.target.name,
            machine=replace(hardware.look(), target=self._plan.target.name),
            started=started,
            finished=datetime.now(UTC),
            steps=self._results,
            summary=summarize(self._results),
        )

    def _steps(self) -> None:
        self._commands.warm_up()
        for planned in self._plan.steps:
            self._pump.checkpoint()
            self._finish(planned, self._one(planned))
            self._look_after_servers()

    def _cut_off(self, why_not: str, why_failed: str = "") -> None:
        """Account for the step that was running, which has failed, and for those that were not reached."""
        running = self._running
        for planned in self._plan.steps[len(self._results) :]:
            if running and planned is running.planned:
                result = planned.result(Outcome.FAILED, why_failed)
                result.interrupted = True
                running.fill(result)
                result.started = running.started
                result.duration_s = round((datetime.now(UTC) - running.started).total_seconds(), 4)
                self._late.append((running, result))
            else:
                reason = planned.reason if planned.action is Action.SKIP else why_not
                result = planned.result(Outcome.SKIPPED, reason)
            self._finish(planned, result)

    def _close(self) -> None:
        """Leave nothing of the page, and take in what background jobs have printed since their steps ended."""
        note, signals, interrupt = self._place.note, self._place.signals, self.was_interrupted
        running = self._running and self._running.execution
        come_what_may(
            f"the end of {self._plan.page.relative}",
            [
                *([running.kill] if running else []),
                *(server.stop for server in reversed(self._servers.all())),
                *self._commands.endings(interrupt=interrupt),
                partial(note.remove_labelled, signals),
                partial(note.take_down, signals),
                partial(self._pump.stop, self._place.of_pages, interrupt=interrupt),
                self._pump.close,
                self._take_late_output,
            ],
        )

    def _take_late_output(self) -> None:
        for running, result in self._late:
            running.fill(result)

    def _one(self, planned: PlannedStep) -> StepResult:
        if planned.action is Action.SKIP:
            return planned.result(Outcome.SKIPPED, planned.reason)
        missing = self._missing(planned)
        if missing:
            return planned.result(Outcome.SKIPPED, missing)
        started, begun = datetime.now(UTC), time.monotonic()
        try:
            result = self._replace(planned) if planned.action is Action.REPLACE else self._execute(planned)
        except (GB10DocsError, OSError) as error:
            if isinstance(error, OSError) and not is_sick(error):
                raise
            result = self._could_not(planned, error)
        result.started, result.duration_s = started, round(time.monotonic() - begun, 4)
        return result

    def _could_not(self, planned: PlannedStep, error: Exception) -> StepResult:
        """The result of a step that could not be begun, or followed to its end."""
        running, self._running = self._running, None
        result = planned.result(Outcome.FAILED, self._redactor.text(str(error)))
        if running:
            if running.execution:
                running.execution.kill()
            running.fill(result)
        return result

    def _missing(self, planned: PlannedStep) -> str:
        """Why a planned step cannot be reached any more, empty if it can."""
        if self._first_failed and not self._keep_going:
            return f"not reached: '{self._first_failed}' failed; --keep-going runs what does not depend on it"
        uses = (self._ids[key] for key in planned.after if key in self._ids)
        needed = next((step_id for step_id in uses if step_id in self._not_passed), "")
        return f"needs '{needed}', which did not pass" if needed else ""

    def _finish(self, planned: PlannedStep, result: StepResult) -> None:
        self._results.append(result)
        if result.outcome is Outcome.FAILED:
            self._failed(result.id)
        elif result.outcome is Outcome.SKIPPED and planned.action is not Action.SKIP:
            self._not_passed.add(result.id)
        self._observer.step_finished(result)

    def _failed(self, step_id: str) -> None:
        self._first_failed = self._first_failed or step_id
        self._not_passed.add(step_id)

    def _replace(self, planned: PlannedStep) -> StepResult:
        """Supply the effect of a step whose command cannot run here."""
        self._commands.settle()
        about = self._servers.stand_in(planned, planned.service) if planned.service else ""
        self._servers.stop(planned.step.snippet.header.stops)
        return planned.result(Outcome.REPLACED, f"{planned.reason}: {about}" if about else planned.reason)

    def _execute(self, planned: PlannedStep) -> StepResult:
        step, header = planned.step, planned.step.snippet.header
        port = (
            planned.service.port if planned.service else servers.port_of(header.ready) if header.ready else 0
        )
        if port:
            self._commands.settle()
            ports.refuse_taken(port, step.snippet.place)
        if planned.service and planned.stood_in:
            self._place.note.note_labelled()
        elif planned.service:
            self._place.note.note_compose(planned.service.file)
        copy = self._commands.freeze(step)
        running = self._running = Running(planned, *self._commands.captures(step), datetime.now(UTC))
        self._show(running)
        try:
            running.execution = self._commands.begin(step, copy, running.out, running.err)
            exit_code, reason = self._follow(planned, running.execution, copy)
        finally:
            self._pump.on_tick = _nothing
        result = self._judge(running, exit_code, reason)
        self._running = None
        if not (running.out.ended and running.err.ended):
            self._late.append((running, result))
        return result

    def _show(self, running: Running) -> None:
        """Tell the observer of a step while it runs."""
        step = running.planned.step
        self._observer.step_started(step.id, self._redactor.text(_first_line(step)))
        begun = time.monotonic()
        self._pump.on_tick = lambda: self._observer.step_progress(
            step.id, time.monotonic() - begun, running.out.last_line() or running.err.last_line()
        )

    def _follow(self, planned: PlannedStep, execution: Execution, copy: str) -> tuple[int | None, str]:
        """Wait for a step's end, or for a foreground server to be up: exit code, and why it failed."""
        step, header = planned.step, planned.step.snippet.header
        deadline = time.monotonic() + patience(header.timeout)
        if header.ready:
            if servers.wait_until_healthy(header.ready, self._pump, deadline, execution.done):
                return None, self._servers.take_up(planned, execution)
            what = f"{header.ready} did not answer within"
        else:
            self._pump.run(execution.done, deadline)
            what = "not done after"
        if not execution.done():
            execution.kill()
            return (
                None,
                f"{step.snippet.place}: {what} its timeout of {patience(header.timeout):g} s, so it was stopped",
            )
        ending = execution.ending()
        reason = failure.why(ending, step.snippet, copy, execution.stderr.text)
        if header.ready and not reason:
            reason = f"{step.snippet.place}: the server ended before {header.ready} answered"
        return ending.exit_code, reason

    def _judge(self, running: Running, exit_code: int | None, reason: str) -> StepResult:
        """Check what a step has printed, and the servers that it has started or stopped, within its timeout again."""
        planned, step, header = running.planned, running.planned.step, running.planned.step.snippet.header
        result = planned.result(Outcome.PASSED, "")
        result.exit_code = exit_code
        running.fill(result)
        if not reason:
            printed, mask = running.out.raw(), self._redactor.text
            result.checks = check(
                header.expect,
                printed,
                step.snippet.body,
                real=not planned.stand_ins,
                mask=mask,
                deadline=time.monotonic() + patience(header.timeout),
                checkpoint=self._pump.checkpoint,
            )
            broken = [one for one in result.checks if not one.held]
            reason = f"{step.snippet.place}: expected {broken[0].name}; {broken[0].message}" if broken else ""
        try:
            if not reason:
                self._servers.settle(planned, result)
        except GB10DocsError as error:
            reason = str(error)
        if reason:
            alone = standing_alone.explain(step.snippet, result.stderr)
            reason += f"; {alone}" if alone else ""
            result.outcome, result.reason = Outcome.FAILED, self._redactor.text(reason)
            self._explain_container(planned, result)
        return result

    def _explain_container(self, planned: PlannedStep, result: StepResult) -> None:
        """Tell of a service that did not come up: its containers, and the end of their log."""
        if planned.service:
            server = servers.ComposeServer(planned.service)
            result.containers = server.describe()
            tail = self._redactor.text(server.tail()).rstrip()
            if tail not in result.reason:
                result.reason += f"\n{tail}"

    def _look_after_servers(self) -> None:
        """A server that has died since turns the step that started it failed."""
        for name, step_id, server, wrong in self._servers.dead():
            tail = self._redactor.text(server.tail())
            self._failed(step_id)
            for result in self._results:
                if result.id == step_id:
                    result.outcome, result.reason = (
                        Outcome.FAILED,
                        f"server '{name}' died later: {wrong}\n{tail}".rstrip(),
                    )
                    result.containers = server.describe() or result.containers
                    self._observer.step_amended(result)


def _first_line(step: Step) -> str:
    return step.snippet.body.strip().splitlines()[0]


def _nothing() -> None:
    pass
