"""How much evidence there is: what each ledger of a lesson comes to, and `gb10docs evidence status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gb10docs.errors import GB10DocsError
from gb10docs.evidence.inputs import IMAGES, MODELS, BadLockFile, Pins
from gb10docs.evidence.ledger import BadLedger
from gb10docs.evidence.rows import Look, Row, date, place_of, readable_rows_of, rows_of
from gb10docs.pages.page import Page
from gb10docs.pages.printing import printable
from gb10docs.pages.tree import readable_lessons

WORDS = {
    Look.REAL: "passed on a GB10",
    Look.ELSEWHERE: "passed, nothing stood in",
    Look.STAND_IN: "passed with stand-ins",
    Look.REPLACED: "replaced, not run",
    Look.FAILED: "failed",
}
"""What is said of a number of records, best first."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one ledger of a page comes to."""

    target: str
    name: str
    """The ledger's name less its suffix: `cpu-llamacpp`."""
    file: str
    """The ledger's path below `docs/`."""
    steps: int
    """How many the page has."""
    rows: tuple[tuple[str, Row], ...]
    """With their step ids; only steps that have a record."""

    @property
    def looks(self) -> Counter[Look]:
        """How many records have which look; stale ones too."""
        return Counter(row.look for _, row in self.rows)

    @property
    def stale(self) -> dict[str, Row]:
        """The stale records by step id."""
        return {step_id: row for step_id, row in self.rows if row.stale}

    @property
    def dates(self) -> str:
        """From the oldest record to the newest."""
        moments = sorted(row.record.started for _, row in self.rows)
        ends = dict.fromkeys(date(moment) for moment in (moments[0], moments[-1]))
        return " to ".join(ends)

    @property
    def summary(self) -> str:
        """The tally in words: `21 passed with stand-ins; 4 replaced, not run; 2 stale`."""
        parts = [f"{self.looks[look]} {word}" for look, word in WORDS.items() if self.looks[look]]
        rest = self.steps - len(self.rows)
        parts += [f"{rest} without a record"] if rest else []
        parts += [f"{len(self.stale)} stale"] if self.stale else []
        return "; ".join(parts)


def status(root: Path) -> tuple[str, list[GB10DocsError]]:
    """`gb10docs evidence status`: for each lesson a line a ledger; a GB10 always has one.

    What cannot be read, be it a page, a ledger or a lock file, hides nothing else; it is returned beside the text.
    """
    pages, unread = readable_lessons(root)
    pins = Pins(root)
    lines: list[str] = []
    faults: list[GB10DocsError] = [*unread.values(), *_lock_faults(pins)]
    for page in pages:
        found, bad = readable_tallies(page, pins)
        lines += _status(page, found)
        faults += bad
    return "\n".join(lines), faults


def _lock_faults(pins: Pins) -> Iterator[BadLockFile]:
    for file in (IMAGES, MODELS):
        try:
            pins.rows(file)
        except BadLockFile as error:
            yield error


def tallies(page: Page, pins: Pins) -> list[Tally]:
    """A tally for each ledger of a page, in the order of the targets.

    Raises:
        BadLedger: A ledger cannot be read.
    """
    return _tallies(page, rows_of(page, pins))


def readable_tallies(page: Page, pins: Pins) -> tuple[list[Tally], list[BadLedger]]:
    """The same of those ledgers that can be read, and what is wrong with the others."""
    rows, faults = readable_rows_of(page, pins)
    return _tallies(page, rows), faults


def _tallies(page: Page, by_step: Mapping[str, list[Row]]) -> list[Tally]:
    found: dict[str, list[tuple[str, Row]]] = {}
    for step_id, rows in by_step.items():
        for row in rows:
            found.setdefault(row.file, []).append((step_id, row))
    whole = [
        Tally(rows[0][1].ledger.target, rows[0][1].name, file, len(page.steps), tuple(rows))
        for file, rows in found.items()
    ]
    return sorted(whole, key=lambda one: (place_of(one.target), one.name))


def _status(page: Page, found: list[Tally]) -> Iterator[str]:
    yield f"{page.name}  {printable(page.title)} ({len(page.steps)} step{'s' * (len(page.steps) != 1)})"
    width = max(len(name) for name in ["gb10", *(one.name for one in found)])
    if not any(one.target == "gb10" for one in found):
        yield f"  {'gb10':{width}}  not run yet"
    for one in found:
        yield f"  {printable(one.name):{width}}  {one.summary}; {one.dates}"
        yield from (
            f"  {'':{width}}  stale: {step_id}: {row.why_stale}" for step_id, row in one.stale.items()
        )
