"""What the ledgers say of a page's steps today: rows by step and target, and the best of them in words.

Only a pass on a GB10 with nothing standing in, of a tree that has not changed since, is `REAL` and not stale;
nothing else may be drawn green.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path, PurePosixPath

from gb10docs.evidence.inputs import (
    ABLE,
    CONTRACTS,
    IMAGES,
    MISSING,
    MODELS,
    BadLockFile,
    Pins,
    input_hash,
)
from gb10docs.evidence.ledger import (
    BadLedger,
    Ledger,
    Run,
    Standing,
    StepRecord,
    ledger_path,
    read,
)
from gb10docs.pages.page import Page, Step
from gb10docs.pages.printing import took

TARGETS = {"gb10": "GB10", "nvidia": "NVIDIA GPU", "cpu": "CPU"}
"""What a reader calls the targets, the real thing first."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Look(StrEnum):
    """How evidence is drawn, best first; each has a word, a mark and a colour of its own."""

    REAL = "real"
    """Passed on a GB10, nothing standing in."""
    ELSEWHERE = "elsewhere"
    """Passed on another machine, nothing standing in."""
    STAND_IN = "stand-in"
    REPLACED = "replaced"
    """The command did not run."""
    FAILED = "failed"
    NEVER = "never"
    """There is no record."""


_LOOKS = {
    Standing.STAND_IN: Look.STAND_IN,
    Standing.REPLACED: Look.REPLACED,
    Standing.FAILED: Look.FAILED,
    Standing.REAL: Look.ELSEWHERE,
}


@dataclass(frozen=True, slots=True)
class Row:
    """The record of one step on one target, where it is written, and whether it still holds."""

    ledger: Ledger
    file: str
    """The ledger's path below `docs/`, with forward slashes."""
    record: StepRecord
    stale: tuple[str, ...]
    """What has changed since, in words."""

    @property
    def look(self) -> Look:
        """How it is drawn; a record that is stale too."""
        real = self.record.standing is Standing.REAL and self.ledger.target == "gb10"
        return Look.REAL if real else _LOOKS[self.record.standing]

    @property
    def run(self) -> Run | None:
        """The run that the record comes from."""
        return self.ledger.runs.get(self.record.run)

    @property
    def why_stale(self) -> str:
        """What changed, and after when; of a record that is stale."""
        return f"{', '.join(self.stale)} changed after {date(self.record.started)}"

    @property
    def machine(self) -> str:
        """What a reader calls it: `GB10`, `NVIDIA H200`, `CPU`."""
        target = self.ledger.target
        gpu = self.run.gpu if self.run and target == "nvidia" else ""
        name = gpu or TARGETS.get(target, target)
        return f"{self.run.hardware.partition(' (')[0]} {name}" if self.run and self.run.emulated else name

    @property
    def name(self) -> str:
        """The ledger's name less its suffix: `cpu-llamacpp`."""
        return self.file.rpartition("/")[2].removesuffix(".json")


@dataclass(frozen=True, slots=True)
class Saying:
    """One line on a step: the best evidence there is."""

    look: Look
    text: str
    stale: tuple[str, ...] = ()
    """What has changed since, in words."""

    def __str__(self) -> str:
        return f"{self.text} · {_changed(self.stale)}" if self.stale else self.text


def rows_of(page: Page, pins: Pins) -> dict[str, list[Row]]:
    """The rows of each step of a page, by step id: targets in the order of `TARGETS`, then others by name.

    Raises:
        BadLedger: A ledger of the page cannot be read, or lies where another one belongs.
        BadLockFile: A file of pinned images or models cannot be read.
    """
    rows, faults = readable_rows_of(page, pins)
    for fault in faults:
        raise fault
    pins.refuse_bad()
    return rows


def readable_rows_of(page: Page, pins: Pins) -> tuple[dict[str, list[Row]], list[BadLedger]]:
    """The same of those ledgers that can be read, and what is wrong with the others."""
    ledgers, faults = _ledgers(page, pins.root)
    changed = _comparison(pins)
    rows = {
        step.id: [
            Row(ledger, file, record, tuple(_stale(record, step, changed)))
            for file, ledger in ledgers
            if (record := ledger.steps.get(step.id))
        ]
        for step in page.steps
    }
    return rows, faults


def say(rows: Sequence[Row]) -> Saying:
    """The best evidence in one line; what a GB10 says goes before what anything else says."""
    best = min(rows, key=_rank, default=None)
    if best is None:
        return Saying(Look.NEVER, "Not run on a GB10 yet")
    record, when = best.record, date(best.record.started)
    if _on_gb10(best):
        passed = best.look is Look.REAL
        end = "passed" if passed else _failure(record).removeprefix("failed, ")
        verb = "Ran" if passed else "Failed"
        text = f"{verb} on GB10 · {when} · {lasted(best)} · {end}"
        return Saying(best.look, text, best.stale)
    return Saying(best.look, f"Not run on a GB10 yet · {_elsewhere(best, when)}", best.stale)


