"""The workflow for a GB10 of one's own: who may start it, what it may do, and what its scripts do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCRIPTS = sorted((ROOT / ".github").glob("*.sh"))
LEDGER = "docs/evidence/lessons/lesson-03/gb10.json"


def workflow() -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/gb10.yml").read_text())
    return loaded


def test_nobody_elses_code_reaches_the_machine() -> None:
    """`on` is True in YAML 1.1."""
    assert set(workflow()[True]) == {"schedule", "workflow_dispatch"}


def test_the_machine_can_write_nothing() -> None:
    found = workflow()
    assert found["permissions"] == {}
    own = {name: job for name, job in found["jobs"].items() if "self-hosted" in job["runs-on"]}
    assert own.keys() == {"record"}
    assert own["record"]["runs-on"] == ["self-hosted", "gb10"]
    assert own["record"]["permissions"] == {"contents": "read"}
    assert "secrets" not in str(own)
    assert "github.token" not in str(own)
    checkout = next(step for step in own["record"]["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"uses: (\S+)( # v\d+\.\d+\.\d+)?$", path.read_text(), re.M)
    assert len(used) == path.read_text().count("uses:")
    for action, version in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action), action
        assert version, f"{action}: say which version that is"


def test_one_version_of_an_action_is_one_commit() -> None:
    texts = "".join(path.read_text() for path in WORKFLOWS)
    used = set(re.findall(r"uses: ([\w/-]+)@([0-9a-f]{40}) # (v\S+)", texts))
    assert len({action for action, _, _ in used}) == len(used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_may_do_what_it_needs_and_no_more(path: Path) -> None:
    """Nothing by itself; and where it may write, no cache that another run could have filled."""
    found = yaml.safe_load(path.read_text())
    assert found["permissions"] == {}
    for job in found["jobs"].values():
        assert job["permissions"]
        for step in job["steps"]:
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
        if "write" in job["permissions"].values():
            assert "cache" not in str(job["steps"])


def test_zizmor() -> None:
    """No finding of a tool that looks for what is unsafe in workflows."""
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    assert program, "zizmor is not installed: make test installs it"
    asked = [program, "--offline", "--no-progress", "--quiet", ".github/workflows"]
    checked = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_schedule_starts_a_job() -> None:
    found = workflow()
    crons = {entry["cron"] for entry in found[True]["schedule"]}
    named = set(re.findall(r"github\.event\.schedule == '([^']+)'", str(found["jobs"])))
    assert crons == named


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_run_by_the_workflow(path: Path) -> None:
    assert f".github/{path.name}" in (ROOT / ".github/workflows/gb10.yml").read_text()
    assert os.access(path, os.X_OK)


def test_shellcheck(shellcheck: str) -> None:
    checked = subprocess.run([shellcheck, *SCRIPTS], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint(path: Path) -> None:
    """A workflow is as GitHub reads it, and no expression in it names what is not there."""
    program = shutil.which("actionlint", path=str(Path(sys.executable).parent))
    assert program, "actionlint is not installed: make test installs it"
    checked = subprocess.run([program, path], cwd=ROOT, capture_output=True, text=True, check=False)
    told = [line for line in checked.stdout.splitlines() if line.startswith(".github/")]
    assert told == []


@dataclass
class Desk:
    """A clone with the scripts in it, a remote, and programs that only write down what they are asked."""

    clone: Path
    remote: Path
    notes: Path

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(self.clone.parent / "bin"), os.environ["PATH"]])
        return subprocess.run(
            [self.clone / ".github" / script],
            env={**os.environ, "PATH": path, "NOTES": str(self.notes), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def program(self, path: str, body: str) -> None:
        """A program that notes its arguments and then does what the body says."""
        file = self.clone.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'#!/bin/bash\nprintf "%s\\n" "$(basename "$0") $*" >>"$NOTES"\n{body}\n')
        file.chmod(0o755)

    def noted(self) -> str:
        return self.notes.read_text() if self.notes.exists() else ""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    clone, remote = tmp_path / "clone", tmp_path / "remote.git"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "--quiet", "--bare", remote], check=True)
    subprocess.run([*git, "clone", "--quiet", remote, clone], check=True, capture_output=True)
    (clone / ".github").mkdir()
    for script in SCRIPTS:
        shutil.copy2(script, clone / ".github")
    (clone / ".gitignore").write_text(".venv/\n")
    for command in (
        ["add", "."],
        ["commit", "--quiet", "-m", "first"],
        ["push", "--quiet", "origin", "HEAD:main"],
    ):
        subprocess.run([*git, "-C", clone, *command], check=True)
    return Desk(clone, remote, tmp_path / "notes")


def test_every_lesson_is_recorded(desk: Desk) -> None:
    says = '[[ $1 == list ]] && printf "index  Home  (1 step)\\nlesson-01  A  (2 steps)\\n"; exit 0'
    desk.program("clone/.venv/bin/gb10docs", says)
    assert desk.run("record.sh", RECORDED_BY="Ada").returncode == 0
    line = "run index lesson-01 --target gb10 --record --recorded-by Ada --keep-going"
    assert f"gb10docs {line}\n" in desk.noted()


@pytest.mark.parametrize(("status", "ends"), [(0, 0), (1, 0), (2, 1), (3, 1), (130, 1)])
def test_a_failed_step_is_evidence_and_a_failed_run_is_none(desk: Desk, status: int, ends: int) -> None:
    desk.program(
        "clone/.venv/bin/gb10docs",
        f'[[ $1 == list ]] && echo "index  Home"; [[ $1 != run ]] || exit {status}',
    )
    assert desk.run("record.sh", RECORDED_BY="Ada").returncode == ends


def proposed(desk: Desk, *files: str) -> subprocess.CompletedProcess[str]:
    desk.program("clone/.venv/bin/gb10docs", "echo lesson-03: $USED backquotes are `harmless`")
    desk.program("bin/gh", 'cat >>"$NOTES"')
    for file in files:
        (desk.clone / file).parent.mkdir(parents=True, exist_ok=True)
        (desk.clone / file).write_text("{}")
    return desk.run("propose.sh", BRANCH="evidence/gb10-7", BASE="main")


def pushed(desk: Desk) -> list[str]:
    """Files of the branch that was pushed."""
    command = ["git", "-C", str(desk.remote), "ls-tree", "-r", "--name-only", "evidence/gb10-7"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.split()


def test_ledgers_are_proposed(desk: Desk) -> None:
    done = proposed(desk, LEDGER, "docs/evidence/index/gb10.json")
    assert done.returncode == 0, done.stderr
    assert {LEDGER, "docs/evidence/index/gb10.json"} <= set(pushed(desk))
    assert "gh pr create --base main --head evidence/gb10-7 --title Evidence from a GB10" in desk.noted()
    assert "```text\nlesson-03: " in desk.noted()


def test_nothing_new_is_no_proposal(desk: Desk) -> None:
    assert proposed(desk).returncode == 0
    assert "gh" not in desk.noted()


@pytest.mark.parametrize(
    "file",
    [
        "snippets/lesson-03/evil.sh",
        "docs/evidence/lessons/lesson-03/cpu-llamacpp.json",
        "docs/evidence/lessons/gb10.json/x.sh",
        "docs/evidence/../../Makefile",
        ".github/workflows/gb10.json",
    ],
)
def test_nothing_but_ledgers_of_a_gb10_is_proposed(desk: Desk, file: str) -> None:
    done = proposed(desk, LEDGER, file)
    assert done.returncode == 1
    assert "these are no ledgers of a GB10" in done.stderr
    assert pushed(desk) == []
    assert "gh" not in desk.noted()


def drifted(desk: Desk, status: int, issues: str = "[]") -> subprocess.CompletedProcess[str]:
    desk.program("clone/.venv/bin/gb10docs", f'echo "## Moved: \\`x\\`"; exit {status}')
    desk.program("bin/gh", f"[[ $2 == list ]] && echo '{issues}' || cat >>\"$NOTES\"")
    return desk.run("drift.sh")


def test_drift_opens_an_issue(desk: Desk) -> None:
    assert drifted(desk, 1, '[{"number": 3, "title": "Pins or evidence have drifted again"}]').returncode == 0
    assert (
        "gh issue create --title Pins or evidence have drifted --body-file -\n## Moved: `x`" in desk.noted()
    )


def test_drift_keeps_to_one_issue(desk: Desk) -> None:
    assert drifted(desk, 1, '[{"number": 7, "title": "Pins or evidence have drifted"}]').returncode == 0
    assert "gh issue edit 7 --body-file -\n## Moved: `x`" in desk.noted()
    assert "create" not in desk.noted()


@pytest.mark.parametrize("status", [0, 3])
def test_no_drift_opens_none(desk: Desk, status: int) -> None:
    assert drifted(desk, status).returncode == status
    assert "gh" not in desk.noted()
