"""Everything a run without a GB10 stands on: the throwaway home, the local hub, and the embedded server."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gb10docs.engines.compose import FILE, OVERRIDE, Service
from gb10docs.plan.plan import Action, Plan
from gb10docs.plan.targets.cpu import VLLM
from gb10docs.run.servers import Server, StandInServer
from gb10docs.standins import home

if TYPE_CHECKING:
    from gb10docs.standins.host import Host

CONTEXT = 8192
"""Tokens a service may hold where its Compose file does not say."""


class Supply:
    """What the stand-ins of some plans need; nothing is started that they do not use.

    Args:
        root: The tree that the pages are in.
        scratch: The run's temporary folder.
        marked: Environment of whatever is started.
        progress: Told bytes received and bytes in all while the model is fetched, which happens once a machine.
        log: Where the embedded server's log is kept, should it fail.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        root: Path,
        scratch: Path,
        marked: Mapping[str, str],
        progress: Callable[[int, int], None] | None,
        log: Path,
    ) -> None:
        self._stand_ins = {
            one
            for plan in plans
            for planned in plan.steps
            if planned.action is not Action.SKIP
            for one in planned.stand_ins
        }
        self._scratch, self._vllm = scratch, plans[0].target.vllm
        self._image = ""
        self._home = scratch / "home"
        texts = (planned.step.snippet.text for plan in plans for planned in plan.steps)
        home.seed(self._home, user_home=Path.home(), texts=texts)
        hosted = any(one.name != VLLM for one in self._stand_ins)
        self._host = self._start_host(log, marked, progress) if hosted else None
        contained = plans[0].target.in_containers and any(one.kind == "engine" for one in self._stand_ins)
        if self._host and contained:
            from gb10docs.standins import image

            self._image = image.obtain(root, self._host.gguf, scratch)

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
            from gb10docs.engines.vllm import VllmProcess

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

    def _start_host(
        self, log: Path, marked: Mapping[str, str], progress: Callable[[int, int], None] | None
    ) -> Host:
        from gb10docs.machine import extras
        from gb10docs.standins import checkpoint, weights
        from gb10docs.standins.host import Host

        extras.require("stand-ins")
        store = weights.default_store()
        gguf = weights.smollm2(store, progress=progress)
        host = Host(gguf, stderr=log, env={**os.environ, **marked})
        host.start()
        self._checkpoint = checkpoint.smollm2(gguf, store)
        return host
