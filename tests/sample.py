"""A report to tell: every verdict once, with text that is hard to write down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gb10docs.results.result import Check, Container, Machine, Outcome, Report, StandIn, StepResult, summarize

LLAMA = StandIn(kind="engine", name="llama.cpp", instead_of="trtllm")
MODEL = StandIn(kind="model", name="SmolLM2-135M-Instruct", instead_of="nvidia/Qwen3-8B-NVFP4")
STARTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NASTY = "\x1b[31mred\x1b[0m \x00\x08 <&> | `tick` \\ ]]> \ufffe 🙂\r\n"


def step(name: str, outcome: Outcome = Outcome.PASSED, **changes: Any) -> StepResult:
    """A step of lesson-03; one that was skipped was never started."""
    ran = outcome is not Outcome.SKIPPED
    values: dict[str, Any] = {
        "id": f"lesson-03/{name}",
        "snippet": f"lesson-03/{name}.sh",
        "language": "bash",
        "page": "docs/lessons/lesson-03.md",
        "line": 12,
        "outcome": outcome,
        "sha256": "0" * 64,
        "started": STARTED if ran else None,
        "duration_s": 0.25 if ran else 0.0,
        "exit_code": 0 if outcome is Outcome.PASSED else None,
    }
    return StepResult(**(values | changes))


def every_verdict() -> list[StepResult]:
    """Two that failed, and each other verdict."""
    return [
        step("activate", stdout="ready\n"),
        step("serve", Outcome.REPLACED, stand_ins=[LLAMA], reason="llama.cpp answers on port 8001"),
        step("ask", stand_ins=[LLAMA, MODEL], duration_s=3.5, checks=[Check(name="chat", held=True)]),
        step(
            "bad",
            Outcome.FAILED,
            exit_code=7,
            reason="snippets/lesson-03/bad.sh:4: `curl | jq` failed with exit code 7\n"
            "::error::not for GitHub",
            stdout=NASTY,
            stderr="first\n" + NASTY + "::warning::no\nlast words\n",
            log="/var/log/whole.txt",
            containers=[
                Container(
                    service="trtllm",
                    image="i:1",
                    digest="sha256:1",
                    state="exited",
                    exit_code=137,
                    oom_killed=True,
                )
            ],
        ),
        step(
            "odd",
            Outcome.FAILED,
            exit_code=0,
            reason="expected contains '204', 50 % of it:\nno",
            stdout="203\n",
        ),
        step("quantize", Outcome.SKIPPED, reason="gpu: none; run it on a GB10 | or <elsewhere>"),
        step("verify", Outcome.SKIPPED, reason="gpu: none; run it on a GB10 | or <elsewhere>"),
    ]


def report(steps: list[StepResult] | None = None, **changes: Any) -> Report:
    """The run of lesson-03 on a machine without a GPU."""
    steps = every_verdict() if steps is None else steps
    values: dict[str, Any] = {
        "gb10docs": "0.1.0",
        "lesson": "lesson-03",
        "page": "docs/lessons/lesson-03.md",
        "target": "cpu",
        "machine": Machine(
            target="cpu",
            hardware="x86-64, 2 cores",
            os="Debian 12",
            arch="x86_64",
            cores=2,
            memory_bytes=8 * 10**9,
            python="3.11.2",
        ),
        "started": STARTED,
        "finished": STARTED + timedelta(seconds=72.4),
        "steps": steps,
        "summary": summarize(steps),
    }
    return Report(**(values | changes))
