"""What runs on this machine, what is replaced, what is skipped, and why: decided before anything is started."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gb10docs import machine
from gb10docs.compose import Service, read_service
from gb10docs.errors import GB10DocsError, did_you_mean
from gb10docs.needs import Need, gigabytes
from gb10docs.pages import Page, Step
from gb10docs.results import StandIn
from gb10docs.targets import Target, Unmet


class BadPlan(GB10DocsError):
    """Steps that no machine could run in this order, or that this machine cannot hold."""


class Action(StrEnum):
    """What the runner will do with a step."""

    RUN = "run"
    REPLACE = "replace"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step, and what becomes of it on this target."""

    step: Step
    action: Action
    reason: str = ""
    """Why it is replaced or skipped."""
    cause: str = ""
    """Of a skipped step, the first reason in the chain: the one that a person can do something about."""
    stand_ins: tuple[StandIn, ...] = ()
    after: tuple[str, ...] = ()
    """Ids of the steps whose server, model, command or result it uses."""
    service: Service | None = None
    """Of a step that serves."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one page on one target, in page order."""

    page: Page
    target: Target
    steps: tuple[PlannedStep, ...] = field(repr=False)

    @property
    def runnable(self) -> bool:
        """Whether anything runs at all."""
        return any(planned.action is Action.RUN for planned in self.steps)


def makers(pages: Iterable[Page]) -> dict[str, dict[Need, str]]:
    """For each step, which earlier step meets which of its needs.

    Raises:
        BadPlan: A step needs or stops a server that is not up there, or a model or result that no step makes.
    """
    made: dict[Need, str] = {}
    found: dict[str, dict[Need, str]] = {}
    for page in pages:
        for step in page.steps:
            implied = [PYTHON] if step.snippet.language == "python" else []
            found[step.id] = {need: made[need] for need in [*_needs(step), *implied] if need in made}
            for need in _needs(step):
                if need not in made and need.kind in {"server", "model", "result"}:
                    raise BadPlan(f"{_at(step)}: nothing above it on the page meets the need '{need}'; {_near(need, made)}")
            header = step.snippet.header
            for name in header.stops:
                made.pop(Need("server", name), None)
            if header.server:
                made[Need("server", header.server)] = step.id
            made.update(dict.fromkeys(header.makes, step.id))
    return found


def select(pages: Sequence[Page], only: Sequence[str], start: str | None) -> frozenset[str]:
    """Ids of the steps to run: those named, or from one on, with every step that they need."""
    steps = [step for page in pages for step in page.steps]
    if not only and not start:
        return frozenset(step.id for step in steps)
    chosen = {id for name in only for id in _named(name, steps)}
    if start:
        first = _named(start, steps)[0]
        chosen |= {step.id for step in steps[[step.id for step in steps].index(first) :]}
    uses = makers(pages)
    todo = list(chosen)
    while todo:
        for needed in uses[todo.pop()].values():
            if needed not in chosen:
                chosen.add(needed)
                todo.append(needed)
    return frozenset(chosen)


def make_plan(
    pages: Sequence[Page], root: Path, target: Target, *, only: Sequence[str] = (), start: str | None = None
) -> list[Plan]:
    """Decide for every selected step of every page."""
    uses = makers(pages)
    selected = select(pages, only, start)
    named = {id for name in only for id in _named(name, [step for page in pages for step in page.steps])}
    decided: dict[str, PlannedStep] = {}
    plans = []
    for page in pages:
        for step in page.steps:
            if step.id in selected:
                decided[step.id] = _decide(step, root, target, uses[step.id], decided, asked_for=step.id in named)
        plans.append(Plan(page, target, tuple(decided[step.id] for step in page.steps if step.id in decided)))
        _refuse_crowding(plans[-1])
    return plans


