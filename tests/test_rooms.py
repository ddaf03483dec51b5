"""The rooms of the package: one way, none unlisted, and each says what is in it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gb10docs"
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
TOP_LEVEL = {"__init__.py", "__main__.py", "atomic.py", "errors.py", "markdown.py"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its rules in a place of their own."""
    shutil.copytree(PACKAGE, tmp_path / "gb10docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(root: Path) -> tuple[int, str]:
    """Exit status of lint-imports in a folder, and what it prints."""
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as lint; lint()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], capture_output=True, text=True, cwd=root, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_each_room_imports_only_those_below_it() -> None:
    status, told = lint(ROOT)
    assert status == 0, told


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("pages/need.py", "import gb10docs.run.loop", "gb10docs.pages.need -> gb10docs.run.loop"),
        ("bench/load.py", "import gb10docs.standins.hub", "gb10docs.bench.load -> gb10docs.standins.hub"),
        ("attic/__init__.py", "", "attic"),
        ("loose.py", "", "loose"),
        ("results/verdict.py", "import gb10docs.results.console", ".verdict"),
    ],
    ids=["upwards", "sideways", "unlisted-room", "unlisted-module", "circle"],
)
def test_what_breaks_the_order_is_refused(copy: Path, module: str, line: str, wrong: str) -> None:
    path = copy / "gb10docs" / module
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(f"\n{line}\n")
    status, told = lint(copy)
    assert status == 1, told
    assert wrong in told


def test_only_five_modules_lie_outside_of_a_room() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == TOP_LEVEL


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_each_room_says_in_its_first_line_what_is_in_it_and_what_is_not(room: Path) -> None:
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    first = said.partition("\n")[0]
    assert first.endswith(".")
    inside, _, outside = first.partition(". ")
    assert inside
    assert outside, f"{room.name}: what is not in it?"


def test_what_draws_a_page_knows_no_engine_no_plan_and_no_reports() -> None:
    code = "import sys, gb10docs.markdown; print(*(name for name in sys.modules if name.startswith('gb10docs.')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    loaded = {name.split(".", 1)[1] for name in done.stdout.split()}
    rooms = {name.partition(".")[0] for name in loaded}
    assert "site" in rooms
    assert not rooms & {"engines", "standins", "plan", "run", "bench", "cli", "models", "privacy"}
    assert {name for name in loaded if name.startswith("results")} <= {"results", "results.result"}
