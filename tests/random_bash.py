"""Bash programs drawn at random, which fail in every way that we know of and in every place."""

from __future__ import annotations

import random
import re

PRELUDE = """readonly r=1
x=0
returns() { echo f; return 2; }
fine() { echo fine; }
ends() { false; }
tests() { [[ $1 == yes ]]; }
"""
HARMLESS = (
    "echo @N",
    "true",
    "x=@N",
    "y=$((x + 1)); echo $y",
    "printf '%s\\n' b a | sort",
    "echo err >&2",
    "read -r x <<< v@N; echo $x",
    "[[ a == a ]]",
    "(( 1 ))",
    "! false",
    "! true",
    'echo "$(echo in@N)"',
    "(yes) | head -1; echo spared",
)
FAILING = (
    *(
        "false",
        "(exit 3)",
        "[ a = b ]",
        "test -e /no",
        "env false",
        "command false",
        "sh -c 'exit 9'",
        "nosuch@N",
    ),
    *(
        "[[ a == b ]]",
        "[[ a == b || b == c ]]",
        "[[ 1 -eq 1/0 ]]",
        "[[ a =~ $x( ]]",
        "(( 0 ))",
        "((1/0))",
        "let 0",
    ),
    *(
        "cd /no/dir",
        "cat < /no/x",
        ": > /no/x",
        "exec 5< /no/x",
        "mapfile -t a < /no/x",
        "echo a > /dev/full",
    ),
    *(
        "{ echo @N; } > /no/x",
        "( echo a ) > /no/x",
        "if true; then echo a; fi > /no/x",
        "until true; do :; done < /no/x",
    ),
    *("while read -r l; do echo $l; done < /no/x", "for i in 1 2; do echo $i; done > /no/x", "fine > /no/x"),
    *("case a in a) echo a;; esac > /no/x", "returns > /no/x", "f1() { echo a; } > /no/x; f1"),
    *(
        "returns",
        "ends",
        "tests no",
        "f2() { false; echo f2; }; f2",
        "f3() { return 7; }; f3",
        "f4() (false; echo f4); f4",
    ),
    *(
        "f5() { [[ a == b ]] && echo x; }; f5",
        "f6() { if false; then :; fi; }; f6",
        "f7() { false || return; }; f7",
    ),
    *("f8() { for i in 1 2; do [[ $i == 1 ]]; done; }; f8", "f9() { local q=$(false); echo f9; }; f9"),
    *(
        "f10() { local q; q=$(false); echo no; }; f10",
        "f11() { local r=2; echo no; }; f11",
        "f12() { return 141; }; f12",
    ),
    *(
        "r=2",
        "r=2 true",
        "export r=2",
        "readonly r=3",
        "unset r",
        "for r in 1 2; do echo in; done",
        "read -r r <<< 2",
    ),
    *(
        "echo ${x!y}",
        'echo "${x!y}"',
        "x=${x!y}",
        "echo > ${x!y}",
        "cat <<< ${x!y}",
        "cat <<EOF\n${x!y}\nEOF",
    ),
    *(
        "[[ ${x!y} == a ]]",
        "case ${x!y} in *) echo c;; esac",
        "for i in ${x!y}; do echo c; done",
        "(echo ${x!y}; echo no)",
    ),
    *(
        "echo ${nope:?missing}",
        "(set -u; echo $nope; echo no)",
        "set -u\necho $nope\nset +u",
        "echo $((1/0))",
        "x=$((1/0))",
    ),
    *("shopt -s failglob\nls /nonexistent*\nshopt -u failglob", "echo ${x:0:-99}", "a=(1 2); a[-9]=3"),
    *(
        "x=$(false)",
        'x=$(echo a; false; echo b); echo "$x"',
        "x=$(echo a; exit 4)",
        "export E=$(false)",
        'echo "$(false)"',
    ),
    *("shopt -s inherit_errexit\nx=$(false; echo hi); echo $x\nshopt -u inherit_errexit", "x=$(<nosuchfile)"),
    *("set -o posix\nx=$(false; echo hi)\nset +o posix", "x=`false`", "x=$(true | false | true)"),
    *(
        "eval false",
        "eval 'echo a; false; echo b'",
        "eval 'if'",
        "source /no/lib",
        ". ./failing.sh",
        ". ./trailing.sh",
    ),
    *("false & wait", "false & wait $!", "wait 99999", "cat <(false)", "coproc { false; }; wait"),
    *(
        "true | false",
        "false | true",
        "false | true | true",
        "true | (exit 5) | cat",
        "true | (( 0 ))",
        "! true | false",
    ),
    *(
        ": | { false; echo no; }",
        "{ false; echo no; } | cat",
        "echo @N | grep nothing",
        "echo a | [[ a == b ]]",
    ),
    *("shopt -s lastpipe\n: | { false; echo no; }\nshopt -u lastpipe", "time false", "kill -0 999999"),
    *(
        "read -r x < /dev/null",
        "shift 3",
        "printf '%d\\n' zz",
        "declare -r d@N=1; d@N=2",
        "declare -n ref=ref",
    ),
    *(
        "type nosuch@N",
        "shopt nosuch",
        "set -o nosuch",
        "trap x NOSIG",
        "popd",
        "select s in a; do break; done < /dev/null",
    ),
    *("bash -c 'kill -9 $$'", "(kill -9 $BASHPID)", "(exit 141)", "true | (exit 141)", "exit 3", "exit 0"),
    *(
        "(trap 'echo sub@N' EXIT; false; echo no)",
        "trap 'false; echo no' USR1; kill -USR1 $BASHPID; trap - USR1",
    ),
)
AROUND = (
    *(
        "{ @A\n@B; }",
        "( @A\n@B )",
        "{ @A\n@B; } > out.txt",
        "if true; then\n@A\n@B\nfi",
        "if @C; then\n@A\nelse\n@B\nfi",
        "if ! @C; then\n@A\nfi",
    ),
    *(
        "for v in 1 2; do\n@A\n@B\ndone",
        "for ((k=0; k<2; k++)); do\n@A\n@B\ndone",
        "case k in k)\n@A\n@B;;\nesac",
    ),
    *(
        "while @C; do\n@A\nbreak\ndone",
        "until @C; do\n@A\nbreak\ndone",
        "select v in a b; do\n@A\nbreak\ndone <<< 1",
    ),
    *(
        "@C && @C",
        "@C || @C",
        "@C && @C || echo alt",
        "! @C",
        "@C; @C",
        "@C | { cat; @C; }",
        "[[ a == b ]] || {\n@A\n@B\n}",
    ),
    *(
        "w@N() {\n@A\n@B\n}\nw@N",
        "w@N() {\n@A\n@B\n}\nw@N || echo caught",
        "w@N() {\n@A\n@B\n}\nif w@N; then echo y; else echo n; fi",
    ),
    *(
        "w@N() {\n@A\n@B\n}\nv@N() { w@N; echo v; }\nv@N",
        "w@N() (\n@A\n@B\n)\nw@N",
        "w@N() {\n@A\n@B\n}\nw@N | cat",
    ),
    *('w@N() {\n@A\n@B\n}\nq=$(w@N); echo "$q"', "w@N() { local -; set +e\n@A\n@B\n}\nw@N"),
    *(
        'q=$(\n@A\n@B\n); echo "$q"',
        'echo "$(\n@A\n@B\n)"',
        "{ @A\n@B; } | cat",
        ": | { @A\n@B; }",
        "{ @A\n@B; } & wait $!",
    ),
    *(
        "( @A\n@B ) || echo caught",
        "{ @A\n@B; } || true",
        "set +e\n@A\n@B\nset -e",
        "set +e\n@A\n@B",
        "set -e\n@A\n@B",
    ),
    *("time {\n@A\n@B\n}", "coproc {\n@A\n@B\n}\nwait", "exec 3>&1; @A"),
)
"""`@A` and `@B` stand for statements, `@C` for a simple command, `@N` for a number: the same one in a statement."""
FILES = {"failing.sh": "echo lib\nfalse\necho no\n", "trailing.sh": "echo lib\n[[ a == b ]] && echo no\n"}
"""What the programs source."""

_SIMPLE = ("true", "echo c", *(text for text in FAILING if not set("\n;&'") & set(text)))


def program(seed: int) -> str:
    """One program, which prints `end` if it comes so far."""
    draw = random.Random(seed)
    lines = [_statement(draw, depth=2) for _ in range(draw.randint(1, 4))]
    return "\n".join([PRELUDE, *lines, "echo end", ""])


def for_bash(text: str) -> str:
    """The same for bash itself, which does not spare a pipe whose reader had enough."""
    return text.replace("(yes) |", "(yes || :) |")


def _statement(draw: random.Random, depth: int) -> str:
    number = str(draw.randrange(10**6))

    def fill(hole: re.Match[str]) -> str:
        if hole[1] == "N":
            return number
        return draw.choice(_SIMPLE).replace("@N", number) if hole[1] == "C" else _statement(draw, depth - 1)

    if depth > 0 and draw.random() < 0.6:
        text = draw.choice(AROUND)
    else:
        text = draw.choice(HARMLESS if draw.random() < 0.6 else FAILING)
    return re.sub("@([ABCN])", fill, text)