def _decide(
    step: Step, root: Path, target: Target, uses: dict[Need, str], decided: dict[str, PlannedStep], *, asked_for: bool
) -> PlannedStep:
    header = step.snippet.header
    service = read_service(root, header.serves, _at(step)) if header.serves else None
    after = tuple(dict.fromkeys(uses.values()))
    if header.optional and not asked_for:
        reason = f"optional; run it with --only {step.name}"
        return PlannedStep(step, Action.SKIP, reason, reason, after=after)
    stand_ins: dict[StandIn, None] = {}
    for need in dict.fromkeys([*_needs(step), *uses]):
        maker = decided.get(uses[need]) if need in uses else None
        if maker and maker.action is not Action.SKIP:
            stand_ins.update(dict.fromkeys(maker.stand_ins))
            continue
        if maker and need.kind != "command":
            reason = f"{need}: '{maker.step.name}' is skipped ({maker.cause})"
            return PlannedStep(step, Action.SKIP, reason, maker.cause, after=after, service=service)
        met = target.meet(need, step)
        if isinstance(met, Unmet):
            return PlannedStep(step, Action.SKIP, met.reason, met.reason, after=after, service=service)
        if met.stand_in:
            stand_ins[met.stand_in] = None
    made = [target.model(need.value, step) for need in header.makes if need.kind == "model"]
    stand_ins.update((stand_in, None) for stand_in in made if stand_in)
    return _how(step, target, stand_ins, after, service)


def _how(
    step: Step, target: Target, stand_ins: dict[StandIn, None], after: tuple[str, ...], service: Service | None
) -> PlannedStep:
    """Run, or replaced by a stand-in server that is started or stopped."""
    if service:
        engine = target.engine(step)
        if isinstance(engine, Unmet):
            return PlannedStep(step, Action.SKIP, engine.reason, engine.reason, after=after, service=service)
        if engine:
            reason = f"{engine.name} with a small model answers on port {service.port} in place of {engine.instead_of}"
            return PlannedStep(step, Action.REPLACE, reason, "", (engine, *stand_ins), after, service)
    stopped = [one for one in stand_ins if one.kind == "engine" and one.instead_of in step.snippet.header.stops]
    if stopped:
        reason = f"the stand-in for {stopped[0].instead_of} is stopped instead"
        return PlannedStep(step, Action.REPLACE, reason, "", tuple(stand_ins), after)
    return PlannedStep(step, Action.RUN, "", "", tuple(stand_ins), after, service)


def _needs(step: Step) -> tuple[Need, ...]:
    """Declared needs and the servers that a step stops; those that are cheap to look at first."""
    header = step.snippet.header
    implied = [Need("server", name) for name in header.stops]
    needs = dict.fromkeys([*header.needs, *implied])
    return tuple(sorted(needs, key=lambda need: _COST.index(need.kind) if need.kind in _COST else 0))


def _refuse_crowding(plan: Plan) -> None:
    """Two servers that do not fit in memory together are no plan."""
    available = machine.memory("MemAvailable")
    up: dict[str, int] = {}
    for planned in plan.steps:
        header = planned.step.snippet.header
        for name in header.stops:
            up.pop(name, None)
        if planned.action is not Action.RUN or not header.server:
            continue
        up[header.server] = sum(need.size for need in header.needs if need.kind == "memory")
        if len(up) > 1 and sum(up.values()) > available:
            budgets = ", ".join(f"{name} {gigabytes(size)}" for name, size in up.items())
            raise BadPlan(
                f"{_at(planned.step)}: these servers do not fit in memory together: {budgets}, and "
                f"{gigabytes(available)} is available: stop one before this step, or give it a smaller budget"
            )


def _named(name: str, steps: Sequence[Step]) -> list[str]:
    matches = [step.id for step in steps if name in {step.id, step.name, step.snippet.name, Path(step.snippet.name).stem}]
    if not matches:
        raise BadPlan(f"no step '{name}': {did_you_mean(name, [step.name for step in steps])}")
    return matches


def _at(step: Step) -> str:
    return f"{step.page}:{step.line} ({step.snippet.name})"


def _near(need: Need, made: dict[Need, str]) -> str:
    return did_you_mean(str(need), [str(other) for other in made if other.kind == need.kind])


PYTHON = Need("command", "python")
"""What every Python step needs of an earlier step that makes it, such as one that activates an environment."""
_COST = ("privileged", "destructive", "gpu", "command", "secret", "memory", "disk", "docker", "network")
