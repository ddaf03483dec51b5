"""Kinds of machine: what each can meet of a step's needs, and what it supplies in place of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gb10docs.compose import Service
from gb10docs.errors import GB10DocsError, did_you_mean
from gb10docs.needs import Need
from gb10docs.pages import Step
from gb10docs.results import StandIn

NAMES = ("auto", "gb10", "nvidia", "cpu")


class NoSuchTarget(GB10DocsError):
    """A name that is no target."""


@dataclass(frozen=True, slots=True)
class Met:
    """A need is met, for real or by a stand-in."""

    stand_in: StandIn | None = None


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need is not met: why, and what would meet it."""

    reason: str


class Target(Protocol):
    """A kind of machine."""

    name: str

    def meet(self, need: Need, step: Step, /) -> Met | Unmet:
        """How this machine meets a need that no earlier step meets."""

    def engine(self, service: Service, /) -> StandIn | Unmet | None:
        """What answers in place of a service; None where the service itself does."""

    def model(self, name: str, step: Step, /) -> StandIn | None:
        """What a step gets in place of the model that it makes."""


def choose(name: str, *, allow: frozenset[str] = frozenset()) -> Target:
    """The target of that name; `auto` looks at the machine.

    Args:
        name: One of `NAMES`.
        allow: What the user has granted of `privileged` and `destructive`.
    """
    from gb10docs.targets.cpu import Cpu
    from gb10docs.targets.real import Real

    if name not in NAMES:
        raise NoSuchTarget(f"no target '{name}': {did_you_mean(name, NAMES)}")
    if name == "auto":
        from gb10docs import machine

        name = "gb10" if "GB10" in machine.look().gpu else "cpu"
    return Cpu(allow) if name == "cpu" else Real(name, allow)
