"""The Evidence page: lessons by targets, counts, dates, what is stale, and how to contribute a run."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from gb10docs.evidence.inputs import Pins
from gb10docs.evidence.rows import TARGETS
from gb10docs.evidence.tally import WORDS, Tally, tallies
from gb10docs.pages.markdown_text import plain, table
from gb10docs.pages.page import Page
from gb10docs.pages.tree import lessons


def render(pins: Pins, at: str = "evidence/index.md") -> str:
    """The Evidence page as Markdown.

    Args:
        pins: The lock files of the tree that holds `docs/` and `snippets/`.
        at: Where the page will lie below `docs/`; its links are relative to that.

    Raises:
        BadLedger: A ledger cannot be read.
    """
    pages = [(page, tallies(page, pins)) for page in lessons(pins.root)]
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


def _matrix(pages: list[tuple[Page, list[Tally]]], at: str) -> str:
    rows = []
    for page, found in pages:
        cells = {
            name: "; ".join(f"{one.summary} ({one.dates})" for one in found if one.target == name)
            for name in TARGETS
        }
        rows.append([_page_link(page, at), *(cells[name] or "not run yet" for name in TARGETS)])
    return table(["Lesson", *TARGETS.values()], rows)


def _counts(pages: list[tuple[Page, list[Tally]]], at: str) -> str:
    words = [word[0].upper() + word[1:] for word in WORDS.values()]
    heads = ["Ledger", "Steps", *words, "No record", "Stale", "Recorded"]
    rows = []
    for page, found in pages:
        for one in found:
            counts = [one.looks[look] for look in WORDS]
            link = f"[{plain(f'{page.name}, {one.name}')}](<{_relative(one.file, at)}>)"
            numbers = [one.steps, *counts, one.steps - len(one.rows), len(one.stale)]
            rows.append([link, *map(str, numbers), one.dates])
    return table(heads, rows, range(1, len(heads) - 1)) if rows else "There is no ledger yet."


def _stale(found: list[Tally]) -> Iterator[str]:
    for one in found:
        for step_id, row in one.stale.items():
            yield f"- `{step_id}` on {plain(one.name)}: {plain(row.why_stale)}"


def _page_link(page: Page, at: str) -> str:
    return f"[{plain(page.title)}](<{_relative(page.relative.removeprefix('docs/'), at)}>)"


def _relative(path: str, at: str) -> str:
    return posixpath.relpath(path, posixpath.dirname(at) or ".")


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
   `docs/evidence/lessons/lesson-03/gb10.json`. Steps that are privileged or destructive are skipped unless
   you allow them. `--recorded-by NAME` says whom to credit.
3. `git add docs/evidence`, then `git diff --cached` shows all that you would publish. Secrets, your user
   name, home folder, host and addresses are masked as the ledger is written; look it over all the same.
4. Commit the ledger and open a pull request. A failure is welcome too: it is evidence."""
