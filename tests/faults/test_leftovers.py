"""What a page leaves is ended, however much it is; what others leave for us is not believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from driving import header
from program import Program

NOBODY = 65534


def test_two_thousand_processes(program: Program) -> None:
    program.page("for i in {1..2000}; do sleep $TOKEN & done\necho started\n", "echo next\n")
    status, _, err = program.run()
    assert (status, err) == (0, "")
    assert [step["outcome"] for step in program.steps()] == ["passed"] * 2
    assert program.left() == []


@pytest.mark.parametrize("descriptors", [12, 20, 40])
def test_few_descriptors(program: Program, descriptors: int) -> None:
    """A machine that is out of them is told of in a line, and nothing is left; with some, all runs."""
    program.page("for i in {1..80}; do sleep $TOKEN & done\necho started\n", "echo next\n")
    words = ["run", "page", "--root", str(program.root), "--target", "gb10", "--json", str(program.json)]
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'ulimit -n {descriptors}; exec "$@"',
            "bash",
            sys.executable,
            "-m",
            "gb10docs",
            *words,
        ],
        env=program.environment,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.count("\n") <= 1
    if descriptors == 40:
        assert done.returncode == 0, done.stdout + done.stderr
    elif done.returncode != 2:
        assert "Too many open files" in done.stdout
    assert program.left() == []


def test_a_forged_note_harms_nobody(program: Program) -> None:
    """An id of -1 once was that of every process; a Compose file of ours once was taken down on another's word."""
    calls = program.folder / "calls"
    (program.folder / "docker").write_text(f'#!/bin/sh\necho "$@" >>{calls}\n')
    (program.folder / "docker").chmod(0o755)
    program.environment["PATH"] = f"{program.folder}:{program.environment['PATH']}"
    compose = program.folder / "compose.yaml"
    compose.write_text("services: {}\n")
    forged = {"pid": 1, "page": "p", "user": "x", "started": "0", "compose": [str(compose)]}
    notes = program.folder / "state" / "gb10docs" / f"runs-{os.geteuid()}"
    notes.mkdir(parents=True, mode=0o700)
    for run in ("-1", "0123456789ab"):
        for path in (program.temporary / "gb10docs.lock", notes / f"{run}.json"):
            path.write_text(json.dumps({"run": run, "folders": [str(program.folder)], **forged}))
            path.chmod(0o666)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
    bystander = subprocess.Popen(["sleep", program.token])
    program.page("echo ok\n")
    for arguments in (("clean",), ()):
        assert program.run(*arguments)[0] == 0
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert not calls.exists()
    assert compose.exists()


def test_one_lock_whatever_tmpdir_says(program: Program) -> None:
    up, go = program.signals_from("HANGS"), program.signals_from("GO")
    program.page('echo up >"$HANGS"\nread line <"$GO"\n')
    first = program.start()
    up.wait()
    program.environment["TMPDIR"] = str(program.folder)
    status, _, err = program.run()
    assert status == 2
    assert f"process {first.pid} of " in err
    os.write(go.descriptor, b"go\n")
    assert program.finish(first)[0] == 0


def test_a_run_inside_a_run(program: Program) -> None:
    """It takes part in the lock of the one around it, and what it clears away is not that one's."""
    inner = f'"{sys.executable}" -m gb10docs'
    (program.folder / "inner").mkdir()
    (program.folder / "inner" / "docs").mkdir()
    (program.folder / "inner" / "snippets").mkdir()
    (program.folder / "inner" / "snippets" / "a.sh").write_text("echo inside\n")
    (program.folder / "inner" / "docs" / "in.md").write_text('# In\n\n```bash\n--8<-- "a.sh"\n```\n')
    program.environment["INNER"] = str(program.folder / "inner")
    program.page(
        f'{inner} run in --root "$INNER" --target gb10 | grep passed\n{inner} clean\necho still here\n',
        "echo next\n",
    )
    status, out, err = program.run()
    assert (status, err) == (0, ""), out
    assert "still here" in program.steps()[0]["stdout"]
    assert program.left() == []
    assert program.notes() == []


def test_waiting_burns_no_processor(program: Program) -> None:
    """A shell that has ended wakes nobody while another session's step runs."""
    program.page(
        "exit 0\n",
        header('session = "other"') + "sleep 3\n",
    )
    before = os.times()
    begun = time.monotonic()
    status, out, _ = program.run()
    after = os.times()
    assert status == 0, out
    assert time.monotonic() - begun > 3
    used = after.children_user + after.children_system - before.children_user - before.children_system
    idle = subprocess.run(
        [sys.executable, "-m", "gb10docs", "list", "--root", str(program.root)], env=program.environment
    )
    assert idle.returncode == 0
    start_up = (
        os.times().children_user + os.times().children_system - after.children_user - after.children_system
    )
    assert used - start_up < 0.6, "spinning would take three seconds and more"


def test_no_bash_and_no_folder_are_told_in_a_line(program: Program) -> None:
    program.page("echo ok\n")
    environment = program.environment | {"PATH": "/nowhere"}
    words = [sys.executable, "-m", "gb10docs", "run", "page", "--root", str(program.root), "--target", "gb10"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert "no `bash` on the PATH" in done.stdout
    gone = program.folder / "gone"
    command = f"mkdir {gone}; cd {gone}; rmdir {gone}; exec {sys.executable} -P -m gb10docs run page"
    environment = program.environment | {"PYTHONPATH": program.environment["PYTHONPATH"].strip(os.pathsep)}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "gb10docs: the folder that you are in has been deleted: go to another\n"


def test_a_forged_answer_is_no_answer(program: Program) -> None:
    """The step fails, and its shell, which cannot be believed any more, is ended."""
    program.page(
        'printf "\\0x\\0\\0\\0errtrace:pipefail\\0\\0" >"$__gb_answers"\nsleep 0.1\nfalse\n',
        "echo next; false\n",
    )
    status, out, err = program.run(
        *("run", "page", "--root", str(program.root), "--target", "gb10", "--keep-going"),
        *("--json", str(program.json)),
    )
    assert (status, err) == (1, ""), out
    assert [step["outcome"] for step in program.steps()] == ["failed", "failed"]
    assert program.steps()[1]["stdout"] == "next\n"


@pytest.mark.parametrize("text", ["builtin() { :; }", "ulimit -n 3", "exec 255<&-; unset -f __gb_report"])
def test_a_shell_that_cannot_report_is_not_waited_for(program: Program, text: str) -> None:
    """The step fails at once and says why, though its timeout is longer than this test is waited for."""
    program.page(header('timeout = "1h"') + f"{text}\n", "echo next\n")
    status, out, err = program.run(
        *("run", "page", "--root", str(program.root), "--target", "gb10", "--keep-going"),
        *("--json", str(program.json)),
    )
    assert (status, err) == (1, ""), out
    first, second = program.steps()
    assert (first["outcome"], second["outcome"]) == ("failed", "passed")
    assert "could not report" in first["reason"]
    assert program.left() == []


@pytest.mark.parametrize("text", ["kill -STOP $$"])
def test_a_shell_without_its_means_costs_one_step(program: Program, text: str) -> None:
    """Bash cannot report then: the step fails when its time is over, and the next has a shell of its own."""
    program.page(header('timeout = "1s"') + f"{text}\n", "echo next\n")
    status, out, err = program.run(
        *("run", "page", "--root", str(program.root), "--target", "gb10", "--keep-going"),
        *("--json", str(program.json)),
    )
    assert (status, err) == (1, ""), out
    assert [step["outcome"] for step in program.steps()] == ["failed", "passed"]
    assert program.left() == []
