"""Plan in, results out: the only loop.

Steps run one after the other in sessions; servers that they start are watched until they are stopped;
whatever happens, nothing of the run is left when it ends.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import gb10docs
from gb10docs import blame, machine, ports, private, processes, servers, standing_alone
from gb10docs.errors import GB10DocsError
from gb10docs.expect import check
from gb10docs.observe import Observer
from gb10docs.pages import Step
from gb10docs.plan import Action, Plan, PlannedStep
from gb10docs.redact import Redactor
from gb10docs.results import Outcome, Report, StepResult, summarize
from gb10docs.running_servers import RunningServers
from gb10docs.script_requirements import Interpreters
from gb10docs.scripts import Scripts
from gb10docs.sessions import Execution, Session, Surroundings
from gb10docs.signals import Interrupted, Signals
from gb10docs.streams import Capture, Pump
from gb10docs.workplace import FetchProgress, Workplace, workplace

Keep = Callable[[Plan, Report], None]
"""What takes a page's report to where it is kept."""


def run_plans(
    plans: Sequence[Plan],
    root: Path,
    observer: Observer,
    *,
    keep: Keep | None = None,
    keep_going: bool = False,
    fetching: FetchProgress | None = None,
    redactor: Redactor | None = None,
) -> tuple[list[Report], bool]:
    """Run the pages of an invocation; returns their reports, and whether it was interrupted.

    A page that builds on one in which a step failed is reported, but not begun. `keep` gets each page's plan and
    report as soon as the page has ended, however it ended: before any observer hears of its end, and before the
    next page begins. What is told and kept is masked by `redactor`; by this machine's own where none is given.

    Raises:
        Busy: Another run holds the machine.
    """
    reports: list[Report] = []
    stopped: set[str] = set()
    interrupted = False
    redactor = redactor or private.of_run(root, plans)
    with workplace(root, redactor) as place, Signals(place.processes) as signals:
        try:
            with signals.interruptible():
                place.prepare(plans, fetching)
        except Interrupted:
            interrupted = True
        try:
            for plan in plans:
                blocked = "interrupted" if interrupted else "" if keep_going else _blocked(plan, stopped)
                run = Run(plan, place, observer, keep_going=keep_going)
                reports.append(_run_page(run, plan, observer, signals, blocked))
                if keep:
                    keep(plan, reports[-1])
                observer.finished(reports[-1])
                interrupted = interrupted or run.was_interrupted
                if blocked or reports[-1].summary.failed:
                    stopped.add(plan.page.name)
        finally:
            place.close()
    return reports, interrupted


def _run_page(run: Run, plan: Plan, observer: Observer, signals: Signals, blocked: str) -> Report:
    started = datetime.now(UTC)
    observer.planned(plan.page.relative, [planned.step.id for planned in plan.steps])
    try:
        with signals.interruptible(run.pump):
            run.skip(blocked) if blocked else run.steps()
    except Interrupted:
        run.interrupted()
    finally:
        run.close()
    return Report(
        gb10docs=gb10docs.__version__,
        lesson=plan.page.name,
        page=plan.page.relative,
        target=plan.target.name,
        machine=replace(machine.look(), target=plan.target.name),
        started=started,
        finished=datetime.now(UTC),
        steps=run.results,
        summary=summarize(run.results),
    )


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


