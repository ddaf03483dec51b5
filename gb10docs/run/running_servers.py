"""The servers of one page's run: who started each, whether it still answers, and that it is gone when it should be."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from functools import partial

from gb10docs.engines import engine
from gb10docs.engines.compose import Service
from gb10docs.engines.process import EngineProcess
from gb10docs.engines.server import Server
from gb10docs.machine import ports
from gb10docs.machine.hardware import patience
from gb10docs.plan.plan import PlannedStep
from gb10docs.results.observer import Observer
from gb10docs.results.result import StepResult
from gb10docs.run import servers
from gb10docs.run.execution import Execution
from gb10docs.run.servers import NotReady
from gb10docs.run.streams import Pump
from gb10docs.run.workspace import Workplace


class RunningServers:
    """What answers now, by service, each with the id of the step that started it."""

    def __init__(self, place: Workplace, pump: Pump, observer: Observer) -> None:
        self._place, self._pump, self._observer = place, pump, observer
        self._running: dict[str, tuple[Server, str]] = {}

    def all(self) -> list[Server]:
        """Those that have not been stopped."""
        return [server for server, _ in self._running.values()]

    def stand_in(self, planned: PlannedStep, service: Service) -> str:
        """Let something else answer for a service; returns what there is to say of it."""
        step, header = planned.step, planned.step.snippet.header
        assert self._place.supply
        ports.refuse_taken(service.port, step.snippet.place)
        model = next((need.value for need in header.needs if need.kind == "model"), "")
        deadline = _limit(planned)
        serve = partial(self._place.supply.serve, service, model, self._place.environment)
        server = self._pump.call(serve, deadline)
        if server is None:
            raise NotReady(
                f"{step.snippet.place}: nothing answers for it after {patience(header.timeout):g} s"
            )
        self._running[header.server] = (server, step.id)
        if isinstance(server, EngineProcess):
            self._await(planned, server, engine(service.engine).health)
        servers.insist_on_sense(server, service.served_name, self._pump, deadline, real=False)
        return server.about() if isinstance(server, EngineProcess) else ""

    def _await(self, planned: PlannedStep, server: EngineProcess, route: str) -> None:
        """Wait until an engine has loaded its model and answers at the route of its health."""
        step, begun = planned.step, time.monotonic()
        self._observer.step_started(step.id, planned.reason)
        self._pump.on_tick = lambda: self._observer.step_progress(
            step.id, time.monotonic() - begun, self._place.redactor.text(server.tail().rpartition("\n")[2])
        )
        try:
            servers.insist_on_health(server, route, begun + patience(step.snippet.header.timeout), self._pump)
        except NotReady:
            del self._running[server.name]
            server.stop()
            raise
        finally:
            self._pump.on_tick = lambda: None

    def take_up(self, planned: PlannedStep, execution: Execution) -> str:
        """Watch a foreground server from now on; why it is of no use, empty if it is."""
        header = planned.step.snippet.header
        server = servers.ForegroundServer(header.server, header.ready, execution)
        self._running[header.server] = (server, planned.step.id)
        try:
            servers.insist_on_sense(server, "", self._pump, _limit(planned), real=False)
        except NotReady as error:
            del self._running[header.server]
            server.stop()
            return f"{planned.step.snippet.place}: {error}"
        return ""

    def settle(self, planned: PlannedStep, result: StepResult) -> None:
        """What the step started answers sanely, and what it stopped is gone."""
        header = planned.step.snippet.header
        if planned.service:
            server = servers.ComposeServer(planned.service)
            self._running[planned.service.name] = (server, planned.step.id)
            servers.insist_on_sense(
                server,
                planned.service.served_name,
                self._pump,
                _limit(planned),
                real=not planned.stand_ins,
                quiet=engine(planned.service.engine).thinking(False),
            )
            result.containers = self._pump.call(server.describe, _limit(planned)) or []
        for name in header.stops:
            server_and_id = self._running.pop(name, None)
            if server_and_id:
                servers.confirm_stopped(server_and_id[0], planned.step.snippet.place, self._pump)

    def stop(self, names: Sequence[str]) -> None:
        """Stop what stands in for these services."""
        for name in names:
            self._running.pop(name)[0].stop()

    def dead(self) -> Iterator[tuple[str, str, Server, str]]:
        """Those that have died since: service, the step that started it, the server, and what became of it."""
        for name, (server, step_id) in list(self._running.items()):
            asks_docker = isinstance(server, servers.ComposeServer)
            if wrong := self._pump.call(server.dead, math.inf) if asks_docker else server.dead():
                del self._running[name]
                yield name, step_id, server, wrong


def _limit(planned: PlannedStep) -> float:
    """When what is asked of a step's server has to be answered: whatever is waited for has the step's timeout."""
    return time.monotonic() + patience(planned.step.snippet.header.timeout)
