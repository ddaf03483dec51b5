"""Sessions: what lasts from step to step, how failures are seen, and that streams hold what was printed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from driving import Python, outcomes, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def test_variables_functions_directory_and_exports_last(tmp_path: Path) -> None:
    steps = run(
        tmp_path,
        "x=one; export Y='two words'; greet() { echo \"hello $1\"; }\nmkdir sub\ncd sub\nshopt -s nullglob\n",
        'echo "$x $Y"; greet ann; pwd; echo *.nothing\n',
        Python("import os\nprint(os.environ['Y'], os.getcwd(), os.environ.get('x'))\n"),
    )
    assert steps[1].stdout == "one two words\nhello ann\n./sub\n\n"
    assert steps[2].stdout == "two words ./sub None\n"
    assert outcomes(steps) == ["passed"] * 3


FAILURES = {
    "a command": ("echo a\nfalse\necho b\n", "snippets/s1.sh:2: `false` failed with status 1", "a\n"),
    "not found": (
        "no-such-program --x\necho b\n",
        "s1.sh:1: `no-such-program --x` failed with status 127",
        "",
    ),
    "first part": ("echo a\n(exit 3) | cat\necho b\n", "`(exit 3)` failed with status 3, part 1 of 2", "a\n"),
    "middle part": ("echo a | (cat; exit 4) | cat\necho b\n", "failed with status 4, part 2 of 3", "a\n"),
    "last part": ("echo a | (exit 5)\necho b\n", "failed with status 5, part 2 of 2", ""),
    "in a function": (
        "f() {\n  false\n  echo b\n}\nf\necho c\n",
        "s1.sh:2: `false` failed with status 1",
        "",
    ),
    "in a subshell": ("(echo a; false; echo b)\necho c\n", "s1.sh:1: ", "a\n"),
    "in a loop": ("for i in 1 2; do\n  echo $i\n  false\ndone\n", "s1.sh:3: `false` failed", "1\n"),
    "at the end": (
        "echo a\nls /no/such/folder\n",
        "s1.sh:2: `ls /no/such/folder` failed with status 2",
        "a\n",
    ),
    "assignment": ("x=$(false)\necho b\n", "s1.sh:1: `x=$(false)` failed with status 1", ""),
    "under set -e": ("set -e\necho a\nfalse\necho b\n", "s1.sh:3: `false` failed with status 1", "a\n"),
    "return": ("echo a\nreturn 7\necho b\n", "returned status 7", "a\n"),
    "exit": ("echo a\nexit 7\necho b\n", "the shell exited with status 7", "a\n"),
    "unbound": ("set -u\necho a\necho $nothing\necho b\n", "the shell exited with status", "a\n"),
    "killed shell": ("echo a\nkill -9 $$\necho b\n", "the shell exited with status 137 (SIGKILL)", "a\n"),
    "syntax": ("echo a\nif true; then\n", "bash cannot parse it", "a\n"),
    "killed program": ("bash -c 'kill -9 $$'\n", "failed with status 137 (SIGKILL)", ""),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure_is_seen_named_and_stops_the_step(tmp_path: Path, name: str) -> None:
    text, reason, stdout = FAILURES[name]
    failed, after = run(tmp_path, text, "echo alive\n")
    assert failed.outcome == "failed"
    assert reason in failed.reason
    assert failed.stdout == stdout
    assert after.outcome == "passed"
    assert after.stdout == "alive\n"
    assert after.stderr == ""


HARMLESS = {
    "sigpipe": ("yes | head -1\n", "y\n"),
    "sigpipe under set -e": ("set -e\nyes | head -1\necho a\n", "y\na\n"),
    "sigpipe in the middle": ("yes | cat | head -1\n", "y\n"),
    "trailing and": ("[[ a == b ]] && echo same\n", ""),
    "condition": ("if false; then echo a; fi\nfalse || echo b\n! true\n", "b\n"),
    "while": ("while false; do :; done\necho a\n", "a\n"),
    "exit 0": ("echo a\nexit 0\n", "a\n"),
    "return 0": ("echo a\nreturn 0\necho b\n", "a\n"),
    "exec": ("exec echo a\n", "a\n"),
    "handled": ("(false; echo a) || echo b\n", "a\n"),
    "grep in a substitution": ('echo "count: $(grep -c nothing /dev/null)"\n', "count: 0\n"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_failure(tmp_path: Path, name: str) -> None:
    text, stdout = HARMLESS[name]
    steps = run(tmp_path, text, "echo next\n")
    assert outcomes(steps) == ["passed", "passed"], steps[0].reason
    assert [step.stdout for step in steps] == [stdout, "next\n"]
    assert [step.stderr for step in steps] == ["", ""]


SPOILERS = {
    "set -e": "set -e\n",
    "set -u": "set -u\n",
    "set -f": "set -f\n",
    "set -C": "set -C\n",
    "set -a": "set -a\n",
    "posix": "set -o posix\n",
    "monitor": "set -m\n",
    "IFS": "IFS=_0123456789\n",
    "IFS empty": "IFS=\n",
    "shopt": "shopt -s nullglob failglob dotglob extglob nocasematch lastpipe xpg_echo inherit_errexit\n",
    "trap EXIT": "trap 'echo bye' EXIT\n",
    "trap INT": "trap '' INT TERM HUP\n",
    "trap RETURN": "trap : RETURN\n",
    "functrace": "set -T; trap : DEBUG RETURN\n",
    "redefined": "".join(
        f"{name}() {{ :; }}\n"
        for name in [
            "printf",
            "cd",
            "read",
            "trap",
            "set",
            "shift",
            "return",
            "local",
            "eval",
            "unset",
            "exec",
            "declare",
            "type",
            "umask",
            "test",
            "source",
        ]
    ),
    "redefined dot": ".() { :; }\n",
    "closed stdout": "exec >&-\n",
    "closed all": "exec >&- 2>&- <&-\n",
    "redirected": "exec >file.out 2>&1\n",
    "high descriptors": "exec 3>three 9>nine 10>ten 11>eleven 12>twelve 255>&1\n",
    "here-document": "cat <<EOF >doc\n$HOME `echo x` 'quotes\nEOF\n",
    "unterminated here-document": "cat <<EOF >doc\nlast line\n",
    "PS4": "PS4='$(echo evil >&2)+ '\n",
    "aliases": "shopt -s expand_aliases\nalias printf=false .=false trap=false return=false\n",
    "no newline": "true",
    "closed trace": "exec 9>trace; BASH_XTRACEFD=9; set -x; exec 9>&-; BASH_XTRACEFD=9\n",
    "readonly": "readonly PS4 IFS\n",
    "umask": "umask 077\n",
    "PATH": "PATH=/nowhere\n",
    "env": "unset HOME PATH PWD\n",
    "unset all": "for name in $(compgen -e); do unset $name 2>/dev/null || true; done\n",
    "removed directory": "mkdir gone; cd gone; rmdir ../gone\n",
}


@pytest.mark.parametrize("name", SPOILERS)
def test_no_setting_confuses_the_next_step(tmp_path: Path, name: str) -> None:
    steps = run(
        tmp_path,
        SPOILERS[name],
        "builtin echo out; builtin echo err >&2\n",
        "builtin echo more\n/bin/false\nbuiltin echo not reached\n",
        "builtin echo last\n",
    )
    assert outcomes(steps) == ["passed", "passed", "failed", "passed"], [step.reason for step in steps]
    assert [step.stdout for step in steps[1:]] == ["out\n", "more\n", "last\n"]
    assert [step.stderr for step in steps] == [steps[0].stderr, "err\n", "", ""]
    assert "s3.sh:2: `/bin/false` failed with status 1" in steps[2].reason


def test_python_step_after_each_spoiler(tmp_path: Path) -> None:
    for number, name in enumerate(
        ["posix", "IFS", "redefined", "closed all", "removed directory", "set -C", "functrace"]
    ):
        steps = run(
            tmp_path / str(number),
            "export Q='a b'\n" + SPOILERS[name],
            Python("import os; print(os.environ['Q'])\n"),
        )
        assert outcomes(steps) == ["passed", "passed"], (name, steps[1].reason)
        assert steps[1].stdout == "a b\n"


TRACES = {
    "xtrace": ("set -x\n", "echo one\n", "++ echo one\n"),
    "verbose": ("set -v\n", "echo one\necho two\n", "echo two\n"),
    "own prompt": ("PS4='$LINENO> '; set -x\n", ": a\necho one\n", "11> : a\n22> echo one\n"),
    "to stdout": ("BASH_XTRACEFD=1; set -x\n", "echo one >&2\n", "one\n"),
}


@pytest.mark.parametrize("name", TRACES)
def test_tracing_lasts_and_shows_only_the_snippet(tmp_path: Path, name: str) -> None:
    first, second, stderr = TRACES[name]
    steps = run(tmp_path, first, second, "set +xv\n", "echo quiet\n")
    assert outcomes(steps) == ["passed"] * 4
    assert steps[0].stdout == steps[0].stderr == ""
    assert steps[1].stderr == stderr
    assert steps[3].stdout == "quiet\n"
    assert steps[3].stderr == ""


def test_traces_to_a_descriptor_hold_only_the_snippet(tmp_path: Path) -> None:
    steps = run(
        tmp_path,
        "exec {BASH_XTRACEFD}>trace; set -x\n: one\n",
        "false || : two\n",
        Python("print(1)\n"),
        ": three\nset +x\necho $BASH_XTRACEFD >number\ncat trace\n",
        "exec 9>&1; BASH_XTRACEFD=9; set -x; : four\n",
        "exec 9>&-\n",
        "echo five\n",
    )
    assert outcomes(steps) == ["passed"] * 7, [step.reason for step in steps]
    assert steps[3].stdout == "++ : one\n++ false\n++ : two\n++ : three\n++ set +x\n"
    assert steps[4].stdout == "++ : four\n++ exec\n"
    assert steps[4].stderr == ""
    assert steps[6].stdout == "five\n"


def test_looking_at_a_pipe_is_not_traced(tmp_path: Path) -> None:
    """The ERR trap runs for a SIGPIPE, and neither traces nor a DEBUG trap show it."""
    (step,) = run(
        tmp_path,
        "exec {BASH_XTRACEFD}>trace; trap 'echo debug' DEBUG; set -x\nyes | head -1\nset +x; trap - DEBUG\n"
        "grep -v echo trace\n",
    )
    traced = ["++ head -1", "++ set +x", "++ yes"]
    assert sorted(step.stdout.splitlines()) == [*traced, *["debug"] * 5, "y"]


def test_exit_gives_the_next_step_a_fresh_shell(tmp_path: Path) -> None:
    steps = run(tmp_path, "x=1; trap 'echo bye' EXIT\n", "exit 0\n", 'echo "x=${x-unset}"\n')
    assert [step.stdout for step in steps] == ["", "bye\n", "x=unset\n"]


def test_exit_trap_runs_when_the_page_ends(tmp_path: Path) -> None:
    """It is given the time that it takes."""
    run(tmp_path, f"trap 'sleep 0.2; touch {tmp_path}/bye' EXIT\n")
    assert (tmp_path / "bye").exists()


def test_guard_that_is_taken_away_fails_the_step(tmp_path: Path) -> None:
    steps = run(tmp_path, "x=ERR; trap - $x\n", "x=pipefail; shopt -u -o $x\n", "false\necho no\n")
    assert outcomes(steps) == ["failed", "failed", "failed"]
    assert "took away the trap" in steps[0].reason
    assert "took away the trap" in steps[1].reason


def test_background_output_belongs_to_its_own_step(tmp_path: Path) -> None:
    """The job prints when the second step says so, and both that step and the third see nothing of it."""
    steps = run(
        tmp_path,
        "mkfifo go done\n(read line <go; echo late; echo later >&2; echo x >done) &\necho early\n",
        "echo go >go; read line <done; echo second\n",
        "wait; echo third\n",
    )
    assert [step.stdout for step in steps] == ["early\nlate\n", "second\n", "third\n"]
    assert [step.stderr for step in steps] == ["later\n", "", ""]


def test_background_flood_neither_blocks_nor_leaks(tmp_path: Path) -> None:
    """A job fills its pipe many times over before the next step can end."""
    steps = run(
        tmp_path, "mkfifo done\n(head -c 3000000 /dev/zero; echo x >done) &\n", "read line <done; echo ok\n"
    )
    assert outcomes(steps) == ["passed", "passed"]
    assert steps[1].stdout == "ok\n"
    assert "[… " in steps[0].stdout
    assert "bytes left out" in steps[0].stdout


def test_no_terminal_and_an_empty_standard_input(tmp_path: Path) -> None:
    steps = run(
        tmp_path,
        "test ! -t 0; test ! -t 1; test ! -t 2\ncat\nread line || echo nothing\n"
        "(: </dev/tty) 2>/dev/null || echo no tty\n",
        Python("import sys, os\nprint(sys.stdin.read() == '', any(os.isatty(n) for n in range(3)))\n"),
    )
    assert [step.stdout for step in steps] == ["nothing\nno tty\n", "True False\n"]


def test_nothing_of_ours_is_inherited(tmp_path: Path) -> None:
    """A program sees its three streams and nothing else."""
    text = "ls -1 /proc/self/fd | wc -l\n"
    steps = run(tmp_path, text, Python("import os\nprint(len(os.listdir('/proc/self/fd')))\n"))
    assert [step.stdout for step in steps] == ["4\n", "4\n"]


def test_start_up_file_is_for_scripts_and_not_for_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "start-up").write_text("echo read; exit 3\n")
    monkeypatch.setenv("BASH_ENV", str(tmp_path / "start-up"))
    steps = run(tmp_path, "echo session\n", "bash -c 'echo script' || echo $?\n")
    assert [step.stdout for step in steps] == ["session\n", "read\n3\n"]


def test_dollar_zero_is_bash(tmp_path: Path) -> None:
    assert run(tmp_path, 'echo "$0 $#"\n')[0].stdout == "bash 0\n"


SCRAPS = st.sampled_from(
    [
        "x=$((${x:-0} + 1)); echo $x",
        "echo err >&2",
        "printf 'no newline'",
        r"printf '\0\377\303'",
        "false",
        "true | false | true",
        "set -u",
        "set +u",
        "set -x",
        "set +x",
        "set -f",
        "set -C",
        "set +C",
        "IFS=,; set -- a,b,c; echo $*; IFS=$' \\t\\n'",
        "f() { echo in f; return ${1:-0}; }; f",
        "f 3 || echo handled",
        "mkdir -p d; cd d",
        "cd ..",
        "cat <<EOF\n$x and more\nEOF",
        "export E=$x; env | grep ^E=",
        "yes | head -2",
        "[[ $x == 2 ]] && echo two",
        "trap 'echo debug' DEBUG",
        "trap - DEBUG",
        "echo() { builtin echo redefined; }",
        "unset -f echo",
        "exec 3>&1; echo three >&3",
        "(exit 0); wait",
        "shopt -s lastpipe; echo 7 | read y; echo $y",
        "exit 0",
        "exit 3",
        "return 4",
        "if",
        "kill -TERM $$",
        "exec true",
        "head -c 200000 /dev/zero | tr '\\0' x",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.lists(
        st.lists(SCRAPS, min_size=1, max_size=4).map(lambda lines: "\n".join(lines) + "\n"),
        min_size=1,
        max_size=5,
    )
)
def test_any_page_prints_what_bash_prints(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    """Up to the first step that fails or ends its shell, the streams are those of bash sourcing the files."""
    root = tmp_path_factory.mktemp("page")
    steps = run(root, *texts)
    assert all(step.outcome in {"passed", "failed"} for step in steps)
    plain = tmp_path_factory.mktemp("plain")
    for number, step in enumerate(steps, start=1):
        if step.outcome == "failed":
            break
        stdout, stderr = _sourced(root / "snippets", plain, number)
        assert step.stdout == stdout
        if not {"set -x", "trap 'echo debug' DEBUG"} <= set("".join(texts).splitlines()):
            assert sorted(step.stderr.splitlines()) == sorted(stderr.splitlines()), (
                "parts of a pipe trace in any order"
            )
        if "exit" in texts[number - 1] or "exec true" in texts[number - 1]:
            break


def _sourced(snippets: Path, cwd: Path, number: int) -> tuple[str, str]:
    """What the file of that number prints when one bash sources all up to it."""
    for entry in cwd.iterdir():
        subprocess.run(["rm", "-rf", str(entry)], check=True)
    files = [snippets / f"s{n}.sh" for n in range(1, number + 1)]
    script = "set -E -o pipefail\n" + "\n".join(
        f"{{ . {file}; }} </dev/null >{cwd}/{file.stem}.out 2>{cwd}/{file.stem}.err" for file in files
    )
    subprocess.run(["bash", "-c", script], cwd=cwd, env=os.environ, check=False, stdin=subprocess.DEVNULL)
    stdout, stderr = ((cwd / f"s{number}.{name}").read_text(errors="replace") for name in ("out", "err"))
    ours = f"+ . {files[-1]}\n"
    return stdout, stderr.replace(ours, "").replace(f"{snippets.parent}/", "")
