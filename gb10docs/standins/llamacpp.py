"""The stand-in process: llama.cpp with one small model and the listeners before it, commanded through stdin.

A command is one JSON line, and so is its answer on stdout; the first line says that the model is loaded:
`{"open": {…}}` → `{"opened": "trtllm", "port": 8001}`, `{"close": "trtllm"}` → `{"closed": "trtllm"}`,
`{"hub": {"repos": {…}}}` → `{"hub": 40123}`, and `{"error": "…"}` for what cannot be done.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gb10docs.errors import GB10DocsError
from gb10docs.standins import NoStandIn, contract, hub
from gb10docs.standins.rules import CONTEXT, Service

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MOST_THREADS = 4
"""Threads wait for each other after each operation, so one that has to share its core stalls them all: on two
cores, one of them busy, two threads took 8 s for what one does in 0.6 s. Hence half of the cores at most.
"""

GRACE_S = 1

LIBRARY = "libgomp.so.1"
"""OpenMP's runtime, which xllamacpp's wheel does not bring and a minimal Debian does not hold."""


def main(gguf: str, parent: str) -> None:
    """Load the model, then obey stdin until it ends, or until the parent process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    _end_with(int(parent))
    llamacpp = load(Path(gguf))
    print(json.dumps({"ready": True}), file=answers)
    Listeners(llamacpp.listening_address).obey(sys.stdin, answers)
    os._exit(0)


def lacking() -> str:
    """What this machine lacks to run llama.cpp, and what brings it; empty where nothing is missing."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return f"llama.cpp needs {LIBRARY}, which this machine lacks: apt-get install libgomp1"
    return ""


def load(gguf: Path) -> Any:
    """llama.cpp's own server on a private port of 127.0.0.1, model loaded."""
    if why := lacking():
        print(why, file=sys.stderr, flush=True)  # before anything closes: who started this then reads its log
        sys.exit(1)
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(gguf)
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.port = 0
    params.cpuparams.n_threads = max(1, min((os.cpu_count() or 1) // 2, MOST_THREADS))
    params.warmup = params.fit_params = params.ui = False
    params.prefill_assistant = False  # an assistant's last message is continued where the request says so
    params.cors_origins, params.cors_origins_explicit = "", True  # no page in a browser may read an answer
    return Server(params)


class Listener:
    """One open port of 127.0.0.1, and the thread that answers on it until it is closed.

    Args:
        answer: The ASGI application.
        port: Where to listen; 0 takes any free port.
        log_level: Of its log on standard output, as uvicorn names it.
    """

    def __init__(self, answer: ASGIApp, port: int = 0, *, log_level: str = "info") -> None:
        import uvicorn

        listening = _bind(port)
        self.port: int = listening.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                answer,
                http="h11",
                ws="none",
                use_colors=False,
                log_level=log_level,
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; answers still being given are cut off after a second."""
        self._server.should_exit = True
        self._thread.join()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                raise NoStandIn(f"closed, but something else answers on port {self.port} of 127.0.0.1")


class Listeners:
    """What is open, by service, and the hub."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self._services: dict[str, Listener] = {}
        self._repos: dict[str, Path] = {}
        self._hub: Listener | None = None

    def obey(self, commands: IO[str], answers: IO[str]) -> None:
        """Answer each command in turn until there are no more."""
        for line in commands:
            try:
                answer = self.do(json.loads(line))
            except (GB10DocsError, OSError, ValueError, TypeError) as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), file=answers)

    def do(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command and say what came of it."""
        match command:
            case {"open": dict(service)}:
                return self._open(Service(**service))
            case {"close": str(name)}:
                return self._close(name)
            case {"hub": {"repos": dict(repos)}}:
                self._repos.update({name: Path(folder) for name, folder in repos.items()})
                self._hub = self._hub or Listener(hub.app(self._repos))
                return {"hub": self._hub.port}
        raise NoStandIn(f"no such command: {json.dumps(command)}")

    def _open(self, service: Service) -> dict[str, Any]:
        if service.service in self._services:
            raise NoStandIn(f"{service.service} is open already")
        self._services[service.service] = Listener(contract.app(service, self.upstream), service.port)
        return {"opened": service.service, "port": service.port}

    def _close(self, name: str) -> dict[str, Any]:
        if name not in self._services:
            raise NoStandIn(f"{name} is not open")
        self._services.pop(name).close()
        return {"closed": name}


def _bind(port: int) -> socket.socket:
    """A listening socket; from here on connections wait to be answered, so there is no moment of refusal."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
        raise NoStandIn(f"port {port} of 127.0.0.1 {why}") from error
    return listening


def _end_with(parent: int) -> None:
    """End this process at once when its parent ends, even if something else still holds our stdin open."""
    if not hasattr(os, "pidfd_open"):
        return
    try:
        handle = os.pidfd_open(parent)
    except ProcessLookupError:
        os._exit(0)

    def wait() -> None:
        select.select([handle], [], [])
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
