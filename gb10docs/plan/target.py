"""Kinds of machine: what each can meet of a step's needs, and what it supplies in place of the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from gb10docs.engines.compose import Service
from gb10docs.errors import did_you_mean
from gb10docs.pages.need import Need
from gb10docs.pages.page import Step
from gb10docs.plan import BadPlan
from gb10docs.results.result import StandIn
from gb10docs.standins.supply import Order, Supply

NAMES = ("auto", "gb10", "nvidia", "cpu")


class Met(NamedTuple):
    """A need is met, for real or by a stand-in."""

    stand_in: StandIn | None = None


class Unmet(NamedTuple):
    """A need is not met: why, and what would meet it."""

    reason: str


class Target(Protocol):
    """A kind of machine."""

    name: str
    stand_in: str
    """What answers in place of the page's engines, one of `standins.catalog.CHOICES`; empty where nothing does."""
    in_containers: bool
    """What stands in for an engine is a container, which the page's own commands start and stop."""
    vllm: str
    """The distribution of vLLM that answers as a process for services of that engine; empty where none does."""

    def meet(self, need: Need, step: Step, /) -> Met | Unmet:
        """How this machine meets a need that no earlier step meets."""

    def engine(self, service: Service, /) -> StandIn | Unmet | None:
        """What answers in place of a service; None where the service itself does."""

    def model(self, name: str, step: Step, /) -> StandIn | None:
        """What a step gets in place of the model that it makes."""

    def supply(self, order: Order, /) -> Callable[[], Supply] | None:
        """What starts the stand-ins for what the pages name; None where there are none."""


def choose(name: str, *, allow: frozenset[str] = frozenset(), stand_in: str = "") -> Target:
    """The target of that name; `auto` looks at the machine.

    Args:
        name: One of `NAMES`.
        allow: What the user has granted of `privileged` and `destructive`.
        stand_in: One of `standins.catalog.CHOICES`; empty for the default.
    """
    from gb10docs.plan.targets.cpu import Cpu
    from gb10docs.plan.targets.nvidia import Nvidia
    from gb10docs.plan.targets.real import Real

    if name not in NAMES:
        raise BadPlan(f"no target '{name}': {did_you_mean(name, NAMES)}")
    if name == "auto":
        from gb10docs.machine import hardware

        name = "gb10" if "GB10" in hardware.look().gpu else "cpu"
    if name == "cpu":
        return Cpu(allow, stand_in) if stand_in else Cpu(allow)
    if stand_in:
        raise BadPlan(f"--stand-in {stand_in}: nothing stands in on target {name}; add --target cpu")
    return Nvidia(allow) if name == "nvidia" else Real(name, allow)
