"""Who takes part: our runner, the baseline, and the peers, each in an environment of its own."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dialects
from processes import Run

BOTH = ("bash", "python")


class ToolError(Exception):
    """A tool that could not be installed, failed, or did not run every snippet."""


@dataclass(frozen=True)
class Tool:
    """How a tool is told about a page, started, and believed."""

    name: str
    languages: tuple[str, ...]
    write: Callable[[Path, Sequence[dialects.Snippet]], None]
    """Writes a page in the tool's dialect into a folder that is not there yet."""

    command: Callable[[Path, Path], list[str]]
    """The command line, from the environment's Python and the page's folder."""

    ran: Callable[[Run, Path], int]
    """How many snippets ran, from what the tool printed or wrote."""

    pins: tuple[str, ...] | None = ()
    """What to install in an environment of its own; None: it runs in this one."""

    def python(self, cache: Path) -> Path:
        """The Python of the tool's environment, made in the cache folder when it is not there.

        Raises:
            ToolError: pip could not install it.
        """
        if self.pins is None:
            return Path(sys.executable)
        return environment(self.name, self.pins, cache)


def environment(name: str, pins: Sequence[str], cache: Path) -> Path:
    """The Python of an environment with these packages, made in the cache folder when it is not there.

    Raises:
        ToolError: pip could not install them.
    """
    versions = [pin.rpartition("=")[2] for pin in pins]
    folder = cache / "-".join([name, *versions, f"python-{platform.python_version()}"])
    python, whole = folder / "bin" / "python", folder / "whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        steps = [[sys.executable, "-m", "venv", *([] if pins else ["--without-pip"]), str(folder)]]
        if pins:
            steps.append([str(python), "-m", "pip", "install", "--quiet", *pins])
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ToolError(f"cannot be installed: {last_lines(done.stderr)}")
        whole.touch()
    return python


def _beside(python: Path, program: str) -> str:
    return str(python.parent / program)


def _printed(pattern: str) -> Callable[[Run, Path], int]:
    def count(done: Run, folder: Path) -> int:
        found = re.search(pattern, done.output)
        return int(found[1]) if found else 0

    return count


def _passed_in_report(done: Run, folder: Path) -> int:
    passed = json.loads((folder / "report.json").read_text())["summary"]["passed"]
    return int(passed) if (folder / "report.xml").exists() else 0


def _built(done: Run, folder: Path) -> int:
    """Outputs in the page that was built; the code itself is not shown there."""
    return len(re.findall(r"\b(?:bash|python)-\d+", (folder / "site" / "index.html").read_text()))


def last_lines(text: str) -> str:
    """The end of what a program said, in one line."""
    return " | ".join(text.strip().splitlines()[-3:])


OURS = Tool(
    "gb10docs",
    BOTH,
    dialects.gb10docs,
    lambda python, folder: [
        _beside(python, "gb10docs"), "run", "--root", str(folder), str(folder / "docs" / "bench.md"),
        "--target", "cpu", "--json", str(folder / "report.json"), "--junit", str(folder / "report.xml"),
    ],
    _passed_in_report,
    pins=None,
)  # fmt: skip

BASELINE = Tool(
    "baseline",
    BOTH,
    dialects.baseline,
    lambda python, folder: [
        str(python), str(Path(__file__).with_name("baseline.py")), str(folder / "page.json"), str(python),
    ],
    _printed(r"(\d+) ran"),
)  # fmt: skip

PEERS = (
    Tool(
        "byexample",
        BOTH,
        dialects.byexample,
        lambda python, _folder: [
            _beside(python, "byexample"),
            "-l",
            "shell,python",
            "--pretty",
            "none",
            "index.md",
        ],
        _printed(r"Pass: (\d+)"),
        ("byexample==11.0.0",),
    ),
    Tool(
        "sybil",
        BOTH,
        dialects.sybil,
        lambda python, _folder: [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "index.md"],
        _printed(r"(\d+) passed"),
        ("pytest==9.0.1", "sybil==10.1.0"),
    ),
    Tool(
        "markdown-exec",
        BOTH,
        dialects.markdown_exec,
        lambda python, _folder: [_beside(python, "mkdocs"), "build", "--strict", "--quiet"],
        _built,
        ("mkdocs==1.6.1", "markdown-exec==1.12.6"),
    ),
    Tool(
        "pytest-examples",
        ("python",),
        dialects.pytest_examples,
        lambda python, _folder: [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        _printed(r"(\d+) passed"),
        ("pytest==9.0.1", "pytest-examples==0.0.18"),
    ),
)
