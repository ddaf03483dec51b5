"""Everything a run without a GB10 stands on: the throwaway home, the local hub, and the embedded server."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from gb10docs.engines.compose import FILE, OVERRIDE, Service
from gb10docs.engines.server import Server
from gb10docs.machine import ports
from gb10docs.results.result import Container, StandIn
from gb10docs.standins import home
from gb10docs.standins.catalog import CONTAINED, REAL_ON_CPU

if TYPE_CHECKING:
    from gb10docs.standins.host import Host

CONTEXT = 8192
"""Tokens a service may hold where its Compose file does not say."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the stand-ins of a run are wanted for, and where they may work."""

    stand_ins: frozenset[StandIn]
    """The stand-ins of all steps that will not be skipped."""
    texts: tuple[str, ...]
    """What the steps run."""
    root: Path
    """The tree that the pages are in."""
    scratch: Path
    """The run's temporary folder."""
    log: Path
    """Where the embedded server's log outlives the run, should it be needed."""
    marked: Mapping[str, str]
    """Environment of whatever is started."""
    progress: Callable[[int, int], None] | None = None
    """Told bytes received and bytes in all while the model is fetched, which happens once a machine."""


class Supply(Protocol):
    """The stand-ins of a run."""

    def environment(self) -> dict[str, str]:
        """The variables that a session gets on top of the user's own."""

    def serve(self, service: Service, model: str, environment: Mapping[str, str], /) -> Server:
        """Answer for a Compose service on its port; `model` is the repository that the page serves."""

    def processes(self) -> set[int]:
        """Those of the stand-ins, which no page has started."""

    def close(self) -> None:
        """End them."""


class StandInServer:
    """The embedded server, answering for a Compose service."""

    def __init__(self, service: Service, host: Host) -> None:
        self.name, self.port, self._host = service.name, service.port, host

    def dead(self) -> str:
        """The port is closed."""
        if ports.is_open(self.port):
            return ""
        self._host.failed = True
        return f"the stand-in server has ended (log: {self._host.stderr})"

    def tail(self) -> str:
        """Return the last lines of the stand-in process's own log."""
        return "\n".join(self._host.stderr.read_text(errors="replace").splitlines()[-20:])

    def describe(self) -> list[Container]:
        """There are no containers to describe: it is a process."""
        return []

    def stop(self) -> None:
        """The port is closed when this returns."""
        self._host.close(self.name)


class EmbeddedSupply:
    """A small model behind a real server, a local hub and a throwaway home; nothing is started that is not ordered.

    Args:
        order: What is wanted.
        vllm: The distribution of vLLM that answers for services of that engine; empty where the small model does.
    """

    def __init__(self, order: Order, *, vllm: str = "") -> None:
        self._stand_ins, self._scratch, self._vllm = order.stand_ins, order.scratch, vllm
        self._image = ""
        self._home = order.scratch / "home"
        home.seed(self._home, user_home=Path.home(), texts=order.texts)
        names = {one.name for one in self._stand_ins}
        self._host = self._start_host(order) if names - {REAL_ON_CPU.label} else None
        if self._host and CONTAINED.label in names:
            from gb10docs.standins import image

            self._image = image.obtain(order.root, self._host.gguf, order.scratch)

    def environment(self) -> dict[str, str]:
        """The variables that a session gets on top of the user's own."""
        variables = home.environment(self._home)
        repositories = {one.instead_of for one in self._stand_ins if one.kind == "model"}
        if self._host and repositories:
            port = self._host.hub({name: self._folder(name) for name in repositories})
            variables["HF_ENDPOINT"] = f"http://127.0.0.1:{port}"
        if self._image:
            variables["COMPOSE_FILE"] = os.pathsep.join([FILE, OVERRIDE])
            variables["GB10DOCS_STANDIN_IMAGE"] = self._image
        return variables

    def serve(self, service: Service, model: str, environment: Mapping[str, str]) -> Server:
        """Answer for a Compose service on its port; `model` is the repository that the page serves."""
        if self._vllm and service.engine == "vllm":
            from gb10docs.engines.vllm_process import VllmProcess

            return VllmProcess(service, environment, self._scratch, package=self._vllm)
        from gb10docs.standins.rules import Service as Listener

        assert self._host
        self._host.open(
            Listener(
                service=service.name,
                engine=service.engine,
                port=service.port,
                served_name=service.served_name,
                model=model or service.served_name,
                max_model_len=service.max_model_len or CONTEXT,
            )
        )
        return StandInServer(service, self._host)

    def processes(self) -> set[int]:
        """The embedded server's."""
        return self._host.processes() if self._host else set()

    def close(self) -> None:
        """End the embedded server; its log stays only if it has failed."""
        if self._host:
            self._host.stop()
            if not self._host.failed:
                with contextlib.suppress(OSError):
                    self._host.stderr.unlink()
                    self._host.stderr.parent.rmdir()

    def _folder(self, repository: str) -> Path:
        """The checkpoint in place of a repository: in NVFP4 where vLLM is to load that, as GGUF where that is there."""
        if repository.endswith("-GGUF"):
            return self._gguf(repository)
        if not (self._vllm and repository.endswith("NVFP4")):
            return self._checkpoint
        from gb10docs.standins import nvfp4, weights

        return nvfp4.weight_only(self._checkpoint, weights.default_store())

    def _gguf(self, repository: str) -> Path:
        """The weights as they are, under the name that such repositories give to their 4-bit file."""
        folder = self._scratch / "gguf" / repository
        folder.mkdir(parents=True, exist_ok=True)
        name = PurePosixPath(repository).name.removesuffix("-GGUF")
        assert self._host
        shutil.copy(self._host.gguf, folder / f"{name}-Q4_K_M.gguf")
        return folder

    def _start_host(self, order: Order) -> Host:
        from gb10docs.machine import extras
        from gb10docs.standins import checkpoint, weights
        from gb10docs.standins.host import Host

        extras.require("stand-ins")
        store = weights.default_store()
        gguf = weights.smollm2(store, progress=order.progress)
        host = Host(gguf, stderr=_log(order), env={**os.environ, **order.marked})
        host.start()
        self._checkpoint = checkpoint.smollm2(gguf, store)
        return host


def _log(order: Order) -> Path:
    """Where the embedded server writes; into the run's own folder, and gone with it, where no other can be had."""
    try:
        order.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return order.scratch / order.log.name
    return order.log
