"""What came out of a run: the outcome of each step, and the report that holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

SCHEMA = "gb10docs.report/1"


class Outcome(StrEnum):
    """What became of a step."""

    PASSED = "passed"
    """The command ran and its checks hold."""
    FAILED = "failed"
    REPLACED = "replaced"
    """The command did not run; the runner supplied its effect."""
    SKIPPED = "skipped"
    """A need is unmet; always with the reason and what would meet it."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """Something supplied in place of what the page names."""

    kind: Literal["engine", "model", "hub"]
    name: str
    """What answered: `llama.cpp`."""
    instead_of: str
    """What the page names: `trtllm`."""

    def __str__(self) -> str:
        return f"{self.name} for {self.instead_of}"


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation and whether it held."""

    name: str
    """What is checked, such as `contains '204'` or `chat`."""
    held: bool
    message: str = ""
    """What was found instead, where it did not hold."""


@dataclass(frozen=True, slots=True)
class Container:
    """What Docker says of a container that a step started."""

    service: str
    image: str
    digest: str
    state: str
    exit_code: int | None = None
    oom_killed: bool = False


@dataclass(slots=True, kw_only=True)
class StepResult:
    """One step's outcome, with what it printed."""

    id: str
    snippet: str
    """Path below `snippets/`."""
    language: str
    page: str
    line: int
    outcome: Outcome
    reason: str = ""
    """Why it failed, was replaced or skipped; empty when it passed."""
    interrupted: bool = False
    """Whether it was cut off, by Ctrl-C say, so that its outcome says nothing of the step itself."""
    stand_ins: list[StandIn] = field(default_factory=list)
    exit_code: int | None = None
    """None where no command ran to its end."""
    started: datetime | None = None
    duration_s: float = 0.0
    stdout: str = ""
    stderr: str = ""
    log: str = ""
    """Path of the whole output, where it was too long for the report."""
    checks: list[Check] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    sha256: str
    """The hash of the shown text of the snippet."""
    optional: bool = False
    """Its absence is no fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine that ran it."""

    target: str = ""
    hardware: str
    """A name such as `NVIDIA GB10` or `x86-64, 2 cores`."""
    os: str
    arch: str
    cores: int
    memory_bytes: int
    gpu: str = ""
    driver: str = ""
    python: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How many steps had which outcome."""

    passed: int = 0
    failed: int = 0
    replaced: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One page's run."""

    schema: str = SCHEMA
    gb10docs: str
    """Version of the runner."""
    lesson: str
    """The page's name: `lessons/lesson-03`."""
    page: str
    """Its path below the root: `docs/lessons/lesson-03.md`."""
    target: str
    machine: Machine
    started: datetime
    finished: datetime
    steps: list[StepResult]
    summary: Summary


def summarize(steps: Sequence[StepResult]) -> Summary:
    """Count the outcomes."""
    counts = {outcome: sum(step.outcome is outcome for step in steps) for outcome in Outcome}
    return Summary(**{outcome.value: count for outcome, count in counts.items()})
