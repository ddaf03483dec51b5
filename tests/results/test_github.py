from __future__ import annotations

import io
from pathlib import Path

import pytest
from sample import every_verdict, report, step

from gb10docs.results import github
from gb10docs.results.result import Outcome, StepResult


@pytest.fixture
def summary(tmp_path: Path) -> Path:
    """The file that GitHub names in $GITHUB_STEP_SUMMARY, with something in it."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    return path


def annotated(steps: list[StepResult]) -> list[str]:
    """What a run writes for GitHub to read."""
    stream = io.StringIO()
    (observer,) = github.observers({"GITHUB_ACTIONS": "true"}, stream)
    for one in steps:
        observer.step_finished(one)
    observer.finished(report(steps))
    return stream.getvalue().splitlines()


def test_nothing_is_told_elsewhere() -> None:
    assert github.observers({}) == []
    assert github.observers({"GITHUB_ACTIONS": "false", "GITHUB_STEP_SUMMARY": "/nowhere"}) == []


def test_only_failures_are_annotated_each_on_one_line() -> None:
    bad = "snippets/lesson-03/bad.sh:4: `curl | jq` failed with exit code 7%0A::error::not for GitHub"
    odd = "expected contains '204', 50 %25 of it:%0Ano"
    lines = annotated(every_verdict())
    assert lines == [
        f"::error file=snippets/lesson-03/bad.sh,line=4,title=lesson-03/bad failed::{bad}",
        f"::error file=docs/lessons/lesson-03.md,line=12,title=lesson-03/odd failed::{odd}",
    ]


def test_properties_cannot_be_broken_out_of() -> None:
    (line,) = annotated([step("a", Outcome.FAILED, page="docs/a,line=1::x\n.md", id="l/a:b,c", reason="no")])
    assert line == "::error file=docs/a%2Cline=1%3A%3Ax%0A.md,line=12,title=l/a%3Ab%2Cc failed::no"


def test_the_summary_is_appended_as_a_table(summary: Path) -> None:
    (observer,) = github.observers(
        {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}, io.StringIO()
    )
    observer.finished(report())
    text = summary.read_text()
    assert text.startswith("before\n## lesson-03 on cpu\n")
    assert "| ✓ | passed | 1 |  |" in text
    assert "| ≈ | passed with stand-ins | 1 | llama.cpp for trtllm, SmolLM2-135M-Instruct for" in text
    assert "| ⇄ | replaced, not run | 1 | serve: llama.cpp answers on port 8001 |" in text
    assert "| – | skipped | 2 | quantize, verify: gpu: none; run it on a GB10 \\| or &lt;elsewhere> |" in text
    assert "\\`curl | jq\\` failed" in text


def test_output_in_the_summary_cannot_end_its_fence(summary: Path) -> None:
    (observer,) = github.observers(
        {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}, io.StringIO()
    )
    observer.finished(report([step("bad", Outcome.FAILED, reason="no", stderr="```\n# heading\n````\n")]))
    assert "`````text\n```\n# heading\n````\n`````" in summary.read_text()
