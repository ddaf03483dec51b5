"""The how-to pages, from top to bottom, by the runner itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from gb10docs.pages.page import read_page

ROOT = Path(__file__).parents[2]


def run_page(name: str, folder: Path) -> dict[str, Any]:
    """Each step of a how-to by its id, all of which have passed, run below a folder of the test's own."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "gb10docs", "run", name, "--target", "cpu", "--strict"]
    environment = {
        **os.environ,
        "TMPDIR": str(folder),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_MKDOCS_2_WARNING": "1",
    }
    done = subprocess.run(
        [*command, "--root", str(ROOT), "--json", str(report)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps = {step["id"]: step for step in json.loads(report.read_text())["steps"]}
    page = read_page(ROOT / "docs" / "how-to" / f"{name}.md", ROOT)
    assert list(steps) == [step.id for step in page.steps]
    return steps


def test_docs_of_ones_own(tmp_path: Path) -> None:
    steps = run_page("own-docs", tmp_path)
    assert "# expect.contains" in steps["own-docs/snippet"]["stdout"]
    ledger = json.loads(steps["own-docs/ledger"]["stdout"])
    assert ledger["hello/system"]["stdout"] == "Linux\n"
    assert "nothing stood in" in steps["own-docs/prepare"]["stdout"]


def test_a_lesson_more(tmp_path: Path) -> None:
    steps = run_page("add-a-lesson", tmp_path)
    assert "lessons/lesson-99" in steps["add-a-lesson/plan"]["stdout"]
    assert "free-memory.sh:4: " in steps["add-a-lesson/mistake"]["stdout"]
    assert ".json\n" in steps["add-a-lesson/evidence"]["stdout"]
    assert not (ROOT / "docs/lessons/lesson-99.md").exists(), "it works in a copy"
