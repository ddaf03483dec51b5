"""Any machine: a small real model behind a real server answers in place of the page's engines."""

from __future__ import annotations

from gb10docs.compose import Service
from gb10docs.needs import Need
from gb10docs.pages import Step
from gb10docs.results import StandIn
from gb10docs.targets import Met, Unmet
from gb10docs.targets.real import Real

HUB = "huggingface.co"
ENGINE = "llama.cpp"
MODEL = "SmolLM2-135M-Instruct"
_ENGINES = frozenset({"trtllm", "vllm"})
_TAKEN_BY_STAND_IN = frozenset({"docker", "gpu", "memory", "disk", "network"})


class Cpu(Real):
    """A machine without the page's GPU."""

    def __init__(self, allow: frozenset[str]) -> None:
        super().__init__("cpu", allow)

    def meet(self, need: Need, step: Step, /) -> Met | Unmet:
        """The hub is stood in for; a step that a stand-in serves needs no container, GPU, disk or network."""
        if step.snippet.header.serves and need.kind in _TAKEN_BY_STAND_IN:
            return Met()
        if need.kind == "network" and need.value == HUB:
            return Met(StandIn(kind="hub", name="local hub", instead_of=HUB))
        if need.kind == "disk" and self._from_hub(step):
            return Met()
        if need.kind == "gpu":
            return Unmet("gpu: target cpu has none; run it on a GB10")
        return super().meet(need, step)

    def engine(self, service: Service, /) -> StandIn | Unmet | None:
        """The embedded server, for the engines whose ways it knows."""
        if service.engine not in _ENGINES:
            return Unmet(f"engine: nothing stands in for {service.engine} on target cpu; run it on a GB10")
        return StandIn(kind="engine", name=ENGINE, instead_of=service.name)

    def model(self, name: str, step: Step, /) -> StandIn | None:
        """What the local hub serves under the model's name."""
        return StandIn(kind="model", name=MODEL, instead_of=name) if self._from_hub(step) else None

    @staticmethod
    def _from_hub(step: Step) -> bool:
        return Need("network", HUB) in step.snippet.header.needs