def outcome(row: Row) -> str:
    """What became of the step, in words."""
    record = row.record
    if row.look is Look.FAILED:
        return _failure(record)
    if row.look is Look.REPLACED:
        return "replaced: the command did not run"
    if row.look is Look.STAND_IN:
        return f"stand-in: passed with {', '.join(map(str, record.stand_ins))}"
    return "passed, nothing stood in"


def date(moment: datetime) -> str:
    """A day (UTC) as a reader writes it: `22 Nov 2026`."""
    day = moment.astimezone(UTC)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def place_of(target: str) -> int:
    """Return where a target comes among others: the real thing first, those nobody knows last."""
    return list(TARGETS).index(target) if target in TARGETS else len(TARGETS)


def lasted(row: Row) -> str:
    """How long the step took."""
    return took(row.record.duration_s) if row.record.duration_s >= 0.01 else "under 0.01 s"


def _ledgers(page: Page, root: Path) -> tuple[list[tuple[str, Ledger]], list[BadLedger]]:
    """The ledgers of a page with their paths below `docs/`, and what is wrong with those that are none."""
    found: list[tuple[str, Ledger]] = []
    faults: list[BadLedger] = []
    for path in sorted(ledger_path(root, page.relative, "any").parent.glob("*.json")):
        try:
            ledger = read(path)
            if ledger:
                _refuse_misplaced(path, ledger, page, root)
                found.append((path.relative_to(root / "docs").as_posix(), ledger))
        except BadLedger as error:
            faults.append(error)
    return sorted(found, key=lambda one: place_of(one[1].target)), faults


def _refuse_misplaced(path: Path, ledger: Ledger, page: Page, root: Path) -> None:
    if path != ledger_path(root, page.relative, ledger.target, ledger.flavour):
        raise BadLedger(f"{path}: holds what ran on '{ledger.target}': name it {ledger.target}.json")
    if ledger.page != page.relative:
        raise BadLedger(f"{path}: speaks of {ledger.page}, not of {page.relative}: move or delete it")


def _comparison(pins: Pins) -> Callable[[str, str], bool]:
    """Whether an input is no longer what it was; one that names nothing in the tree is not.

    Each is looked at once, since steps share most of theirs.
    """

    @cache
    def changed(name: str, was: str) -> bool:
        path = PurePosixPath(name.partition("#")[0])
        if not path.parts or path.is_absolute() or ".." in path.parts:
            return True
        try:
            return (input_hash(name, pins) or MISSING) != was
        except (OSError, ValueError, BadLockFile):
            return True

    return changed


def _stale(record: StepRecord, step: Step, changed: Callable[[str, str], bool]) -> Iterator[str]:
    own = step.snippet.place
    if own not in record.inputs:
        yield "the snippet"
    for name, was in record.inputs.items():
        if changed(name, was):
            yield _input(name, own)


def _input(name: str, own: str) -> str:
    """What a reader calls an input."""
    path, _, part = name.partition("#")
    if name == CONTRACTS:
        return "the stand-in's contract"
    if name == ABLE:
        return "what the stand-in can do"
    if path in {IMAGES, MODELS}:
        return f"{'image' if path == IMAGES else 'model'} {part}"
    if path == own:
        return "its expectations" if part else "the snippet"
    return f"expectations of {path}" if part else path


def _rank(row: Row) -> tuple[bool, int, bool, bool, float]:
    emulated = row.run is not None and row.run.emulated
    started = row.record.started.timestamp()
    return not _on_gb10(row), list(Look).index(row.look), emulated, bool(row.stale), -started


def _on_gb10(row: Row) -> bool:
    """Whether a GB10 itself has spoken: a pass or a failure with nothing standing in."""
    return row.ledger.target == "gb10" and row.look in {Look.REAL, Look.FAILED} and not row.record.stand_ins


def _elsewhere(row: Row, when: str) -> str:
    article = "" if row.ledger.target == "nvidia" else "an " if row.machine.startswith("emulated") else "a "
    machine = f"{article}{row.machine}"
    if row.look is Look.STAND_IN:
        where = f"{row.machine} stand-in" if row.ledger.target == "cpu" else f"stand-ins on {machine}"
        return f"{where}, {when}, {lasted(row)}"
    if row.look is Look.REPLACED:
        return f"replaced on {machine}, {when}: the command did not run"
    if row.look is Look.FAILED:
        return f"failed on {machine}, {when}, {lasted(row)}"
    return f"ran on {machine}, nothing stood in, {when}, {lasted(row)}"


def _failure(record: StepRecord) -> str:
    if record.exit_code:
        return f"failed, exit status {record.exit_code}"
    return (
        "failed, a check did not hold"
        if any(not check.held for check in record.checks)
        else "failed, cut off"
    )


def _changed(stale: Sequence[str]) -> str:
    """Up to two changes, and how many more."""
    more = f" and {len(stale) - 2} more" if len(stale) > 2 else ""
    return f"stale: {', '.join(stale[:2])}{more} changed since"
