from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb10docs.pages.header import Header
from gb10docs.pages.snippet import Language, Snippet
from gb10docs.run.execution import ExitResult, Failure
from gb10docs.run.failure import command_at, why

ASK = """curl -fsS http://x/v1 \\
  -H 'a: b' \\
  -d '{
    "a": "b|c"
  }' | jq -er '
    .x | .y
  '
"""
LOOP = "for t in 1 2; do\n  echo $t\n  jq -n '{\n  a: 1}' | curl -d @- | jq -er '\n  .a'\ndone\n"


def snippet(text: str, language: Language = "bash") -> Snippet:
    return Snippet(Path("/t/p/a.sh"), "p/a.sh", language, text, Header(), 1)


def said(
    text: str,
    ending: ExitResult,
    copy: Path = Path("/run/a.sh"),
    language: Language = "bash",
    stderr: str = "",
) -> str:
    message = why(ending, snippet(text, language), str(copy), lambda: stderr)
    assert "\n" not in message
    return message


def failed(text: str, line: int, part: int = 1, parts: int = 1, code: int = 1) -> str:
    """What is said where bash reports a failure at this line, in this part of a pipe."""
    return said(text, ExitResult(code, (Failure(line, part, parts, "/run/a.sh"),)))


@pytest.mark.parametrize(
    ("text", "line", "begins", "command"),
    [
        ("true\nfalse\ntrue\n", 2, 2, "false"),
        ("a\n  ls x \\\n    --y\nb\n", 3, 2, "ls x --y"),
        ("a |\n  b |\n  c\nd\n", 2, 1, "a | b | c"),
        ("a &&\n  b\n", 2, 1, "a && b"),
        ("a ||\n  # why: it's so | b\n  b\n", 3, 1, "a || # why: it's so | b b"),
        (ASK, 5, 1, "curl -fsS http://x/v1 -H 'a: b' -d '{ \"a\": \"b|c\" }' | jq -er ' .x | .y '"),
        (LOOP, 4, 3, "jq -n '{ a: 1}' | curl -d @- | jq -er ' .a'"),
        ("cat <<EOF | false\nit's | b\nEOF\ntrue\n", 3, 1, "cat <<EOF | false"),
        ("cat <<-'A' <<\"B\"\n\tx\n\tA\ny\nB\nfalse\n", 6, 6, "false"),
        ("cat <<< x\nfalse\n", 2, 2, "false"),
        ("f() {\n  false\n}\nf\n", 2, 2, "false"),
        ('echo "a\n$(b)\nc"\nfalse\n', 2, 1, 'echo "a $(b) c"'),
        ("echo $'it\\'s' # don't\nfalse\n", 2, 2, "false"),
        ("echo ${#x} \\\n  y\n", 2, 1, "echo ${#x} y"),
        ("false", 9, 1, "false"),
        ("a=(b\n  'c d'\n)\nfalse\n", 2, 1, "a=(b 'c d' )"),
        ("a |&\n\n  b\n", 3, 1, "a |& b"),
        ("x=$(\n  false\n)\n", 2, 2, "false"),
    ],
)
def test_the_command_that_a_line_belongs_to(text: str, line: int, begins: int, command: str) -> None:
    found = command_at(text, line)
    assert (found.line, str(found)) == (begins, command)


def test_a_long_command_is_cut() -> None:
    assert len(str(command_at("echo " + "x" * 500, 1))) < 200


