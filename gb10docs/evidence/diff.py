"""What changed between two recorded runs: environment, outcomes, inputs and outputs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import astuple
from difflib import unified_diff
from pathlib import Path

from pydantic import BaseModel

from gb10docs.evidence.ledger import BadLedger, Ledger, Run, StepRecord, parse, read
from gb10docs.pages.printing import printable
from gb10docs.results.result import Container, StandIn

_ENVIRONMENT = (
    "hardware", "os", "arch", "cores", "memory_bytes", "gpu", "driver", "python", "engines", "models",
    "gb10docs", "docs_commit", "recorded_by",
)  # fmt: skip


def diff(before: str, after: str, root: Path) -> str:
    """`gb10docs evidence diff A B`: each a ledger's path, or git's name for one, `HEAD~1:docs/…`.

    Raises:
        BadLedger: One is no ledger, or there is none.
    """
    a, b = _ledger(before, root), _ledger(after, root)
    lines = [*_headings(before, a, after, b), *_environments(a, b)]
    ids = dict.fromkeys([*b.steps, *a.steps])
    for step_id in ids:
        lines += _step(step_id, a.steps.get(step_id), b.steps.get(step_id))
    return "\n".join(lines) + "\n"


def _ledger(name: str, root: Path) -> Ledger:
    for path in (Path(name), root / name):
        if _is_file(path):
            ledger = read(path)
            if ledger:
                return ledger
    if ":" not in name:
        raise BadLedger(f"{name}: no such ledger: name a file, or as git does, HEAD~1:docs/evidence/…")
    command = ["git", "-C", str(root), "show", "--end-of-options", name]
    try:
        shown = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadLedger(f"{name}: git does not show it: {error}") from error
    if shown.returncode:
        raise BadLedger(f"{name}: {shown.stderr.decode(errors='replace').strip()}")
    return parse(shown.stdout, name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _headings(before: str, a: Ledger, after: str, b: Ledger) -> Iterator[str]:
    for mark, name, ledger in (("---", before, a), ("+++", after, b)):
        days = ", ".join(run.started.isoformat(timespec="minutes") for run in ledger.runs.values())
        yield f"{mark} {name} ({printable(ledger.page)} on {printable(ledger.target)}; {days or 'no run'})"


def _environments(a: Ledger, b: Ledger) -> list[str]:
    """What the newest run of each had."""
    old, new = _newest(a), _newest(b)
    if not old or not new:
        return []
    changes = [
        line
        for name in _ENVIRONMENT
        for line in _change(name.replace("_", " "), _words(getattr(old, name)), _words(getattr(new, name)))
    ]
    return ["", "environment of the newest run", *changes] if changes else []


def _newest(ledger: Ledger) -> Run | None:
    return max(ledger.runs.values(), key=lambda run: run.started, default=None)


def _step(step_id: str, a: StepRecord | None, b: StepRecord | None) -> list[str]:
    if not a or not b:
        return ["", f"{step_id}: {'recorded only in the second' if b else 'recorded only in the first'}"]
    changes = [
        *_change("outcome", _outcome(a), _outcome(b)),
        *_change("stand-ins", _names(a.stand_ins), _names(b.stand_ins)),
        *_change("containers", _words(a.containers), _words(b.containers)),
        *_change("checks", _checks(a), _checks(b)),
        *_inputs(a, b),
        *_output("stdout", a.stdout, b.stdout),
        *_output("stderr", a.stderr, b.stderr),
    ]
    return ["", step_id, *changes] if changes else []


def _inputs(a: StepRecord, b: StepRecord) -> Iterator[str]:
    changed = [name for name in {**a.inputs, **b.inputs} if a.inputs.get(name) != b.inputs.get(name)]
    if changed:
        yield f"  inputs changed: {printable(', '.join(changed))}"


def _output(name: str, a: str, b: str) -> Iterator[str]:
    lines = unified_diff(_lines(a), _lines(b), "first", "second", lineterm="", n=2)
    for number, line in enumerate(lines):
        if number == 0:
            yield f"  {name}"
        elif number > 1:
            yield f"    {line}"


def _change(name: str, old: str, new: str) -> Iterator[str]:
    if old != new:
        yield f"  {name}: {old or 'none'} -> {new or 'none'}"


def _outcome(record: StepRecord) -> str:
    status = f" (exit status {record.exit_code})" if record.exit_code else ""
    return printable(f"{record.outcome.value}{status}{': ' if record.reason else ''}{record.reason}")


def _checks(record: StepRecord) -> str:
    words = (f"{one.name} {'held' if one.held else 'did not hold'}" for one in record.checks)
    return printable(", ".join(words))


def _names(stand_ins: list[StandIn]) -> str:
    return printable(", ".join(map(str, stand_ins)))


def _words(value: object) -> str:
    """A field in one line; of a record, its parts that say something."""
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, BaseModel | Container):
        parts = astuple(value) if isinstance(value, Container) else (part for _, part in value)
        return " ".join(_words(part) for part in parts if part not in ("", None, False))
    return printable(str(value))


def _lines(text: str) -> list[str]:
    return [printable(line) for line in text.splitlines()]
