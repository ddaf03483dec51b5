"""The verdict on a bash step: it fails exactly where `bash -eE -o pipefail` stops, and says where."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import random_bash
from driving import header, outcomes, run

STOPS = {
    "condition": ("[[ a == b ]]", 1, "`[[ a == b ]]` failed with status 1"),
    "condition over lines": ("[[ a == a &&\n  a == b ]]", 1, "`[[ a == a && a == b ]]` failed"),
    "arithmetic": ("(( 0 ))", 1, "`(( 0 ))` failed with status 1"),
    "division": ("((1/0))", 1, "`((1/0))` failed with status 1"),
    "let": ("let 0", 1, "`let 0` failed with status 1"),
    "after a pipe": ("true | true\n[[ a == b ]]", 2, "`[[ a == b ]]` failed with status 1"),
    "after a pipe that was handled": (
        "if false | true; then :; fi\n[[ a == b ]]",
        2,
        "`[[ a == b ]]` failed",
    ),
    "in a list": ("true && [[ a == b ]]", 1, "`true && [[ a == b ]]` failed"),
    "in an if": ("if true; then\n  [[ a == b ]]\nfi", 2, "`[[ a == b ]]` failed"),
    "in a case": ("case x in\n  x) (( 0 ));;\nesac", 2, "`x) (( 0 ));;` failed"),
    "in a loop": ("for i in 1; do\n  (( i == 2 ))\ndone", 2, "`(( i == 2 ))` failed"),
    "in a function": ("f() {\n  [[ $1 == yes ]]\n}\nf no", 2, "`[[ $1 == yes ]]` failed"),
    "in a pipe": ("echo a | [[ a == b ]]", 1, "`[[ a == b ]]` failed with status 1, part 2 of 2 of the pipe"),
    "in a group of a pipe": (": | {\n  cat\n  (( 0 ))\n}", 1, "part 2 of 2 of the pipe"),
    "redirection in a pipe": (
        "true |\n  cat < /no/x |\n  cat",
        2,
        "`cat < /no/x` failed with status 1, part 2 of 3",
    ),
    "group to nowhere": ("true\n{ echo a\necho b\n} > /no/x", 4, "`} > /no/x` failed with status 1"),
    "group first": ("{ echo a; } > /no/x", 1, "`{ echo a; } > /no/x` failed"),
    "group after a condition": (
        "if false; then :; fi\n{ echo a; } > /no/x",
        2,
        "`{ echo a; } > /no/x` failed",
    ),
    "loop from nowhere": ("while read -r x; do\n  echo $x\ndone < /no/x", 3, "`done < /no/x` failed"),
    "if to nowhere": ("if true; then echo a; fi > /no/x", 1, "`if true; then echo a; fi > /no/x` failed"),
    "case to nowhere": ("case a in a) echo a;; esac > /no/x", 1, "esac > /no/x` failed"),
    "subshell to nowhere": ("( echo a\n) > /no/x", 2, "`) > /no/x` failed"),
    "function that returns": ("f() { return 3; }\nf", 2, "`f` failed with status 3"),
    "function that ends with a test": ("f() { [[ a == b ]] && echo a; }\nf", 2, "`f` failed with status 1"),
    "in an eval": ("eval 'false\necho no'", 1, "failed with status 1"),
    "waited for": ("false & wait $!", 1, "failed with status 1"),
    "in posix mode": ("set -o posix\nx=$(false; echo no)", 2, "`x=$(false; echo no)` failed"),
}


@pytest.mark.parametrize("name", STOPS)
def test_compound_commands_fail_and_their_line_is_named(tmp_path: Path, name: str) -> None:
    text, line, says = STOPS[name]
    failed, after = run(tmp_path, f"{text}\necho no\n", "echo alive\n")
    assert failed.outcome == "failed"
    assert f"snippets/s1.sh:{line}: " in failed.reason
    assert says in failed.reason
    assert failed.stdout == ""
    assert (after.outcome, after.stdout, after.stderr) == ("passed", "alive\n", "")


GIVEN_UP = {
    "bad substitution": ("echo ${x!y}", "line 2: ${x!y}: bad substitution"),
    "in a function": ("f() { echo ${x!y}; echo no; }; f", "line 2: ${x!y}: bad substitution"),
    "in a condition": ("if echo ${x!y}; then echo no; fi", "line 2: ${x!y}: bad substitution"),
    "assignment": ("readonly r=1; r=2", "line 2: r: readonly variable"),
    "no match": ("shopt -s failglob; ls /nonexistent*", "line 2: no match: /nonexistent*"),
    "subscript": ("echo ${a[1/0]}", "line 2: 1/0: division by 0"),
    "integer": ("declare -i n; n=1/0", "line 2: 1/0: division by 0"),
    "no such file": ("source /no/lib", "line 2: /no/lib: No such file or directory"),
    "parameter": ("echo ${nothing:?is needed}", "line 2: nothing: is needed"),
}


@pytest.mark.parametrize("name", GIVEN_UP)
def test_errors_that_end_the_shell_fail_the_step(tmp_path: Path, name: str) -> None:
    text, says = GIVEN_UP[name]
    failed, after = run(tmp_path, f"echo a\n{text}\necho no\n", "echo alive\n")
    assert (failed.outcome, failed.stdout) == ("failed", "a\n")
    assert f"with status 1, after bash said '{says}" in failed.reason
    assert (after.outcome, after.stdout, after.stderr) == ("passed", "alive\n", "")


GOES_ON = {
    "command substitution": ("x=$(false; echo a)\necho $x", "a\n"),
    "own set +e": ("set +e\nfalse\necho a", "a\n"),
    "own set +e for a while": ("set +e\n(exit 3)\ns=$?\nset -e\necho $s", "3\n"),
    "own set +e in a function": ("f() { local -; set +e; false; echo a; }\nf", "a\n"),
    "return in a function": ("f() {\n  return 1\n}\nf && echo no", ""),
    "return in a comment": ("[[ a == b ]] && echo no # return 1", ""),
    "spared pipe in a function": ("f() { yes | head -1; }\nf\necho a", "y\na\n"),
    "spared pipe in a group": ("{ yes | head -1; } > file\ncat file", "y\n"),
    "spared pipe in a subshell": ("(yes | head -1)\necho a", "y\na\n"),
    "spared pipe in a substitution": ("x=$(yes | head -1)\necho $x", "y\n"),
    "spared pipe in the background": ("(yes | head -1) & wait $!\necho a", "y\na\n"),
    "spared pipe in posix mode": ("set -o posix\nx=$(yes | head -1)\nyes | head -1\necho $x", "y\ny\n"),
    "spared pipe at the end of an if": ("if true; then yes | head -1; fi", "y\n"),
}


@pytest.mark.parametrize("name", GOES_ON)
def test_where_bash_goes_on_the_step_does(tmp_path: Path, name: str) -> None:
    text, stdout = GOES_ON[name]
    (step,) = run(tmp_path, f"{text}\n")
    assert (step.outcome, step.reason, step.stdout, step.stderr) == ("passed", "", stdout, "")


SPARED = {
    "a command": "false",
    "a subshell": "(false; echo no)",
    "a readonly variable": "readonly r=1\nr=2",
    "a condition": "[[ a == b ]]",
    "the same pipe": "yes | head -1 | (cat; exit 3)",
    "its status": "bash -c 'exit 141'",
    "its status in a function": "f() { yes | head -1; bash -c 'exit 141'; }\nf",
    "its status in a subshell": "(yes | head -1; bash -c 'exit 141')",
    "its status in a substitution": "x=$(yes | head -1; bash -c 'exit 141')",
    "an error in a subshell": "readonly r=1\n(yes | head -1; r=2)",
}


@pytest.mark.parametrize("name", SPARED)
def test_what_follows_a_spared_pipe_is_guarded(tmp_path: Path, name: str) -> None:
    (step,) = run(tmp_path, f"yes | head -1\n{SPARED[name]}\necho no\n")
    assert step.outcome == "failed"
    assert "no" not in step.stdout


def test_a_redirection_that_fails_in_silence_has_no_line(tmp_path: Path) -> None:
    """Bash knows only where the command before it stands."""
    (step,) = run(tmp_path, "true\nexec 2>/dev/null\n{ echo a; } >/no/x\necho no\n")
    assert (step.outcome, step.stdout) == ("failed", "")
    assert step.reason == "snippets/s1.sh: a redirection failed with status 1"


def test_a_file_that_bash_cannot_parse_fails_after_what_stands_before(tmp_path: Path) -> None:
    (step,) = run(tmp_path, "echo a\nfor x in; do\n  echo b\ndon\n")
    assert (step.outcome, step.stdout) == ("failed", "a\n")
    assert "snippets/s1.sh: bash cannot parse it, after bash said 'line 5: syntax error" in step.reason


RETURNS = {
    "by itself": "return 3",
    "in a list": "[[ a == b ]] || return",
    "quoted": "\\return 3",
    "in an eval": "eval 'return 3'",
    "in a trap": "trap 'return 3' USR1\nkill -USR1 $$",
    "beside a function": "f() {\n  return 0\n}\na=()\nif f; then return 3; fi",
}


@pytest.mark.parametrize("name", RETURNS)
def test_a_file_that_returns_by_itself_has_failed(tmp_path: Path, name: str) -> None:
    (step,) = run(tmp_path, f"{RETURNS[name]}\necho no\n")
    assert (step.outcome, step.stdout) == ("failed", "")
    assert "snippets/s1.sh: returned status" in step.reason


@pytest.mark.parametrize("name", ["FUNCNAME", "LINENO", "BASH_SOURCE", "BASH_COMMAND", "PIPESTATUS"])
def test_taking_away_what_bash_knows_of_itself_hides_no_failure(tmp_path: Path, name: str) -> None:
    steps = run(
        tmp_path, f"set -u\nunset {name}\nfalse\necho no\n", "[[ a == b ]]\necho no\n", "echo alive\n"
    )
    assert outcomes(steps) == ["failed", "failed", "passed"]
    assert [step.stdout for step in steps] == ["", "", "alive\n"]


def test_no_room_for_descriptors_hides_no_status(tmp_path: Path) -> None:
    steps = run(
        tmp_path, "ulimit -n 10\n", "[[ a == b ]] && echo no\n", "(exit 3)\necho no\n", "echo alive\n"
    )
    assert outcomes(steps) == ["passed", "passed", "failed", "passed"]
    assert [step.exit_code for step in steps] == [0, 1, 3, 0]
    assert [step.stdout for step in steps] == ["", "", "", "alive\n"]


def test_set_e_stays_set(tmp_path: Path) -> None:
    """After a spared pipe, into the next step, and after a step in which it was switched off."""
    steps = run(
        tmp_path,
        "set -eu\nyes | head -1 >file\necho ${-//[^eu]}\n",
        "echo ${-//[^eu]}\nset +e\n",
        "echo ${-//[^eu]}\nfalse\necho no\n",
        "echo alive\n",
    )
    assert [step.stdout for step in steps] == ["eu\n", "eu\n", "eu\n", "alive\n"]
    assert outcomes(steps) == ["passed", "passed", "failed", "passed"]


def test_a_file_that_ends_without_set_e_ends_with_its_status(tmp_path: Path) -> None:
    (step,) = run(tmp_path, "set +e\nfalse\n")
    assert (step.outcome, step.reason) == ("failed", "snippets/s1.sh: returned status 1")


def test_own_debug_trap_outlives_a_spared_pipe(tmp_path: Path) -> None:
    (step,) = run(tmp_path, "trap 'echo \"> $BASH_COMMAND\"' DEBUG\n(yes) | head -1\necho a\necho b\n")
    assert step.stdout.splitlines()[-4:] == ["> echo a", "a", "> echo b", "b"]


BATCH = 50


@pytest.mark.parametrize("first", range(0, 400, BATCH))
def test_the_verdict_is_that_of_bash_on_random_programs(tmp_path: Path, first: int) -> None:
    """Each in a session of its own; what it prints is the same too: no line runs after the failing one."""
    programs = [random_bash.program(seed) for seed in range(first, first + BATCH)]
    folders = [tmp_path / f"w{number}" for number in range(2 * BATCH)]
    for folder in folders:
        folder.mkdir()
        for name, text in random_bash.FILES.items():
            (folder / name).write_text(text)
    with ThreadPoolExecutor(2) as oracles:
        expected = oracles.map(_by_bash, programs, folders[BATCH:])
        steps = run(
            tmp_path,
            *(
                header(f'session = "{folder.name}"') + f"cd {folder}\n{text}"
                for text, folder in zip(programs, folders[:BATCH], strict=True)
            ),
        )
    for text, step, (passes, stdout) in zip(programs, steps, expected, strict=True):
        assert (step.outcome == "passed", step.stdout) == (passes, stdout), (
            f"{text}\n{step.reason}\n{step.stderr}"
        )


def _by_bash(text: str, folder: Path) -> tuple[bool, str]:
    """Whether bash comes to the end of a program, and what it prints."""
    (folder / "program.sh").write_text(random_bash.for_bash(text))
    done = subprocess.run(
        ["bash", "-eE", "-o", "pipefail", "program.sh"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout
