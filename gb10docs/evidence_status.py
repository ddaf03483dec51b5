"""How much evidence there is: lessons by targets, counts, dates, what is stale; for terminal and site."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gb10docs.evidence_rows import TARGETS, Look, Row, date, place_of, rows_of
from gb10docs.pages import Page
from gb10docs.reports.verdict import printable
from gb10docs.tree import lessons

_WORDS = {
    Look.REAL: "passed on a GB10",
    Look.ELSEWHERE: "passed, nothing stood in",
    Look.STAND_IN: "passed with stand-ins",
    Look.REPLACED: "replaced, not run",
    Look.FAILED: "failed",
}


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


def status(root: Path) -> str:
    """`gb10docs evidence status`: for each lesson a line a ledger; a GB10 always has one.

    Raises:
        BadLedgerError: A ledger cannot be read.
    """
    return "\n".join(line for page in lessons(root) for line in _status(page, root))


def evidence_page(root: Path, at: str = "evidence/index.md") -> str:
    """The Evidence page as Markdown.

    Args:
        root: The tree that holds `docs/` and `snippets/`.
        at: Where the page will lie below `docs/`; its links are relative to that.

    Raises:
        BadLedgerError: A ledger cannot be read.
    """
    pages = [(page, tallies(page, root)) for page in lessons(root)]
    stale = [line for _, found in pages for line in _stale(found)]
    parts = [
        "# Evidence",
        _INTRODUCTION,
        _matrix(pages, at),
        "## Counts",
        _counts(pages, at),
        "## Stale",
        "\n".join(stale) or "Nothing: no record is older than what it speaks of.",
        _LEGEND,
        _CONTRIBUTE,
    ]
    return "\n\n".join(parts) + "\n"


def tallies(page: Page, root: Path) -> list[Tally]:
    """A tally for each ledger of a page, in the order of the targets."""
    found: dict[str, list[tuple[str, Row]]] = {}
    for step_id, rows in rows_of(page, root).items():
        for row in rows:
            found.setdefault(row.file, []).append((step_id, row))
    whole = [
        Tally(rows[0][1].ledger.target, rows[0][1].name, file, len(page.steps), tuple(rows))
        for file, rows in found.items()
    ]
    return sorted(whole, key=lambda one: (place_of(one.target), one.name))


def _status(page: Page, root: Path) -> Iterator[str]:
    found = tallies(page, root)
    yield f"{page.name}  {printable(page.title)} ({len(page.steps)} step{'s' * (len(page.steps) != 1)})"
    width = max(len(name) for name in ["gb10", *(one.name for one in found)])
    if not any(one.target == "gb10" for one in found):
        yield f"  {'gb10':{width}}  not run yet"
    for one in found:
        yield f"  {printable(one.name):{width}}  {_summary(one)}; {one.dates}"
        yield from (f"  {'':{width}}  stale: {step_id}: {_why(row)}" for step_id, row in one.stale.items())


def _summary(tally: Tally) -> str:
    """What the records come to, as in `21 passed with stand-ins; 4 replaced, not run; 2 stale`."""
    looks = tally.looks
    parts = [f"{looks[look]} {word}" for look, word in _WORDS.items() if looks[look]]
    rest = tally.steps - len(tally.rows)
    parts += [f"{rest} without a record"] if rest else []
    parts += [f"{len(tally.stale)} stale"] if tally.stale else []
    return "; ".join(parts)


def _matrix(pages: list[tuple[Page, list[Tally]]], at: str) -> str:
    rows = [["Lesson", *TARGETS.values()], ["---"] * (1 + len(TARGETS))]
    for page, found in pages:
        cells = {
            name: "; ".join(f"{_summary(one)} ({one.dates})" for one in found if one.target == name)
            for name in TARGETS
        }
        rows.append([_page_link(page, at), *(cells[name] or "not run yet" for name in TARGETS)])
    return _table(rows)


def _counts(pages: list[tuple[Page, list[Tally]]], at: str) -> str:
    words = [word[0].upper() + word[1:] for word in _WORDS.values()]
    heads = ["Ledger", "Steps", *words, "No record", "Stale", "Recorded"]
    rows = [heads, ["---", *["--:"] * (len(heads) - 2), "---"]]
    for page, found in pages:
        for one in found:
            counts = [one.looks[look] for look in _WORDS]
            link = f"[{_cell(f'{page.name}, {one.name}')}](<{_relative(one.file, at)}>)"
            numbers = [one.steps, *counts, one.steps - len(one.rows), len(one.stale)]
            rows.append([link, *map(str, numbers), one.dates])
    return _table(rows) if len(rows) > 2 else "There is no ledger yet."


def _stale(found: list[Tally]) -> Iterator[str]:
    for one in found:
        for step_id, row in one.stale.items():
            yield f"- `{step_id}` on {_cell(one.name)}: {_cell(_why(row))}"


def _why(row: Row) -> str:
    return f"{', '.join(row.stale)} changed after {date(row.record.started)}"


def _page_link(page: Page, at: str) -> str:
    return f"[{_cell(page.title)}](<{_relative(page.relative.removeprefix('docs/'), at)}>)"


def _relative(path: str, at: str) -> str:
    return posixpath.relpath(path, posixpath.dirname(at) or ".")


def _table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(text: str) -> str:
    """Text that stays in its cell and is no Markdown."""
    plain = " ".join(printable(text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", plain).replace("&", "&amp;")


_INTRODUCTION = """What has been run, where, when, and what came of it. The numbers come from the ledgers of
this repository as the site is built. The line below each command says the same of that command alone."""

_LEGEND = """## What the words mean

- **Passed on a GB10**: the command ran on a GB10 and its checks held, nothing stood in. Only this is green.
- **Passed, nothing stood in**: the same on another machine, for a command that needs nothing special.
- **Passed with stand-ins**: the command ran and its checks held, but something answered in place of what the
  page names: a small model, another engine, a local hub. The command works; what a GB10 answers is not known.
- **Replaced, not run**: the command did not run. The runner supplied its effect, for later commands.
- **Failed**: the command ran, and it or one of its checks failed.
- **Stale**: what went into the run has changed since: the snippet, a Compose file, an image, a model's
  revision or an expectation. The record stays until somebody runs the command again."""

_CONTRIBUTE = """## Contribute a run

You own a GB10? A run of yours turns "not run on a GB10 yet" into a fact. From the root of your clone, with
gb10docs installed:

1. `gb10docs doctor` says which steps can run on your machine, and what the others lack.
2. `gb10docs run lesson-03 --record` runs the lesson top to bottom and writes
   `docs/evidence/lessons/lesson-03/gb10.json`. What would change your machine is skipped unless you allow it.
3. `git diff docs/evidence` shows all that you would publish. Secrets, your user name, home folder, host and
   addresses are masked as the ledger is written; look it over all the same. `--recorded-by NAME` says whom to
   credit.
4. Commit the ledger and open a pull request. A failure is welcome too: it is evidence."""
