"""Plan in, results out: the only loop.

Steps run one after the other in sessions; servers that they start are watched until they are stopped; whatever
happens, nothing of the run is left when it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import gb10docs
from gb10docs import blame, containers, lock, machine, ports, processes, servers
from gb10docs.errors import GB10DocsError
from gb10docs.expect import check
from gb10docs.lock import Holder, Lock
from gb10docs.observe import Observer
from gb10docs.pages import Step
from gb10docs.plan import Action, Plan, PlannedStep
from gb10docs.redact import Redactor, this_machine
from gb10docs.results import Outcome, Report, StepResult, summarize
from gb10docs.scripts import Scripts
from gb10docs.servers import Server
from gb10docs.sessions import Execution, Session
from gb10docs.signals import Interrupted, Signals
from gb10docs.streams import Capture, Pump
from gb10docs.targets.real import search_path

if TYPE_CHECKING:
    from gb10docs.standins.supply import Supply

FetchProgress = Callable[[int, int], None]


def run_plan(
    plan: Plan, root: Path, observer: Observer, *, keep_going: bool = False, fetching: FetchProgress | None = None
) -> tuple[Report, bool]:
    """Run one page's plan; returns the report, and whether it was interrupted.

    Raises:
        Busy: Another run holds the machine.
    """
    started = datetime.now(UTC)
    identity = uuid.uuid4().hex[:12]
    scratch = Path(tempfile.mkdtemp(prefix="gb10docs-"))
    holder = Holder(identity, os.getpid(), plan.page.relative, str(os.getuid()), lock.now(), str(scratch))
    observer.planned(plan.page.relative, [planned.step.id for planned in plan.steps])
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        held = stack.enter_context(lock.hold(holder))
        signals = stack.enter_context(Signals(identity))
        run = Run(plan, root, scratch, identity, held, observer, keep_going=keep_going)
        try:
            run.prepare(fetching)
            run.steps()
        except Interrupted:
            run.interrupted()
        finally:
            signals.finally_(run.close)
    report = Report(
        schema="gb10docs.report/1",
        gb10docs=gb10docs.__version__,
        lesson=plan.page.name,
        page=plan.page.relative,
        target=plan.target.name,
        machine=machine.look().model_copy(update={"target": plan.target.name}),
        started=started,
        finished=datetime.now(UTC),
        steps=run.results,
        summary=summarize(run.results),
    )
    observer.finished(report)
    return report, run.was_interrupted


class Run:
    """One page's run: its sessions, its servers, its results."""

    def __init__(
        self, plan: Plan, root: Path, scratch: Path, identity: str, held: Lock, observer: Observer, *, keep_going: bool
    ) -> None:
        self.results: list[StepResult] = []
        self.was_interrupted = False
        self._plan, self._root, self._scratch = plan, root, scratch
        self._identity, self._lock, self._observer, self._keep_going = identity, held, observer, keep_going
        self._pump = Pump()
        self._sessions: dict[str, Session] = {}
        self._servers: dict[str, tuple[Server, str]] = {}
        self._scripts: Scripts | None = None
        self._current: PlannedStep | None = None
        places = {f"{scratch}/": "", str(root): "."}
        self._redactor = Redactor.from_environment(os.environ, {**places, **this_machine(os.environ)})
        self._environment: Mapping[str, str] = {}
        self._supply: Supply | None = None
        self._strangers: set[int] = set()

    def prepare(self, fetching: FetchProgress | None) -> None:
        """Everything that has to be there before the first step."""
        processes.adopt_orphans()
        self._strangers = processes.descendants(os.getpid())
        marked = {processes.MARK: self._identity}
        extra: Mapping[str, str] = {}
        if self._plan.target.name == "cpu":
            from gb10docs.standins.supply import Supply

            self._supply = Supply(self._plan, self._scratch, marked, fetching)
            extra = self._supply.environment()
        self._environment = {**os.environ, **extra, "PATH": search_path(), **marked}

    def steps(self) -> None:
        """Every step of the plan, in page order."""
        for planned in self._plan.steps:
            self._current = planned
            self._finish(self._one(planned))
            self._look_after_servers()
        self._current = None

    def interrupted(self) -> None:
        """Account for the step that was running and those that were not reached."""
        self.was_interrupted = True
        done = {result.id for result in self.results}
        for planned in self._plan.steps:
            if planned.step.id not in done:
                running = planned is self._current
                outcome = Outcome.FAILED if running else Outcome.SKIPPED
                self._finish(_result(planned, outcome, "interrupted" if running else "not reached: interrupted"))

    def close(self) -> None:
        """Leave nothing: servers, sessions, and every process that carries the run's mark."""
        for server, _ in self._servers.values():
            with contextlib.suppress(GB10DocsError):
                server.stop()
        self._servers.clear()
        for file in self._lock.holder.compose:
            containers.down(Path(file))
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        if self._scripts:
            self._scripts.close()
        if self._supply:
            self._supply.close()
        self._pump.close()
        processes.stop(lambda: processes.of_run(self._identity) - self._strangers)

    def _one(self, planned: PlannedStep) -> StepResult:
        if planned.action is Action.SKIP:
            return _result(planned, Outcome.SKIPPED, planned.reason)
        missing = self._missing(planned)
        if missing:
            return _result(planned, Outcome.SKIPPED, missing)
        started, begun = datetime.now(UTC), time.monotonic()
        try:
            result = self._replace(planned) if planned.action is Action.REPLACE else self._execute(planned)
        except GB10DocsError as error:
            result = _result(planned, Outcome.FAILED, self._redactor.text(str(error)))
        result.started, result.duration_s = started, round(time.monotonic() - begun, 4)
        return result

    def _missing(self, planned: PlannedStep) -> str:
        """Why a planned step cannot be reached any more, empty if it can."""
        failed = [result for result in self.results if result.outcome is Outcome.FAILED]
        if failed and not self._keep_going:
            return f"not reached: '{failed[0].id}' failed; --keep-going runs what does not depend on it"
        gone = {result.id for result in self.results if result.outcome in {Outcome.FAILED, Outcome.SKIPPED}}
        skipped_by_plan = {one.step.id for one in self._plan.steps if one.action is Action.SKIP}
        needed = next((id for id in planned.after if id in gone - skipped_by_plan), "")
        return f"needs '{needed}', which did not pass" if needed else ""

    def _finish(self, result: StepResult) -> None:
        self.results.append(result)
        self._observer.step_finished(result)

    def _replace(self, planned: PlannedStep) -> StepResult:
        """Supply the effect of a step whose command cannot run here."""
        step, header = planned.step, planned.step.snippet.header
        if planned.service:
            assert self._supply
            ports.refuse_taken(planned.service.port, _at(step))
            model = next((need.value for need in header.needs if need.kind == "model"), "")
            self._servers[header.server] = (self._supply.serve(planned.service, model), step.id)
            self._be_sane(header.server, planned.service.served_name, real=False)
        for name in header.stops:
            self._servers.pop(name)[0].stop()
        return _result(planned, Outcome.REPLACED, planned.reason)

    def _execute(self, planned: PlannedStep) -> StepResult:
        step, header = planned.step, planned.step.snippet.header
        port = planned.service.port if planned.service else servers.port_of(header.ready) if header.ready else 0
        if port:
            ports.refuse_taken(port, _at(step))
        if planned.service:
            self._lock.note_compose(planned.service.file)
        copy = self._freeze(step)
        out, err = (Capture(self._redactor.stream(), self._log(step, name)) for name in ("stdout", "stderr"))
        self._observer.step_started(step.id, _first_line(step))
        begun = time.monotonic()
        self._pump.on_tick = lambda: self._observer.step_progress(
            step.id, time.monotonic() - begun, out.last_line() or err.last_line()
        )
        try:
            execution = self._begin(step, copy, out, err)
            exit_code, reason = self._follow(planned, execution, copy)
        finally:
            self._pump.on_tick = _nothing
        return self._judge(planned, out, err, exit_code, reason)

    def _begin(self, step: Step, copy: Path, out: Capture, err: Capture) -> Execution:
        session = self._session(step.snippet.header.session)
        if step.snippet.language == "bash":
            return session.begin(copy, out, err)
        if self._scripts is None:
            wanted = (name for planned in self._plan.steps for name in planned.step.snippet.dependencies)
            self._scripts = Scripts(self._pump, self._environment, wanted)
        return self._scripts.begin(copy, session.surroundings(), out, err)

    def _follow(self, planned: PlannedStep, execution: Execution, copy: Path) -> tuple[int | None, str]:
        """Wait for a step's end, or for a foreground server to be up: exit code, and why it failed if it did."""
        step, header = planned.step, planned.step.snippet.header
        deadline = time.monotonic() + header.timeout
        if header.ready and self._comes_up(planned, execution, deadline):
            return None, ""
        if not self._pump.run(execution.done, deadline):
            execution.kill()
            return None, f"{_at(step)}: not done after its timeout of {header.timeout:g} s, so it was stopped"
        ending = execution.ending()
        reason = blame.why(ending, step.snippet, copy)
        if header.ready and not reason:
            reason = f"{_at(step)}: the server ended before {header.ready} answered"
        return ending.exit_code, reason

    def _comes_up(self, planned: PlannedStep, execution: Execution, deadline: float) -> bool:
        header = planned.step.snippet.header
        if not servers.wait_until_healthy(header.ready, self._pump, deadline, execution.done):
            return False
        server = servers.ForegroundServer(header.session, header.ready, self._session(header.session), execution)
        self._servers[header.session] = (server, planned.step.id)
        self._be_sane(header.session, "", real=False)
        return True

    def _judge(
        self, planned: PlannedStep, out: Capture, err: Capture, exit_code: int | None, reason: str
    ) -> StepResult:
        step, header = planned.step, planned.step.snippet.header
        result = _result(planned, Outcome.PASSED, "")
        result.exit_code, result.stdout, result.stderr = exit_code, out.text(), err.text()
        result.log = out.log or err.log
        if not reason:
            result.checks = check(header.expect, result.stdout, step.snippet.body, real=not planned.stand_ins)
            broken = [one for one in result.checks if not one.held]
            reason = f"{_at(step)}: expected {broken[0].name}; {broken[0].message}" if broken else ""
        try:
            if not reason:
                self._servers_after(planned, result)
        except GB10DocsError as error:
            reason = str(error)
        if reason:
            result.outcome, result.reason = Outcome.FAILED, self._redactor.text(reason)
            self._explain_container(planned, result)
        return result

    def _explain_container(self, planned: PlannedStep, result: StepResult) -> None:
        """Of a service that did not come up: its containers, and the end of their log."""
        if planned.service:
            server = servers.ComposeServer(planned.service)
            result.containers = server.describe()
            result.reason = self._redactor.text(f"{result.reason}\n{server.tail()}".rstrip())

    def _servers_after(self, planned: PlannedStep, result: StepResult) -> None:
        """What the step started answers sanely, and what it stopped is gone."""
        header = planned.step.snippet.header
        if planned.service:
            server = servers.ComposeServer(planned.service)
            self._servers[planned.service.name] = (server, planned.step.id)
            self._be_sane(planned.service.name, planned.service.served_name, real=not planned.stand_ins)
            result.containers = server.describe()
        for name in header.stops:
            server_and_id = self._servers.pop(name, None)
            if server_and_id:
                servers.confirm_stopped(server_and_id[0], _at(planned.step), self._pump)

    def _be_sane(self, name: str, model: str, *, real: bool) -> None:
        server, _ = self._servers[name]
        deadline = time.monotonic() + servers.PROBE_SECONDS
        wrong = self._pump.call(lambda: servers.probe(server.port, model, real=real), deadline)
        if wrong is None or wrong:
            tail = server.tail()
            problem = wrong or f"no answer to the probe prompt within {servers.PROBE_SECONDS:g} s"
            raise servers.NotReady(f"server '{name}' on port {server.port}: {problem}\n{tail}".rstrip())

    def _look_after_servers(self) -> None:
        """A server that has died since turns the step that started it failed."""
        for name, (server, step_id) in list(self._servers.items()):
            wrong = server.dead()
            if not wrong:
                continue
            tail = self._redactor.text(server.tail())
            del self._servers[name]
            for result in self.results:
                if result.id == step_id:
                    result.outcome, result.reason = Outcome.FAILED, f"server '{name}' died later: {wrong}\n{tail}".rstrip()
                    result.containers = server.describe() or result.containers
                    self._observer.step_finished(result)

    def _session(self, name: str) -> Session:
        if name not in self._sessions:
            self._sessions[name] = Session(self._root, self._environment, self._pump)
        return self._sessions[name]

    def _freeze(self, step: Step) -> Path:
        """The text that runs, out of reach of an editor; its line numbers are those of the file."""
        number = len(self.results)
        copy = self._scratch / str(number) / "snippets" / step.snippet.name
        copy.parent.mkdir(parents=True)
        copy.write_text(step.snippet.text)
        return copy

    def _log(self, step: Step, stream: str) -> Path:
        from platformdirs import user_state_path

        return user_state_path("gb10docs") / "logs" / self._identity / f"{step.id.replace('/', '-')}.{stream}"


def _result(planned: PlannedStep, outcome: Outcome, reason: str) -> StepResult:
    step = planned.step
    return StepResult(
        id=step.id,
        snippet=step.snippet.name,
        language=step.snippet.language,
        page=step.page,
        line=step.line,
        outcome=outcome,
        reason=reason,
        stand_ins=list(planned.stand_ins),
        sha256=step.snippet.sha256,
        optional=step.snippet.header.optional,
    )


def _at(step: Step) -> str:
    return f"snippets/{step.snippet.name}"


def _first_line(step: Step) -> str:
    return step.snippet.body.strip().splitlines()[0]


def _nothing() -> None:
    pass

