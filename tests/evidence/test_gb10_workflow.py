"""The workflow for a GB10 of one's own: who may start it, what it may do, and what its scripts do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from driving import header
from program import Program, broken

from gb10docs.pages.tree import lessons

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCRIPTS = sorted((ROOT / ".github").glob("*.sh"))
LEDGER = "docs/evidence/lessons/lesson-03/gb10.json"
SKIPPED = header('needs = ["command:nothing-of-that-name"]') + "true\n"
ON_A_FAILURE = """
_sound = summarize
def summarize(steps: Sequence[StepResult]) -> Summary:
    assert steps[0].outcome is not Outcome.FAILED, "a fault put in here"
    return _sound(steps)
"""


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


COURSE: dict[str, str | list[str]] = {
    "docs/index.md": ["s.sh"],
    "docs/lessons/index.md": ["s.sh"],
    "docs/lessons/lesson-03.md": '# With $USED and `harmless`\n\n```bash\n--8<-- "three.sh"\n```\n',
    "snippets/s.sh": "echo s\n",
    "snippets/three.sh": "echo three\n",
}
PAGES = ("index", "lessons/index", "lessons/lesson-03")


@dataclass
class Desk:
    """A small course with the scripts in it, a remote, and `gh`, which only writes down what it is asked."""

    program: Program
    remote: Path
    notes: Path

    @property
    def clone(self) -> Path:
        return self.program.root

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(self.program.folder / "bin"), os.environ["PATH"]])
        return subprocess.run(
            [self.clone / ".github" / script, *arguments],
            env={**self.program.environment, "PATH": path, "NOTES": str(self.notes), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def noted(self) -> str:
        return self.notes.read_text() if self.notes.exists() else ""

    def ledger(self, page: str, name: str = "cpu-llamacpp") -> dict[str, Any]:
        """What is recorded of a page."""
        path = self.clone / "docs" / "evidence" / page / f"{name}.json"
        table: dict[str, Any] = json.loads(path.read_text())
        return table


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def course(program: Program, files: Mapping[str, str | list[str]]) -> None:
    """A tree with the scripts and this very program in it."""
    program.tree(files)
    shutil.copytree(ROOT / ".github", program.root / ".github")
    executable(
        program.root / ".venv/bin/gb10docs", f'#!/bin/sh\nexec "{sys.executable}" -P -m gb10docs "$@"\n'
    )


@pytest.fixture
def desk(program: Program) -> Desk:
    course(program, COURSE)
    remote = program.folder / "remote.git"
    executable(program.folder / "bin/gh", '#!/bin/bash\necho "gh $*" >>"$NOTES"\n' + GH)
    program.tree({".gitignore": ".venv/\n"})
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "--quiet", "--bare", remote], check=True)
    for command in (
        ["init", "--quiet"],
        ["remote", "add", "origin", str(remote)],
        ["add", "."],
        ["commit", "--quiet", "-m", "first"],
        ["push", "--quiet", "origin", "HEAD:main"],
    ):
        subprocess.run([*git, "-C", program.root, *command], check=True)
    return Desk(program, remote, program.folder / "notes")


GH = """
case "$1 $2" in
"issue list") echo "${ISSUES:-[]}" ;;
*) cat >>"$NOTES" ;;
esac
"""


# Recording


def test_the_script_says_what_would_run_of_this_course(program: Program) -> None:
    """Every page that it lists is taken; nothing is run, and nothing written."""
    program.root.mkdir()
    for folder in ("docs", "snippets", "compose"):
        shutil.copytree(ROOT / folder, program.root / folder)
    course(program, {})
    done = Desk(program, program.folder, program.folder).run("record.sh", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    told = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert sorted(told) == sorted(f"{page.relative} on gb10" for page in lessons(ROOT))


def test_every_lesson_is_recorded(desk: Desk) -> None:
    done = desk.run("record.sh", "--target", "cpu", RECORDED_BY="Ada")
    assert (done.returncode, done.stderr) == (0, "")
    for page in PAGES:
        ledger = desk.ledger(page)
        assert [step["outcome"] for step in ledger["steps"].values()] == ["passed"]
        assert {run["recorded_by"] for run in ledger["runs"].values()} == {"Ada"}


def test_a_page_may_have_a_name_like_an_option_or_with_a_blank(desk: Desk) -> None:
    desk.program.tree({"docs/-n.md": ["s.sh"], "docs/a b.md": ["s.sh"]})
    done = desk.run("record.sh", "--target", "cpu")
    assert (done.returncode, done.stderr) == (0, "")
    for page in ("-n", "a b", *PAGES):
        assert desk.ledger(page)["steps"]


def test_no_other_machine_is_recorded_as_a_gb10(desk: Desk) -> None:
    done = desk.run("record.sh", RECORDED_BY="Ada")
    assert done.returncode == 1
    assert "this machine is no GB10" in done.stderr
    assert not [*(desk.clone / "docs").rglob("*.json")]


def test_a_failed_step_is_evidence(desk: Desk) -> None:
    desk.program.tree({"snippets/three.sh": "false\n"})
    assert desk.run("record.sh", "--target", "cpu").returncode == 0
    assert desk.ledger("lessons/lesson-03")["steps"]["lesson-03/three"]["outcome"] == "failed"


@pytest.mark.parametrize(
    "spoil",
    [
        {"docs/lessons/lesson-03.md": "```bash\necho inline\n```\n"},
        {"docs/evidence/index/cpu-llamacpp.json": "<<<<<<< HEAD\n"},
        {"snippets/s.sh": SKIPPED, "snippets/three.sh": SKIPPED},
        {"snippets/three.sh": 'kill -INT "$PPID"; sleep 60\n'},
    ],
    ids=["a wrong page", "a wrong ledger", "nothing could run", "interrupted"],
)
def test_a_run_that_did_not_end_well_is_none(desk: Desk, spoil: dict[str, str | list[str]]) -> None:
    desk.program.tree(spoil)
    done = desk.run("record.sh", "--target", "cpu")
    assert done.returncode == 1 if "docs/lessons/lesson-03.md" not in spoil else done.returncode == 2


def test_a_fault_of_the_program_is_none_and_keeps_what_was_recorded(desk: Desk) -> None:
    broken(desk.program, "results/result.py", ON_A_FAILURE)
    desk.program.tree({"snippets/three.sh": "false\n"})
    done = desk.run("record.sh", "--target", "cpu")
    assert done.returncode == 1
    assert "this is a fault of gb10docs itself" in done.stderr
    assert desk.ledger("index")["steps"]["index/s"]["outcome"] == "passed"


# What an owner of a GB10 is told to type


NOT_HERE = {
    "sudo apt-get install git make jq tree python3-venv",
    "git clone <address of your fork>",
    "cd <its folder>",
    "make .venv/.run",
    "source .venv/bin/activate",
}
"""What the page asks for that installs something; `make run` is tested by whoever has cloned this."""


def typed() -> list[str]:
    """The commands of the owners' page."""
    page = (ROOT / "docs/evidence/contribute.md").read_text()
    blocks = re.findall(r"^( *)```text\n(.*?)^\1```", page, re.MULTILINE | re.DOTALL)
    return [line.strip() for _, block in blocks for line in block.splitlines() if line.strip()]


