"""The how-to "Use gb10docs on your own docs", from top to bottom, by the runner itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from gb10docs.pages.page import read_page

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "own-docs.md"


def test_it_runs_from_top_to_bottom(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "gb10docs", "run", "own-docs", "--target", "cpu", "--strict"]
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
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
    assert list(steps) == [step.id for step in read_page(PAGE, ROOT).steps]
    assert "# expect.contains" in steps["own-docs/snippet"]["stdout"]
    ledger = json.loads(steps["own-docs/ledger"]["stdout"])
    assert ledger["hello/system"]["stdout"] == "Linux\n"
    assert "nothing stood in" in steps["own-docs/prepare"]["stdout"]