class Run:
    """One page's run: its sessions, its servers, its results."""

    def __init__(self, plan: Plan, place: Workplace, observer: Observer, *, keep_going: bool) -> None:
        self.results: list[StepResult] = []
        self.was_interrupted = False
        self._plan, self._place, self._observer, self._keep_going = plan, place, observer, keep_going
        self._redactor = place.redactor
        self.pump = Pump()
        self._sessions: dict[str, Session] = {}
        self._servers = RunningServers(place, self.pump, observer)
        self._scripts: Scripts | None = None
        self._interpreters = Interpreters()
        self._running: Running | None = None
        self._late: list[tuple[Running, StepResult]] = []
        self._first_failed = ""
        self._not_passed: set[str] = set()
        self._folders: set[str] = set()
        self._ids = {one.step.key: one.step.id for one in plan.steps}
        self._before_python = {
            one.step.id
            for one, following in itertools.pairwise(plan.steps)
            if following.step.snippet.language == "python"
        }

    def steps(self) -> None:
        """Every step of the plan, in page order."""
        self._scripts = self._warm_scripts()
        for planned in self._plan.steps:
            self._finish(planned, self._one(planned))
            self._look_after_servers()

    def skip(self, why: str) -> None:
        """Account for a page that is not begun."""
        for planned in self._plan.steps:
            reason = planned.reason if planned.action is Action.SKIP else f"not reached: {why}"
            self._finish(planned, planned.result(Outcome.SKIPPED, reason))

    def interrupted(self) -> None:
        """Account for the step that was running and those that were not reached."""
        self.was_interrupted = True
        running = self._running
        for planned in self._plan.steps[len(self.results) :]:
            if running and planned is running.planned:
                result = planned.result(Outcome.FAILED, "interrupted")
                result.interrupted = True
                running.fill(result)
                result.started = running.started
                result.duration_s = round((datetime.now(UTC) - running.started).total_seconds(), 4)
                self._late.append((running, result))
            else:
                result = planned.result(Outcome.SKIPPED, "not reached: interrupted")
            self._finish(planned, result)

    def close(self) -> None:
        """Leave nothing of the run, and take in what background jobs have printed since their steps ended."""
        with contextlib.ExitStack() as last_first:
            last_first.callback(self._take_late_output)
            last_first.callback(self.pump.close)
            last_first.callback(processes.stop, self._place.of_pages, interrupt=self.was_interrupted)
            if self._scripts:
                last_first.callback(self._scripts.close)
            last_first.callback(self._place.note.take_down)
            last_first.callback(self._place.note.remove_labelled)
            for session in self._sessions.values():
                last_first.callback(session.close, interrupt=self.was_interrupted)
            for server in self._servers.all():
                last_first.callback(server.stop)
            if self._running and self._running.execution:
                last_first.callback(self._running.execution.kill)

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
        except GB10DocsError as error:
            result = planned.result(Outcome.FAILED, self._redactor.text(str(error)))
        result.started, result.duration_s = started, round(time.monotonic() - begun, 4)
        return result

    def _missing(self, planned: PlannedStep) -> str:
        """Why a planned step cannot be reached any more, empty if it can."""
        if self._first_failed and not self._keep_going:
            return f"not reached: '{self._first_failed}' failed; --keep-going runs what does not depend on it"
        uses = (self._ids[key] for key in planned.after if key in self._ids)
        needed = next((step_id for step_id in uses if step_id in self._not_passed), "")
        return f"needs '{needed}', which did not pass" if needed else ""

    def _finish(self, planned: PlannedStep, result: StepResult) -> None:
        self.results.append(result)
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
        self._settle()
        about = self._servers.stand_in(planned, planned.service) if planned.service else ""
        self._servers.stop(planned.step.snippet.header.stops)
        return planned.result(Outcome.REPLACED, f"{planned.reason}: {about}" if about else planned.reason)

    def _execute(self, planned: PlannedStep) -> StepResult:
        step, header = planned.step, planned.step.snippet.header
        port = (
            planned.service.port if planned.service else servers.port_of(header.ready) if header.ready else 0
        )
        if port:
            self._settle()
            ports.refuse_taken(port, step.snippet.place)
        if planned.service and planned.stood_in:
            self._place.note.note_labelled()
        elif planned.service:
            self._place.note.note_compose(planned.service.file)
        copy = self._freeze(step)
        out, err = self._capture(step, "stdout"), self._capture(step, "stderr")
        running = self._running = Running(planned, out, err, datetime.now(UTC))
        self._show(running)
        try:
            running.execution = self._begin(step, copy, out, err)
            exit_code, reason = self._follow(planned, running.execution, copy)
        finally:
            self.pump.on_tick = _nothing
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
        self.pump.on_tick = lambda: self._observer.step_progress(
            step.id, time.monotonic() - begun, running.out.last_line() or running.err.last_line()
        )

    def _begin(self, step: Step, copy: str, out: Capture, err: Capture) -> Execution:
        self._settle()
        session = self._session(step.snippet.header.session)
        if step.snippet.language == "bash":
            return session.begin(copy, out, err, tells=step.id in self._before_python)
        assert self._scripts
        around = _with_packages(step, session.surroundings())
        self._interpreters.refuse_unmet(step.snippet, around)
        return self._scripts.begin(copy, around, out, err)

    def _settle(self) -> None:
        """Until nothing is left of the Python step before, whose end is known a little earlier."""
        if self._scripts:
            self._scripts.settle()

    def _warm_scripts(self) -> Scripts | None:
        """What runs the Python steps of the plan, if it has any."""
        snippets = [one.step.snippet for one in self._plan.steps if one.action is Action.RUN]
        if not any(snippet.language == "python" for snippet in snippets):
            return None
        declared = (name for snippet in snippets for name in snippet.dependencies)
        return Scripts(self.pump, self._place.environment, declared)

    def _follow(self, planned: PlannedStep, execution: Execution, copy: str) -> tuple[int | None, str]:
        """Wait for a step's end, or for a foreground server to be up: exit code, and why it failed."""
        step, header = planned.step, planned.step.snippet.header
        deadline = time.monotonic() + header.timeout
        if header.ready:
            if servers.wait_until_healthy(header.ready, self.pump, deadline, execution.done):
                return None, self._servers.take_up(planned, execution)
            what = f"{header.ready} did not answer within"
        else:
            self.pump.run(execution.done, deadline)
            what = "not done after"
        if not execution.done():
            execution.kill()
            return (
                None,
                f"{step.snippet.place}: {what} its timeout of {header.timeout:g} s, so it was stopped",
            )
        ending = execution.ending()
        reason = blame.why(ending, step.snippet, copy, execution.stderr.text)
        if header.ready and not reason:
            reason = f"{step.snippet.place}: the server ended before {header.ready} answered"
        return ending.exit_code, reason

    def _judge(self, running: Running, exit_code: int | None, reason: str) -> StepResult:
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
                deadline=time.monotonic() + header.timeout,
                checkpoint=self.pump.checkpoint,
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
        """Of a service that did not come up: its containers, and the end of their log."""
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
            for result in self.results:
                if result.id == step_id:
                    result.outcome, result.reason = (
                        Outcome.FAILED,
                        f"server '{name}' died later: {wrong}\n{tail}".rstrip(),
                    )
                    result.containers = server.describe() or result.containers
                    self._observer.step_finished(result)

    def _session(self, name: str) -> Session:
        if name not in self._sessions:
            self._sessions[name] = Session(self._place.root, self._place.environment, self.pump)
        return self._sessions[name]

    def _freeze(self, step: Step) -> str:
        """The path of the text that runs, out of reach of an editor; its line numbers are those of the file."""
        copy = f"{self._place.texts}/{step.snippet.place}"
        folder = copy.rpartition("/")[0]
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103  a page has hundreds, and a Path takes longer
            self._folders.add(folder)
        with open(copy, "wb", buffering=0) as file:  # noqa: PTH123
            file.write(step.snippet.text.encode())
        return copy

    def _capture(self, step: Step, stream: str) -> Capture:
        return Capture(self._redactor, partial(self._place.log, f"{step.key.replace('/', '-')}.{stream}"))


def _with_packages(step: Step, around: Surroundings) -> Surroundings:
    """What a Python step inherits, with an interpreter that has the packages it declares."""
    packages = step.snippet.header.packages
    if not packages:
        return around
    from gb10docs.engines import environments

    python = environments.python_for(packages, around.python, around.environment)
    variables = environments.variables_for(python, around.python, around.environment)
    return around._replace(python=python, environment=variables)


def _first_line(step: Step) -> str:
    return step.snippet.body.strip().splitlines()[0]


def _nothing() -> None:
    pass
