"""The loop: order, dependence, growth, and what its observer is told."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import Python, Watcher, header, outcomes, own_machine, run

from gb10docs.machine import processes
from gb10docs.pages.tree import read_pages
from gb10docs.plan.plan import make_plan
from gb10docs.plan.target import choose
from gb10docs.privacy.redactor import Redactor
from gb10docs.results.result import Outcome
from gb10docs.run.interrupts import Interrupted, Signals
from gb10docs.run.loop import run_plans
from gb10docs.run.streams import Capture, Pump


def test_stops_at_the_first_failure_unless_told_to_go_on(tmp_path: Path) -> None:
    made = header('makes = ["result:r"]') + "false\n"
    needs = header('needs = ["result:r"]') + "echo never\n"
    steps = run(tmp_path / "stops", made, "echo a\n", needs, keep_going=False)
    assert outcomes(steps) == ["failed", "skipped", "skipped"]
    assert "not reached: 'page/s1' failed; --keep-going" in steps[1].reason
    steps = run(tmp_path / "goes on", made, "echo a\n", needs)
    assert outcomes(steps) == ["failed", "passed", "skipped"]
    assert steps[2].reason == "needs 'page/s1', which did not pass"


def test_observer_is_told_in_order(tmp_path: Path) -> None:
    """Progress shows the last line while the step runs."""
    watcher = Watcher()
    run(
        tmp_path,
        "mkfifo f; echo visible\n",
        "echo waiting; sleep 0.5\n",
        Python("print(1)\n"),
        watcher=watcher,
    )
    assert watcher.seen[0] == "docs/page.md"
    assert watcher.seen[-1] == "page"
    assert watcher.seen[1] == "mkfifo f; echo visible"
    assert "waiting" in watcher.seen
    assert [step.outcome for step in watcher.finished_steps] == [Outcome.PASSED] * 3


def test_expectations_are_checked(tmp_path: Path) -> None:
    steps = run(
        tmp_path,
        header('expect.contains = ["abc"]') + "echo abc\n",
        header('expect.contains = ["x"]') + "echo y\n",
    )
    assert outcomes(steps) == ["passed", "failed"]
    assert steps[1].reason.startswith("snippets/s2.sh: expected contains 'x'")


def test_what_ran_is_what_was_read(tmp_path: Path) -> None:
    """A snippet that an earlier step rewrites runs as it was planned, and its line numbers are the file's."""
    steps = run(tmp_path, "echo 'echo changed' >snippets/s2.sh\n", header("") + "echo planned\nfalse\n")
    assert steps[1].stdout == "planned\n"
    assert "snippets/s2.sh:5: `false`" in steps[1].reason


def test_messages_name_the_snippet_and_no_temporary_folder(tmp_path: Path) -> None:
    steps = run(tmp_path, "no-such-thing\n", Python("import traceback\ntraceback.print_stack()\n"))
    assert steps[0].stderr == "snippets/s1.sh: line 1: no-such-thing: command not found\n"
    assert steps[1].stderr.splitlines()[-2].strip() == 'File "snippets/s2.py", line 2, in <module>'


def test_a_folder_that_python_scripts_share(tmp_path: Path) -> None:
    """The same snippet at two places on a page, and a script that imports nothing by accident."""
    steps = run(tmp_path, *[Python("import streams\n")] * 2)
    assert outcomes(steps) == ["failed", "failed"]
    assert "No module named 'streams'" in steps[1].stderr


class Interrupting(Capture):
    """A capture during whose work somebody presses Ctrl-C."""

    def feed(self, data: bytes) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        super().feed(data)


@pytest.fixture
def signals() -> Iterator[Signals]:
    with Signals() as caught:
        caught.hold()
        yield caught


def test_interrupt_loses_nothing_that_was_read(signals: Signals) -> None:
    """It is raised once the bytes that were on their way have arrived."""
    pump, capture = Pump(signals), Interrupting(Redactor({}), str)
    _, write = pump.pipe(capture)
    os.write(write, b"on its way")
    with pytest.raises(Interrupted):
        pump.run(lambda: False, time.monotonic() + 20)
    os.close(write)
    pump.close()
    assert capture.text() == "on its way"


def test_interrupt_before_a_wait_counts(signals: Signals) -> None:
    """At whatever moment it came, it is acted on at the next wait, once."""
    pump = Pump(signals)
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Interrupted):
        pump.run(lambda: False, time.monotonic() + 20)
    assert not pump.run(lambda: False, time.monotonic() + 0.01)
    pump.close()


def test_interrupt_while_something_ends_hurries_it(signals: Signals) -> None:
    pump = Pump(signals)
    command = ["bash", "-c", "trap '' INT TERM; echo up; exec sleep 1000"]
    deaf = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert deaf.stdout
    assert deaf.stdout.readline() == b"up\n"
    begun = time.monotonic()
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    pump.stop(lambda: {deaf.pid}, interrupt=True)
    assert time.monotonic() - begun < processes.GRACE / 2
    assert not processes.alive(deaf.pid)
    assert not pump.linger(lambda: False, 20)
    with pytest.raises(Interrupted):
        pump.checkpoint()
    pump.close()
    deaf.communicate()


def test_no_thread_is_started_for_a_plain_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("a thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    assert outcomes(run(tmp_path, "echo a\n", Python("print(1)\n"))) == ["passed", "passed"]


def test_a_page_that_builds_on_one_that_was_not_begun_is_not_begun_either(tmp_path: Path) -> None:
    """One fails, two builds on one, three on two."""
    for folder in ("docs", "snippets"):
        (tmp_path / folder).mkdir()
    (tmp_path / "snippets/no.sh").write_text("false\n")
    (tmp_path / "snippets/touch.sh").write_text("touch begun\n")
    for name, after, snippet in (("one", "", "no"), ("two", "one", "touch"), ("three", "two", "touch")):
        fence = f'```bash\n--8<-- "{snippet}.sh"\n```\n'
        (tmp_path / f"docs/{name}.md").write_text(f"---\nafter: [{after}]\n---\n# {name}\n\n{fence}")
    plans = make_plan(read_pages(tmp_path, ["one", "two", "three"]), tmp_path, choose("gb10"))
    with own_machine(tmp_path):
        reports, _ = run_plans(plans, tmp_path, Watcher())
    assert [step.reason for report in reports[1:] for step in report.steps] == [
        "not reached: page 'one' did not pass",
        "not reached: page 'two' did not pass",
    ]
    assert not (tmp_path / "begun").exists()
