from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ledgers import PASSED, REPLACED, STOOD_IN, TREE, convert, write_ledger
from sample import LLAMA, STARTED, step
from trees import Tree

from gb10docs.evidence.diff import diff
from gb10docs.evidence.inputs import Pins
from gb10docs.evidence.ledger import BadLedger
from gb10docs.evidence.tally import status
from gb10docs.results.result import Outcome
from gb10docs.site.evidence_page import render

TWO = TREE | {
    "docs/lessons/lesson-01.md": '# One | <b>\n\n```bash\n--8<-- "lesson-03/ask.sh"\n```\n',
    "docs/about.md": "# No steps\n",
}
GB10 = "docs/evidence/lessons/lesson-03/gb10.json"


@pytest.fixture
def root(tree: Tree) -> Path:
    """Two lessons, of which one has run on a GB10 and on a CPU."""
    root = tree(TWO)
    write_ledger(root, "gb10", PASSED, fresh=False)
    later = replace(STOOD_IN, started=STARTED + timedelta(days=40))
    write_ledger(root, "cpu", later, flavour="llamacpp")
    return root


def test_the_status_tells_what_each_ledger_comes_to(root: Path) -> None:
    text, faults = status(root)
    assert faults == []
    assert text.splitlines() == [
        "lessons/lesson-01  One | <b> (1 step)",
        "  gb10  not run yet",
        "lessons/lesson-03  Three (1 step)",
        "  gb10          1 passed on a GB10; 1 stale; 1 Mar 2026",
        "                stale: lesson-03/ask: the snippet changed after 1 Mar 2026",
        "  cpu-llamacpp  1 passed with stand-ins; 10 Apr 2026",
    ]


def test_the_page_has_lessons_by_targets_counts_and_what_is_stale(root: Path) -> None:
    page = render(Pins(root))
    assert "| Lesson | GB10 | NVIDIA GPU | CPU |" in page
    assert r"| [One \| &lt;b>](<../lessons/lesson-01.md>) | not run yet | not run yet | not run yet |" in page
    counts = "| 1 | 0 | 0 | 1 | 0 | 0 | 0 | 0 | 10 Apr 2026 |"
    assert f"| [lessons/lesson-03, cpu-llamacpp](<lessons/lesson-03/cpu-llamacpp.json>) {counts}" in page
    assert "- `lesson-03/ask` on gb10: the snippet changed after 1 Mar 2026" in page
    assert "gb10docs run lesson-03 --record" in page


def test_the_page_can_lie_elsewhere_and_its_links_lead_to_files(root: Path) -> None:
    for at in ("evidence/index.md", "evidence.md", "a/b/c.md"):
        for link in re.findall(r"\]\(<(.*?)>\)", render(Pins(root), at)):
            assert (root / "docs" / at).parent.joinpath(link).resolve().is_file()


def test_the_page_is_a_page(root: Path) -> None:
    html = convert(root, render(Pins(root)))
    assert html.count("<table>") == 2
    assert "<b>" not in html
    assert '<td style="text-align: right;">1</td>' in html


def test_a_tree_without_ledgers_has_a_page_too(tree: Tree) -> None:
    assert "There is no ledger yet." in render(Pins(tree(TWO)))


def test_every_look_is_counted_apart(tree: Tree) -> None:
    names = {"ask": PASSED, "b": STOOD_IN, "c": REPLACED, "d": step("d", Outcome.FAILED), "e": None}
    fences = "\n\n".join(f'```bash\n--8<-- "lesson-03/{name}.sh"\n```' for name in names)
    snippets = {f"snippets/lesson-03/{name}.sh": "true\n" for name in names}
    root = tree({"docs/lessons/lesson-03.md": fences, **snippets})
    results = [
        replace(result, id=f"lesson-03/{name}", snippet=f"lesson-03/{name}.sh")
        for name, result in names.items()
        if result
    ]
    write_ledger(root, "gb10", *results)
    assert "| 5 | 1 | 0 | 1 | 1 | 1 | 1 | 0 | 1 Mar 2026 |" in render(Pins(root))


def test_a_diff_names_what_changed_in_environment_and_outputs(root: Path) -> None:
    before = root / "before.json"
    (root / GB10).rename(before)
    changed = replace(PASSED, stdout="205\n", stand_ins=[LLAMA])
    write_ledger(root, "gb10", changed, os="DGX OS 8", started=STARTED + timedelta(days=1))
    assert diff(str(before), GB10, root).splitlines() == [
        f"--- {before} (docs/lessons/lesson-03.md on gb10; 2026-03-01T12:00+00:00)",
        f"+++ {GB10} (docs/lessons/lesson-03.md on gb10; 2026-03-02T12:00+00:00)",
        "",
        "environment of the newest run",
        "  os: DGX OS 7 -> DGX OS 8",
        "",
        "lesson-03/ask",
        "  stand-ins: none -> llama.cpp for trtllm",
        "  inputs changed: snippets/lesson-03/ask.sh",
        "  stdout",
        "    @@ -1 +1 @@",
        "    -204",
        "    +205",
    ]


def test_a_diff_of_the_same_says_nothing(root: Path) -> None:
    assert len(diff(GB10, GB10, root).splitlines()) == 2


def test_a_diff_says_which_steps_only_one_has(root: Path) -> None:
    before = root / "before.json"
    (root / GB10).rename(before)
    write_ledger(root, "gb10", replace(PASSED, id="lesson-03/more"))
    lines = diff(str(before), GB10, root).splitlines()
    assert "lesson-03/more: recorded only in the second" in lines
    assert "lesson-03/ask: recorded only in the first" in lines


def test_a_diff_reads_an_older_ledger_from_git(root: Path) -> None:
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    write_ledger(root, "gb10", replace(PASSED, stdout="\x1b[31m205\n"))
    assert "    +205" in diff(f"HEAD:{GB10}", GB10, root).splitlines()


@pytest.mark.parametrize("name", ["gone.json", "HEAD:gone.json", "--output=x:y", "x" * 300, "docs"])
def test_a_diff_of_what_is_no_ledger_is_refused(root: Path, name: str) -> None:
    with pytest.raises(BadLedger, match=re.escape(name)):
        diff(name, GB10, root)
    assert not (root / "x:y").exists()