def test_the_commands_of_the_owners_page_work(desk: Desk) -> None:
    """Each is typed as it stands there, in order; only the target is this machine's."""
    lines = typed()
    assert set(lines) >= NOT_HERE
    lines = [line for line in lines if line not in NOT_HERE]
    assert any("list | cut" in line for line in lines)
    path = os.pathsep.join([str(desk.clone / ".venv/bin"), os.environ["PATH"]])
    for line in lines:
        command = f"{line} --target cpu" if line.startswith("gb10docs run") else line
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=desk.clone,
            env={**desk.program.environment, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), line
    for page in PAGES:
        assert {run["recorded_by"] for run in desk.ledger(page)["runs"].values()} == {"Your Name"}
    staged = subprocess.run(
        ["git", "-C", desk.clone, "diff", "--cached", "--name-only"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert staged.stdout.split() == [f"docs/evidence/{page}/cpu-llamacpp.json" for page in PAGES]


@pytest.mark.parametrize("line", [line for line in typed() if line.startswith("gb10docs run")])
def test_the_commands_of_the_owners_page_are_for_this_course(program: Program, line: str) -> None:
    executable(program.folder / "bin/gb10docs", f'#!/bin/sh\nexec "{sys.executable}" -m gb10docs "$@"\n')
    path = os.pathsep.join([str(program.folder / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", f"{line} --target gb10 --dry-run"],
        cwd=ROOT,
        env={**program.environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "docs/lessons/lesson-03.md on gb10\n" in done.stdout


# Proposing


def proposed(desk: Desk, *files: str) -> subprocess.CompletedProcess[str]:
    for file in files:
        (desk.clone / file).parent.mkdir(parents=True, exist_ok=True)
        (desk.clone / file).write_text(LEDGER_OF.format(page=Path(file).parent.name))
    return desk.run("propose.sh", BRANCH="evidence/gb10-7", BASE="main")


LEDGER_OF = '{{"schema": "gb10docs.ledger/1", "page": "docs/lessons/{page}.md", "target": "gb10"}}'


def pushed(desk: Desk) -> list[str]:
    """Files of the branch that was pushed."""
    command = ["git", "-C", str(desk.remote), "ls-tree", "-r", "--name-only", "evidence/gb10-7"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.split()


def test_ledgers_are_proposed(desk: Desk) -> None:
    """One that cannot be read is named to whoever reviews them, and holds up none."""
    done = proposed(desk, LEDGER, "docs/evidence/index/gb10.json")
    assert done.returncode == 0, done.stderr
    assert {LEDGER, "docs/evidence/index/gb10.json"} <= set(pushed(desk))
    assert "docs/evidence/index/gb10.json: speaks of docs/lessons/index.md" in done.stderr
    assert "gh pr create --base main --head evidence/gb10-7 --title Evidence from a GB10" in desk.noted()
    assert "lessons/lesson-03  With $USED and `harmless` (1 step)\n" in desk.noted()


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


# Drift


def drifted(desk: Desk, *, days: int, issues: str = "[]") -> subprocess.CompletedProcess[str]:
    """What the script does where the evidence of a page is so old."""
    assert desk.run("record.sh", "--target", "cpu").returncode == 0
    path = desk.clone / "docs/evidence/index/cpu-llamacpp.json"
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    path.write_text(re.sub(r'"started": "[^"]*"', f'"started": "{then}"', path.read_text()))
    return desk.run("drift.sh", ISSUES=issues)


OLD = "## Old evidence: run it again with `--record`\n\n- evidence `docs/evidence/index/cpu-llamacpp.json`: 1 of 1"


def test_drift_opens_an_issue(desk: Desk) -> None:
    issues = '[{"number": 3, "title": "Pins or evidence have drifted again"}]'
    assert drifted(desk, days=91, issues=issues).returncode == 0
    assert f"gh issue create --title Pins or evidence have drifted --body-file -\n{OLD}" in desk.noted()


def test_drift_keeps_to_one_issue(desk: Desk) -> None:
    issues = '[{"number": 7, "title": "Pins or evidence have drifted"}]'
    assert drifted(desk, days=91, issues=issues).returncode == 0
    assert f"gh issue edit 7 --body-file -\n{OLD}" in desk.noted()
    assert "create" not in desk.noted()


def test_no_drift_opens_none(desk: Desk) -> None:
    assert drifted(desk, days=89).returncode == 0
    assert "gh" not in desk.noted()


def test_a_registry_that_does_not_answer_is_no_drift(desk: Desk) -> None:
    """Nobody listens on that port."""
    desk.program.tree({"compose/images.lock.toml": '[[image]]\nreference = "127.0.0.1:9/x/y:z"\n'})
    assert drifted(desk, days=0).returncode == 3
    assert "gh" not in desk.noted()
