"""What runs on this machine, what is replaced or skipped, and why: decided before anything is started."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gb10docs.engines.compose import Service, with_override
from gb10docs.errors import did_you_mean
from gb10docs.machine import hardware
from gb10docs.pages.need import Need, gigabytes
from gb10docs.pages.page import Page, Step
from gb10docs.pages.tree import with_foundations
from gb10docs.plan import BadPlan
from gb10docs.plan.lint import lint
from gb10docs.plan.services import place_of, services_of
from gb10docs.plan.target import Met, Target, Unmet
from gb10docs.results.result import Outcome, StandIn, StepResult


class Crowded(BadPlan):
    """Servers that do not fit together in the memory that is available now."""


class Action(StrEnum):
    """What the runner will do with a step."""

    RUN = "run"
    REPLACE = "replace"
    SKIP = "skip"


class PlannedStep(NamedTuple):
    """One step, and what becomes of it on this target."""

    step: Step
    action: Action
    reason: str = ""
    """Why it is replaced or skipped."""
    cause: str = ""
    """The first reason in the chain that led to a skipped step: the one that a person can do something about."""
    stand_ins: tuple[StandIn, ...] = ()
    after: tuple[str, ...] = ()
    """Keys of the steps whose server, model, command or result it uses."""
    service: Service | None = None
    """The service that a serving step starts."""

    @property
    def stood_in(self) -> bool:
        """Whether something answers in place of an engine that it starts, uses or stops."""
        return any(one.kind == "engine" for one in self.stand_ins)

    def result(self, outcome: Outcome, reason: str) -> StepResult:
        """What a report says of it."""
        return StepResult(
            id=self.step.id,
            snippet=self.step.snippet.name,
            language=self.step.snippet.language,
            page=self.step.page,
            line=self.step.line,
            outcome=outcome,
            reason=reason,
            stand_ins=list(self.stand_ins),
            sha256=self.step.snippet.sha256,
            optional=self.step.snippet.header.optional,
        )


class Plan(NamedTuple):
    """The steps of one page on one target, in page order."""

    page: Page
    target: Target
    steps: tuple[PlannedStep, ...]

    @property
    def runnable(self) -> bool:
        """Whether anything runs at all."""
        return any(planned.action is Action.RUN for planned in self.steps)


def secrets_of(plans: Iterable[Plan]) -> set[str]:
    """Names of the variables that steps declare as their secrets."""
    steps = (planned.step for plan in plans for planned in plan.steps)
    return {need.value for step in steps for need in step.snippet.header.needs if need.kind == "secret"}


def stand_ins_of(plans: Iterable[Plan]) -> frozenset[StandIn]:
    """What stands in for something in any step that is not skipped."""
    wanted = (one for plan in plans for one in plan.steps if one.action is not Action.SKIP)
    return frozenset(stand_in for planned in wanted for stand_in in planned.stand_ins)


Uses = dict[Need, tuple[str, ...]]
"""Which earlier steps can meet which needs of a step, in page order; several only where each makes one model."""


def makers(pages: Iterable[Page]) -> dict[str, Uses]:
    """For each step, by its key, which earlier steps meet which of its needs.

    Commands and servers last to the end of their page; models and results, for pages that come `after` it.

    Raises:
        BadPlan: A step needs or stops a server that is not up there, or a model or result that no step makes.
    """
    lasting: dict[str, Uses] = {}
    found: dict[str, Uses] = {}
    for page in pages:
        made = {need: maker for name in page.after for need, maker in lasting.get(name, {}).items()}
        for step in page.steps:
            implied = [PYTHON] if step.snippet.language == "python" else []
            found[step.key] = {need: made[need] for need in [*_needs(step), *implied] if need in made}
            for need in _needs(step):
                if need not in made and need.kind in {"server", "model", "result"}:
                    raise BadPlan(
                        f"{place_of(step)}: no earlier step meets the need '{need}': {_near(need, made)}"
                    )
            header = step.snippet.header
            for name in header.stops:
                made.pop(Need("server", name), None)
            if header.server:
                made[Need("server", header.server)] = (step.key,)
            for need in header.makes:
                made[need] = (*made.get(need, ()), step.key) if need.kind == "model" else (step.key,)
        lasting[page.name] = {need: keys for need, keys in made.items() if need.kind in {"model", "result"}}
    return found


def make_plan(
    pages: Sequence[Page], root: Path, target: Target, *, only: Sequence[str] = (), start: str | None = None
) -> list[Plan]:
    """Decide for every selected step of every page.

    Args:
        pages: The pages to run, each after what it builds on.
        root: The tree that they are in.
        target: The kind of machine.
        only: Steps to run, with what they need; optional ones among that too.
        start: Step to begin with; what it and the later ones need runs as well.

    Raises:
        BadPlan: The steps cannot work in this order.
        Crowded: They do not fit in memory together.
        BadPlan: A step does what it does not declare.
        BadService: `serves` names no Compose service that can be read.
    """
    services = services_of(pages, root)
    lint(pages, root, services)
    uses = makers(with_foundations(pages, root))
    selection = _select(pages, target, uses, only, start)
    decided: dict[str, PlannedStep] = {}
    plans = []
    for page in pages:
        for step in page.steps:
            if step.key in selection.steps:
                service = services.get(step.key)
                decided[step.key] = _decide(step, service, target, uses[step.key], decided, selection)
        plans.append(
            Plan(page, target, tuple(decided[step.key] for step in page.steps if step.key in decided))
        )
        _refuse_crowding(plans[-1])
    return plans


class _Selection(NamedTuple):
    """Keys of the steps to decide about, and of those that run although they are optional."""

    steps: frozenset[str]
    asked_for: frozenset[str]


def _select(
    pages: Sequence[Page],
    target: Target,
    uses: dict[str, Uses],
    only: Sequence[str],
    start: str | None,
) -> _Selection:
    steps = [step for page in pages for step in page.steps]
    keys = [step.key for step in steps]
    if not only and not start:
        return _Selection(frozenset(keys), frozenset())
    by_key = {step.key: step for step in steps}

    def with_needs(chosen: set[str]) -> frozenset[str]:
        todo = list(chosen)
        while todo:
            step = by_key[todo.pop()]
            for need, maker in ((need, maker) for need, made in uses[step.key].items() for maker in made):
                if maker in chosen or maker not in by_key:
                    continue
                there = by_key[maker].snippet.header.optional and isinstance(target.meet(need, step), Met)
                if not there:
                    chosen.add(maker)
                    todo.append(maker)
        return frozenset(chosen)

    asked_for = with_needs({named for name in only for named in _named(name, steps)})
    later = set(keys[keys.index(_named(start, steps)[0]) :]) if start else set()
    return _Selection(asked_for | with_needs(later), asked_for)


def _decide(
    step: Step,
    service: Service | None,
    target: Target,
    uses: Uses,
    decided: dict[str, PlannedStep],
    selection: _Selection,
) -> PlannedStep:
    header = step.snippet.header
    chosen = {need: maker for need, keys in uses.items() if (maker := _chosen(keys, decided))}
    after = tuple(dict.fromkeys(maker.step.key for maker in chosen.values()))
    unwanted = _unwanted(step, decided, selection)
    if unwanted:
        return PlannedStep(step, Action.SKIP, unwanted, unwanted, after=after, service=service)
    stand_ins: dict[StandIn, None] = {}
    for need in dict.fromkeys([*_needs(step), *uses]):
        maker = chosen.get(need)
        if maker and maker.action is not Action.SKIP:
            stand_ins.update(dict.fromkeys(maker.stand_ins))
            continue
        met = _meet(need, step, target, uses.get(need, ("",))[-1], maker)
        if isinstance(met, Unmet):
            cause = maker.cause if maker else met.reason
            return PlannedStep(step, Action.SKIP, met.reason, cause, after=after, service=service)
        if met.stand_in:
            stand_ins[met.stand_in] = None
    made = [target.model(need.value, step) for need in header.makes if need.kind == "model"]
    stand_ins.update((stand_in, None) for stand_in in made if stand_in)
    return _how(step, target, stand_ins, after, service)


def _chosen(keys: Sequence[str], decided: dict[str, PlannedStep]) -> PlannedStep | None:
    """Which of several steps meets a need: the one that runs, else the last; None where none is in this run."""
    known = [decided[key] for key in keys if key in decided]
    running = [planned for planned in known if planned.action is not Action.SKIP]
    return next(iter([*running, *reversed(known)]), None)


def _unwanted(step: Step, decided: dict[str, PlannedStep], selection: _Selection) -> str:
    """Why a step that could run is left out, empty if it is not."""
    header = step.snippet.header
    if header.optional and step.key not in selection.asked_for:
        return f"optional; run it with --only {step.name}"
    models = {need for need in header.makes if need.kind == "model"}
    if not models:
        return ""
    earlier = (
        one for one in decided.values() if one.step.page == step.page and one.action is not Action.SKIP
    )
    same = next((one for one in earlier if models <= {*one.step.snippet.header.makes}), None)
    return f"'{same.step.name}' makes {', '.join(map(str, models))} already" if same else ""


def _meet(need: Need, step: Step, target: Target, maker_key: str, maker: PlannedStep | None) -> Met | Unmet:
    """How a need is met that no step of this run meets: by the machine, or not at all."""
    if maker and need.kind != "command":
        return Unmet(f"{need}: '{maker.step.name}' is skipped ({maker.cause})")
    if maker_key and need.kind != "command":
        return Unmet(f"{need}: '{maker_key}' makes it; run {maker_key.rpartition('/')[0]} along")
    met = target.meet(need, step)
    if maker and isinstance(met, Unmet):
        return Unmet(f"{met.reason}, or let '{maker.step.name}' do it, which is skipped ({maker.cause})")
    return met


def _how(
    step: Step,
    target: Target,
    stand_ins: dict[StandIn, None],
    after: tuple[str, ...],
    service: Service | None,
) -> PlannedStep:
    """Run, or replaced by a stand-in server that is started or stopped."""
    if service:
        engine = target.engine(service)
        if isinstance(engine, Unmet):
            return PlannedStep(step, Action.SKIP, engine.reason, engine.reason, after=after, service=service)
        if engine and target.in_containers:
            contained = with_override(service)
            return PlannedStep(step, Action.RUN, "", "", (engine, *stand_ins), after, contained)
        if engine:
            port, name = service.port, engine.instead_of
            small = " with a small model" if any(one.kind == "model" for one in stand_ins) else ""
            reason = f"{engine.name}{small} answers on port {port} in place of {name}"
            return PlannedStep(step, Action.REPLACE, reason, "", (engine, *stand_ins), after, service)
    stopped = [
        one for one in stand_ins if one.kind == "engine" and one.instead_of in step.snippet.header.stops
    ]
    if stopped and not target.in_containers:
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
    available = hardware.memory("MemAvailable")
    up: dict[str, int] = {}
    for planned in plan.steps:
        header = planned.step.snippet.header
        if planned.action is not Action.RUN or planned.stood_in:
            continue
        for name in header.stops:
            up.pop(name, None)
        if not header.server:
            continue
        up[header.server] = sum(need.size for need in header.needs if need.kind == "memory")
        if len(up) > 1 and sum(up.values()) > available:
            budgets = ", ".join(f"{name} {gigabytes(size)}" for name, size in up.items())
            raise Crowded(
                f"{place_of(planned.step)}: these servers do not fit in memory together: {budgets}, and "
                f"{gigabytes(available)} is available: stop one before this step, or give it a smaller budget"
            )


def _named(name: str, steps: Sequence[Step]) -> list[str]:
    """Keys of the steps that a name means: a key, an id, one less its page, a file, or a file less its suffix."""
    stems = ((step, PurePosixPath(step.snippet.name).stem) for step in steps)
    matches = [
        step.key for step, stem in stems if name in {step.key, step.id, step.name, step.snippet.name, stem}
    ]
    if not matches:
        raise BadPlan(
            f"no step '{name}' on {_pages(steps)}: {did_you_mean(name, [step.name for step in steps])}"
        )
    return matches


def _pages(steps: Sequence[Step]) -> str:
    return ", ".join(dict.fromkeys(step.page for step in steps))


def _near(need: Need, made: Iterable[Need]) -> str:
    """What to do about a need that nothing meets: the nearest that is met, if any is."""
    known = [str(other) for other in made if other.kind == need.kind]
    return did_you_mean(str(need), known) if known else "put the step that makes it above"


PYTHON = Need("command", "python")
"""What every Python step needs of an earlier step that makes it, such as one that activates a venv."""
_COST = (
    "privileged",
    "destructive",
    "gpu",
    "command",
    "package",
    "secret",
    "memory",
    "disk",
    "docker",
    "network",
)
