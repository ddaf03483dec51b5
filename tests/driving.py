"""Small pages, written and run by the loop itself."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gb10docs.pages.page import read_page
from gb10docs.plan.plan import make_plan
from gb10docs.plan.target import choose
from gb10docs.results.result import Report, StepResult
from gb10docs.run.loop import run_plans


@dataclass
class Watcher:
    """An observer that remembers all it was told."""

    finished_steps: list[StepResult] = field(default_factory=list)
    amended_steps: list[StepResult] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    steps: Sequence[str] = ()

    def fetching(self, done: int, total: int) -> None:
        pass

    def planned(self, page: str, steps: Sequence[str]) -> None:
        self.seen.append(page)
        self.steps = steps

    def step_started(self, step_id: str, command: str) -> None:
        assert step_id in self.steps
        self.seen.append(command)

    def step_progress(self, step_id: str, elapsed_s: float, last_line: str) -> None:
        assert step_id in self.steps
        assert elapsed_s > 0
        self.seen.append(last_line)

    def step_finished(self, result: StepResult) -> None:
        self.finished_steps.append(result)

    def step_amended(self, result: StepResult) -> None:
        self.amended_steps.append(result)

    def finished(self, report: Report) -> None:
        self.seen.append(report.lesson)


class Python(str):
    """The text of a Python snippet; any other text is bash."""


def header(table: str) -> str:
    """A snippet's header block."""
    lines = [
        "# /// script",
        "# [tool.gb10docs]",
        *(f"# {line}" for line in table.strip().splitlines()),
        "# ///",
        "",
    ]
    return "\n".join(lines)


def search(word: str, otherwise: str) -> str:
    """A script that prints all command lines if one holds the word, else something; bare machines lack `pgrep`."""
    return (
        "found=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ') || true\n"
        f'case $found in *{word}*) echo "$found";; *) echo {otherwise};; esac\n'
    )


def write(root: Path, *texts: str) -> Path:
    """A page `page` whose steps are snippets `s1.sh`, `s2.py`, …"""
    (root / "docs").mkdir(parents=True, exist_ok=True)
    (root / "snippets").mkdir(exist_ok=True)
    page = ["# Page", ""]
    for number, text in enumerate(texts, start=1):
        language, suffix = ("python", "py") if isinstance(text, Python) else ("bash", "sh")
        (root / "snippets" / f"s{number}.{suffix}").write_text(text)
        page += [f'```{language} title="Step {number}"', f'--8<-- "s{number}.{suffix}"', "```", ""]
    (root / "docs" / "page.md").write_text("\n".join(page))
    return root


def run(
    root: Path, *texts: str, keep_going: bool = True, watcher: Watcher | None = None, target: str = "gb10"
) -> list[StepResult]:
    """Write a page and run it: the result of each step."""
    write(root, *texts)
    (plan,) = make_plan([read_page(root / "docs" / "page.md", root)], root, choose(target))
    with own_machine(root):
        (report,), interrupted = run_plans([plan], root, watcher or Watcher(), keep_going=keep_going)
    assert not interrupted
    return report.steps


@contextlib.contextmanager
def own_machine(root: Path) -> Iterator[Path]:
    """A folder for temporary files, so that neither the lock nor anything left is shared with other runs."""
    before, tempfile.tempdir = tempfile.tempdir, str(root / "tmp")
    (root / "tmp").mkdir(exist_ok=True)
    try:
        yield root / "tmp"
    finally:
        tempfile.tempdir = before


def outcomes(steps: list[StepResult]) -> list[str]:
    """As in `["passed", "failed"]`."""
    return [step.outcome.value for step in steps]
