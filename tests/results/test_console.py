from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sample import NASTY, every_verdict, report, step

from gb10docs.results.console import Console
from gb10docs.results.result import Outcome, StepResult


class Screen(io.TextIOWrapper):
    """What a console writes to, and what has been written."""

    def __init__(self, *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.encoding)


@pytest.fixture(autouse=True)
def _terminal_of_known_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def told(screen: Screen, steps: list[StepResult] | None = None) -> str:
    """What a whole run writes."""
    made = report(steps)
    console = Console(screen)
    console.planned(made.page, [one.id for one in made.steps])
    for one in made.steps:
        if one.started:
            console.step_started(one.id, "curl -s localhost")
            console.step_progress(one.id, 0.1, NASTY)
        console.step_finished(one)
    console.finished(made)
    return screen.text()


def test_a_pipe_gets_one_plain_line_a_step() -> None:
    lines = told(Screen()).splitlines()
    assert lines[0] == "docs/lessons/lesson-03.md: 7 steps"
    assert lines[1] == "✓ passed    activate  0.25 s"
    assert lines[2] == "⇄ replaced  serve  0.25 s  llama.cpp answers on port 8001"
    assert lines[3] == (
        "≈ stand-in  ask  3.50 s  with llama.cpp for trtllm, SmolLM2-135M-Instruct for nvidia/Qwen3-8B-NVFP4"
    )
    assert (
        lines[4]
        == "✗ failed    bad  0.25 s  snippets/lesson-03/bad.sh:4: `curl | jq` failed with exit code 7"
    )
    assert lines[6] == "– skipped   quantize  gpu: none; run it on a GB10 | or <elsewhere>"


def test_the_summary_counts_stand_ins_and_replacements_apart_from_passes() -> None:
    text = told(Screen())
    summary = text[text.index("lesson-03 on cpu (x86-64, 2 cores) in 1 min 12 s") :].splitlines()[1:]
    assert [" ".join(line.split()) for line in summary] == [
        "failed 2 bad, odd",
        "passed 1",
        "passed with stand-ins 1 llama.cpp for trtllm, SmolLM2-135M-Instruct for nvidia/Qwen3-8B-NVFP4",
        "replaced, not run 1 serve: llama.cpp answers on port 8001",
        "skipped 2 quantize, verify: gpu: none; run it on a GB10 | or <elsewhere>",
        "slowest ask 3.50 s, activate 0.25 s, serve 0.25 s",
    ]
    columns = {
        line.index(word) for line, word in zip(summary, ("bad", "", "llama", "serve"), strict=False) if word
    }
    assert len(columns) == 1


def test_a_failure_is_told_in_full_and_no_output_starts_a_line() -> None:
    text = told(Screen())
    block = text[text.index("✗ failed: lesson-03/bad") : text.index("✗ failed: lesson-03/odd")]
    assert "docs/lessons/lesson-03.md:12, snippets/lesson-03/bad.sh" in block
    assert "snippets/lesson-03/bad.sh:4: `curl | jq` failed with exit code 7" in block
    assert "container trtllm: exited, exit code 137, killed for want of memory" in block
    assert "last lines of standard error:" in block
    assert "  | last words" in block
    assert "all of it: /var/log/whole.txt" in block
    assert not [line for line in text.splitlines() if line.strip().startswith("::")]
    assert "last lines of standard output:\n  | 203" in text


def test_no_control_character_of_a_step_reaches_the_screen() -> None:
    text = told(Screen())
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "red  <&>" in text


def test_only_the_last_lines_of_output_are_told() -> None:
    steps = [step("bad", Outcome.FAILED, reason="no", stderr="".join(f"line {n}\n" for n in range(100)))]
    text = told(Screen(), steps)
    assert "| line 99" in text
    assert "| line 50" not in text


def test_marks_are_ascii_where_the_stream_cannot_write_others() -> None:
    text = told(Screen(encoding="ascii"))
    assert "+ passed    activate" in text
    assert "~ stand-in  ask" in text
    assert "= replaced  serve" in text
    assert "- skipped   quantize" in text


def test_a_terminal_gets_a_live_line_and_a_table() -> None:
    text = told(Screen(terminal=True))
    assert "… ask  curl -s localhost" in text
    assert "\r\x1b[2K" in text
    assert "passed with stand-ins" in text
    assert "╰" in text or "└" in text


def test_the_live_line_never_wraps_and_is_gone_before_a_result_is_written() -> None:
    screen = Screen(terminal=True)
    console = Console(screen)
    console.step_started("lesson-03/ask", "x" * 500)
    console.step_finished(step("ask"))
    live, result = screen.text().split("\r\x1b[2K")
    assert "\n" not in live
    assert live.count("x") < 100
    assert "ask" in result


def test_progress_is_drawn_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: 100 + next(clock) / 100)
    screen = Screen(terminal=True)
    console = Console(screen)
    console.step_started("lesson-03/ask", "curl")
    for n in range(100):
        console.step_progress("lesson-03/ask", n / 100, f"line {n}")
    assert 5 <= screen.text().count("line ") <= 11


def test_a_stand_in_differs_from_a_pass_in_mark_and_word_not_in_colour_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = told(Screen(terminal=True))
    assert "\x1b[32m" not in text
    assert "✓ passed    activate" in text
    assert "≈ stand-in  ask" in text


def test_colours_are_used_on_a_terminal() -> None:
    assert "\x1b[32m" in told(Screen(terminal=True))


def test_a_dumb_terminal_is_treated_as_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in told(Screen(terminal=True))


def test_a_server_that_died_later_is_told_again() -> None:
    screen = Screen()
    console = Console(screen)
    console.step_finished(step("serve"))
    console.step_finished(step("serve", Outcome.FAILED, reason="server 'trtllm' died later: exit code 1"))
    assert "✓ passed    serve" in screen.text()
    assert "✗ failed    serve  0.25 s  server 'trtllm' died later" in screen.text()


def test_a_download_is_drawn_on_a_terminal_and_told_once_in_a_pipe() -> None:
    live, pipe = Screen(terminal=True), Screen()
    for screen in (live, pipe):
        console = Console(screen)
        for done in range(0, 93, 31):
            console.fetching(done * 10**6, 93 * 10**6)
        console.fetching(93 * 10**6, 93 * 10**6)
        console.step_finished(step("ask"))
    assert "93 of 93 MB" in live.text()
    assert pipe.text().count("MB") == 1


def test_a_pipe_needs_no_rich_and_costs_little() -> None:
    program = """
import io, sys, time
sys.path.insert(0, sys.argv[1])
from sample import report, step
from gb10docs.results.console import Console
console, steps = Console(io.StringIO()), [step(f"s{n}") for n in range(2000)]
begun = time.process_time()
for one in steps:
    console.step_started(one.id, "true")
    console.step_finished(one)
spent = time.process_time() - begun
console.finished(report(steps))
assert not [name for name in sys.modules if name.partition(".")[0] == "rich"]
print(spent / len(steps) * 1e6)
"""
    asked = [sys.executable, "-c", program, str(Path(__file__).parents[1])]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 60, "microseconds a step; about 8 on an idle machine"


def test_every_verdict_is_in_the_sample() -> None:
    assert {one.outcome for one in every_verdict()} == set(Outcome)