@pytest.mark.parametrize(
    ("text", "line", "part", "parts", "says"),
    [
        (
            "true | false | cat\n",
            1,
            2,
            3,
            "snippets/p/a.sh:1: `false` failed with status 1, part 2 of 3 of the pipe `true | false | cat`",
        ),
        (
            "echo a |\n  false |\n  cat\n",
            3,
            2,
            3,
            "snippets/p/a.sh:2: `false` failed with status 1, part 2 of 3",
        ),
        ("true |& false\n", 1, 2, 2, "snippets/p/a.sh:1: `false` failed"),
        (
            ASK,
            5,
            1,
            2,
            "snippets/p/a.sh:1: `curl -fsS http://x/v1 -H 'a: b' -d '{ \"a\": \"b|c\" }'` failed with status",
        ),
        (ASK, 5, 2, 2, "snippets/p/a.sh:5: `jq -er ' .x | .y '` failed"),
        (LOOP, 4, 2, 3, "snippets/p/a.sh:4: `curl -d @-` failed with status 1, part 2 of 3"),
        ("cat <<E | false\na | b\nE\n", 3, 2, 2, "snippets/p/a.sh:1: `false` failed"),
        ("a || b | false 2>&1 && c; d & e\n", 1, 2, 2, "snippets/p/a.sh:1: `false 2>&1` failed"),
        ("echo $(a | b) >| x | false\n", 1, 2, 2, "snippets/p/a.sh:1: `false` failed"),
        ("case x in\n x) a | false | c;;\nesac\n", 2, 2, 3, "snippets/p/a.sh:2: `false` failed"),
        ("{ a | b; } | false\n", 1, 2, 2, "snippets/p/a.sh:1: `false` failed"),
        ("echo `a | b` { | false\n", 1, 2, 2, "snippets/p/a.sh:1: `false` failed"),
        (
            "(a | false)\n",
            1,
            2,
            2,
            "snippets/p/a.sh:1: `(a | false)` failed with status 1, part 2 of 2 of the pipe `(a | false)`",
        ),
    ],
)
def test_the_part_of_a_pipe(text: str, line: int, part: int, parts: int, says: str) -> None:
    assert failed(text, line, part, parts).startswith(says)


def test_a_signal_has_its_name() -> None:
    assert (
        failed("kill -9 $$\n", 1, code=137)
        == "snippets/p/a.sh:1: `kill -9 $$` failed with status 137 (SIGKILL)"
    )


def test_a_failure_in_a_sourced_file_names_both() -> None:
    failures = (Failure(7, 1, 1, "/lib/x.sh"), Failure(2, 1, 1, "/run/a.sh"))
    message = said("true\n. /lib/x.sh\n", ExitResult(1, failures))
    assert message == "snippets/p/a.sh:2: `. /lib/x.sh` failed with status 1 (in /lib/x.sh:7)"
    message = said("true\n", ExitResult(1, failures[:1]))
    assert message == "snippets/p/a.sh: `x.sh` failed with status 1 (in /lib/x.sh:7)"


def test_a_guard_that_was_taken_away() -> None:
    assert "it took away the trap" in said("x\n", ExitResult(0, guard_removed=True))


def test_what_is_no_failure() -> None:
    assert said("true\n", ExitResult(0)) == ""
    assert said("print()\n", ExitResult(0), language="python") == ""


def test_a_trailing_test_is_no_failure_but_a_return_is(tmp_path: Path) -> None:
    copy = tmp_path / "a.sh"
    for text, says in (
        ("[[ a == b ]] && echo x\n", ""),
        ("true\nreturn 3\n", "returned status 3"),
        ("case x in x) return 3;; esac\n", "returned status 3"),
        ("eval 'true; return 3'\n", "returned status 3"),
        ("trap 'return 3' DEBUG\n", "returned status 3"),
        ("cat <<E\nreturn 3\nE\n# return 3\n[[ a == b ]] && echo return\n", ""),
        ("echo 'x\n", "cannot parse it"),
    ):
        copy.write_text(text)
        message = said(text, ExitResult(3), copy)
        assert message == (f"snippets/p/a.sh: {'bash ' if 'parse' in says else ''}{says}" if says else "")


def test_an_exit() -> None:
    assert said("exit 3\n", ExitResult(3, closed=True)) == "snippets/p/a.sh: the shell exited with status 3"
    assert said("1/0\n", ExitResult(1), language="python") == "snippets/p/a.sh: exited with status 1"


@given(st.text(st.sampled_from("ab|&;<>(){}'\"\\\n#$ E-"), max_size=60), st.integers(1, 9), st.integers(1, 4))
def test_no_text_crashes_it(text: str, line: int, parts: int) -> None:
    failed(text, line, parts, parts)
