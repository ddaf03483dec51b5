"""Everything a run without a GB10 stands on: the throwaway home, the local hub, and the embedded server."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gb10docs.compose import Service
from gb10docs.plan import Action, Plan
from gb10docs.servers import StandInServer
from gb10docs.standins import home
from gb10docs.standins.host import Host
from gb10docs.standins.rules import Service as Listener

CONTEXT = 8192
"""Tokens a service may hold where its Compose file does not say."""


class Supply:
    """What the stand-ins of some plans need; nothing is started that they do not use.

    Args:
        scratch: The run's temporary folder.
        marked: Environment of whatever is started.
        progress: Told bytes received and bytes in all while the model is fetched, which happens once a machine.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        scratch: Path,
        marked: Mapping[str, str],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._stand_ins = {
            one
            for plan in plans
            for planned in plan.steps
            if planned.action is not Action.SKIP
            for one in planned.stand_ins
        }
        self._home = scratch / "home"
        home.seed(self._home, user_home=Path.home())
        self._host = self._start_host(scratch, marked, progress) if self._stand_ins else None

    def environment(self) -> dict[str, str]:
        """The variables that a session gets on top of the user's own."""
        variables = home.environment(self._home)
        repositories = {one.instead_of for one in self._stand_ins if one.kind == "model"}
        if self._host and repositories:
            port = self._host.hub(dict.fromkeys(repositories, self._checkpoint))
            variables["HF_ENDPOINT"] = f"http://127.0.0.1:{port}"
        return variables

    def serve(self, service: Service, model: str) -> StandInServer:
        """Answer for a Compose service on its port; `model` is the repository that the page serves."""
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
        """End the embedded server."""
        if self._host:
            self._host.stop()

    def _start_host(
        self, scratch: Path, marked: Mapping[str, str], progress: Callable[[int, int], None] | None
    ) -> Host:
        from gb10docs.standins import checkpoint, weights

        store = weights.default_store()
        gguf = weights.smollm2(store, progress=progress)
        host = Host(gguf, stderr=scratch / "stand-in.log", env={**os.environ, **marked})
        host.start()
        self._checkpoint = checkpoint.smollm2(gguf, store)
        return host
