"""Servers that steps start: ready when healthy and sane, watched while they run, gone when stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gb10docs.engines import containers
from gb10docs.engines.compose import Service
from gb10docs.engines.server import Server
from gb10docs.errors import GB10DocsError
from gb10docs.machine import ports, processes
from gb10docs.machine.hardware import patience
from gb10docs.results.result import Container
from gb10docs.run import CannotRun
from gb10docs.run.execution import Execution
from gb10docs.run.streams import Pump

if TYPE_CHECKING:
    import httpx

PROBE = "What is 12*17? Answer with the number only."
PROBE_TOKENS = 24
QUIET = {"chat_template_kwargs": {"enable_thinking": False}}
PROBE_SECONDS = 120.0
ANSWER_BYTES = 2**20
"""Longest answer to a probe that is read."""
STOP_SECONDS = 30.0
"""How long a server may take to close its port after the step that stops it."""


class NotReady(GB10DocsError):
    """A server that does not answer, or answers no sense."""


class ComposeServer:
    """A service in a container."""

    def __init__(self, service: Service) -> None:
        self.name, self.port, self._service = service.name, service.port, service

    def dead(self) -> str:
        """Its container is gone, or has ended."""
        found = self.describe()
        if not found:
            return "its container is gone" if containers.answers() else "the Docker engine does not answer"
        container = found[0]
        if container.state == "running":
            return ""
        killed = ", killed for want of memory" if container.oom_killed else ""
        return f"its container is {container.state} with exit code {container.exit_code}{killed}"

    def tail(self) -> str:
        """Return the last lines of what its containers logged."""
        return containers.log_tail(self._service)

    def describe(self) -> list[Container]:
        """Its containers, ended ones too."""
        return containers.look(self._service)

    def stop(self) -> None:
        """Its Compose file is taken down at the run's end, whatever became of its containers."""


class ForegroundServer:
    """A command that keeps a session of its own busy."""

    def __init__(self, name: str, url: str, execution: Execution) -> None:
        self.name, self.port = name, port_of(url)
        self._execution = execution

    def dead(self) -> str:
        """Its command has ended."""
        if not self._execution.done():
            return ""
        return f"it exited with status {self._execution.ending().exit_code}"

    def tail(self) -> str:
        """Return the last lines of what its step has printed."""
        text = self._execution.stdout.text() + self._execution.stderr.text()
        return "\n".join(text.splitlines()[-20:])

    def describe(self) -> list[Container]:
        """Return no container, since it is a process."""
        return []

    def stop(self) -> None:
        """Interrupt it, then make it end."""
        if not self.dead():
            self._execution.kill()


def port_of(url: str) -> int:
    """The port of an http:// address."""
    return urlsplit(url).port or 80


def wait_until_healthy(url: str, pump: Pump, deadline: float, dead: Callable[[], bool]) -> bool:
    """Ask `url` until it answers 200; False where the deadline passes or the server ends first."""
    while time.monotonic() < deadline and not dead():
        if pump.call(lambda: _healthy(url), deadline):
            return not dead()
        pump.run(dead, min(deadline, time.monotonic() + 0.1))
    return False


def probe(port: int, model: str, *, real: bool, quiet: Mapping[str, Any] = QUIET) -> str:
    """Ask one question; returns what is wrong with the answer, empty if it is sane.

    Args:
        port: On 127.0.0.1.
        model: The served name; empty to ask the server for it.
        real: The page's own model answers, which knows that 12*17 is 204.
        quiet: What keeps the model from thinking first, in the engine's own words.
    """
    import httpx

    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", timeout=patience(PROBE_SECONDS), trust_env=False
    ) as client:
        try:
            served = [model] if model else _served(client)
            return _wrong_with(client, served[0], quiet, real=real) if served else ""
        except (httpx.HTTPError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            return f"the probe prompt failed: {error!r}"


def insist_on_health(server: Server, route: str, deadline: float, pump: Pump) -> None:
    """Raise NotReady, with the end of the server's log, unless the route of its health answers in time."""
    url = f"http://127.0.0.1:{server.port}{route}"
    if not wait_until_healthy(url, pump, deadline, lambda: bool(server.dead())):
        problem = server.dead() or f"{url} did not answer in time"
        raise NotReady(f"server '{server.name}' on port {server.port}: {problem}\n{server.tail()}".rstrip())


def insist_on_sense(
    server: Server, model: str, pump: Pump, deadline: float, *, real: bool, quiet: Mapping[str, Any] = QUIET
) -> None:
    """Raise NotReady, with the end of the server's log, unless it answers the probe prompt sanely in time."""
    begun = time.monotonic()
    wrong = pump.call(
        lambda: probe(server.port, model, real=real, quiet=quiet),
        min(deadline, begun + patience(PROBE_SECONDS)),
    )
    if wrong is None or wrong:
        problem = wrong or f"no answer to the probe prompt within {time.monotonic() - begun:.0f} s"
        raise NotReady(f"server '{server.name}' on port {server.port}: {problem}\n{server.tail()}".rstrip())


def confirm_stopped(server: Server, at: str, pump: Pump) -> None:
    """Believe that a server is stopped only when its port is closed, and see to what is left of it."""
    end = time.monotonic() + STOP_SECONDS
    while ports.is_open(server.port):
        if time.monotonic() >= end:
            who = ports.holder(server.port)
            raise CannotRun(
                f"{at}: it should have stopped '{server.name}', but port {server.port} is still held by {who}"
            )
        pump.wait(0.05)
    if isinstance(server, ForegroundServer):
        pump.run(lambda: bool(server.dead()), time.monotonic() + processes.GRACE)
        server.stop()


def _healthy(url: str) -> bool:
    import httpx

    try:
        with httpx.stream("GET", url, timeout=5.0, trust_env=False) as answer:
            return answer.status_code == 200
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _asked(client: httpx.Client, method: str, path: str, request: Any = None) -> tuple[int, bytes]:
    """The status and the body of an answer, which may be endless."""
    body = bytearray()
    with client.stream(method, path, json=request) as answer:
        for part in answer.iter_bytes():
            body += part
            if len(body) > ANSWER_BYTES:
                raise ValueError(f"an answer of more than {ANSWER_BYTES} bytes")
    return answer.status_code, bytes(body)


def _served(client: httpx.Client) -> list[str]:
    """The models that it serves; none where it is no model server at all."""
    _, body = _asked(client, "GET", "/v1/models")
    try:
        return [str(model["id"]) for model in json.loads(body)["data"]]
    except (LookupError, TypeError, ValueError, RecursionError):
        return []


def _wrong_with(client: httpx.Client, model: str, quiet: Mapping[str, Any], *, real: bool) -> str:
    request: dict[str, Any] = {
        **quiet,
        "model": model,
        "messages": [{"role": "user", "content": PROBE}],
        "max_tokens": PROBE_TOKENS,
        "temperature": 0.0,
    }
    status, body = _asked(client, "POST", "/v1/chat/completions", request)
    if status != 200:
        return f"the probe prompt got HTTP {status}: {body.decode(errors='replace')[:200]}"
    choice = json.loads(body)["choices"][0]
    text = choice["message"]["content"] or ""
    if choice["finish_reason"] not in ("stop", "length"):
        return f"the probe's finish reason is '{choice['finish_reason']}'"
    if real:
        return "" if "204" in text else f"asked 12*17, it says {text[:100]!r}, not 204"
    return (
        ""
        if len(set(text.split())) >= 3
        else f"the probe's answer has no three different words: {text[:100]!r}"
    )
