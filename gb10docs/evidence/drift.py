"""What has moved since it was pinned or recorded: image tags, model revisions, and evidence that has grown old."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from gb10docs.evidence import pins
from gb10docs.evidence.inputs import Pins
from gb10docs.evidence.registry import UnknownUpstream
from gb10docs.evidence.rows import date
from gb10docs.evidence.tally import readable_tallies
from gb10docs.pages.printing import printable
from gb10docs.pages.tree import readable_lessons

SCHEMA = "gb10docs.drift/1"
NOTHING, DRIFT, NOBODY_ANSWERED = 0, 1, 3
"""Exit statuses."""


class What(StrEnum):
    """What can be said of something that is pinned or recorded."""

    SAME = "same"
    MOVED = "moved"
    """Its name means something else than it did when it was pinned."""
    UNPINNED = "not pinned"
    OLD = "old"
    """Evidence that was recorded long ago."""
    UNKNOWN = "unknown"
    """Nobody tells."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One image, model or ledger."""

    kind: str
    name: str
    what: What
    was: str = ""
    now: str = ""
    why: str = ""
    """Why it is unknown, or how old it is."""


def look(root: Path, *, days: int) -> list[Finding]:
    """Every image and model of the lock files, and every ledger with a record that is older than `days`."""
    return [*map(_compare, pins.read(root)), *_old(root, datetime.now(UTC) - timedelta(days=days))]


def refresh(root: Path) -> list[Finding]:
    """Pin what has moved or was not pinned to what it is today; returns what was found before."""
    found = []
    for pin in pins.read(root):
        finding = _compare(pin)
        if finding.what in {What.MOVED, What.UNPINNED}:
            pins.write(root, pin, finding.now)
        found.append(finding)
    return found


def status(found: Sequence[Finding]) -> int:
    """Exit status: whether anything drifted, or nobody could be asked at all."""
    if any(one.what in {What.MOVED, What.UNPINNED, What.OLD} for one in found):
        return DRIFT
    asked = [one for one in found if one.kind in {"image", "model"}]
    return NOBODY_ANSWERED if asked and all(one.what is What.UNKNOWN for one in asked) else NOTHING


def markdown(found: Sequence[Finding]) -> str:
    """What was found, as the text of an issue; what is the same is only counted."""
    parts = []
    for what, heading in _HEADINGS.items():
        lines = [_line(one) for one in found if one.what is what]
        parts += [f"## {heading}\n\n" + "\n".join(lines)] if lines else []
    same = sum(one.what is What.SAME for one in found)
    parts.append(f"{same} of {len(found)} looked at: as pinned." if same else f"{len(found)} looked at.")
    return "\n\n".join(parts)


def as_json(found: Sequence[Finding]) -> str:
    """The same for a program."""
    return json.dumps({"schema": SCHEMA, "findings": [asdict(one) for one in found]}, indent=2)


def _compare(pin: pins.Pin) -> Finding:
    try:
        now = pin.today()
    except UnknownUpstream as error:
        return Finding(pin.kind, pin.name, What.UNKNOWN, pin.pinned, why=str(error))
    if now == pin.pinned:
        return Finding(pin.kind, pin.name, What.SAME, pin.pinned, now)
    return Finding(pin.kind, pin.name, What.MOVED if pin.pinned else What.UNPINNED, pin.pinned, now)


def _old(root: Path, before: datetime) -> Iterator[Finding]:
    """Ledgers that have grown old; what cannot be read hides no other."""
    pages, unread = readable_lessons(root)
    locked = Pins(root)
    for name, fault in unread.items():
        yield Finding("page", name, What.UNKNOWN, why=str(fault))
    for page in pages:
        found, faults = readable_tallies(page, locked)
        for bad in faults:
            yield Finding("evidence", page.name, What.UNKNOWN, why=str(bad))
        for tally in found:
            old = sorted(row.record.started for _, row in tally.rows if row.record.started < before)
            if old:
                why = f"{len(old)} of {len(tally.rows)} records, the oldest of {date(old[0])}"
                yield Finding("evidence", f"docs/{tally.file}", What.OLD, why=why)


def _line(one: Finding) -> str:
    """The finding as a list item; what others have written is cut off from Markdown by back-quotes."""
    change = (
        f": `{one.was}` is now `{one.now}`"
        if one.was and one.now
        else f": now `{one.now}`"
        if one.now
        else ""
    )
    why = f": {printable(one.why)}" if one.why else ""
    return f"- {one.kind} `{printable(one.name)}`{change}{why}"


_HEADINGS = {
    What.MOVED: "Moved: run what uses it again, then `gb10docs evidence refresh`",
    What.UNPINNED: "Not pinned yet: `gb10docs evidence refresh`",
    What.OLD: "Old evidence: run it again with `--record`",
    What.UNKNOWN: "Could not be asked",
}
