"""A snippet stands alone: what lies beside it is not there when it runs, and the reader is told so."""

from __future__ import annotations

import pytest
from driving import Python, header
from program import Program

BESIDE = {"helper.py": "X = 1\n", "data.txt": "data\n", "lib.sh": "Y=1\n", "pack/__init__.py": "X = 1\n"}
TAKES = {
    "an import": (Python("import sys\nimport helper\n"), "s1.py:2: 'helper.py'"),
    "an import from": (Python(header("") + "def f():\n    from helper import X\n"), "s1.py:5: 'helper.py'"),
    "a package": (Python("import os, pack.more as m\n"), "s1.py:1: 'pack'"),
    "its own path": (
        Python(
            "from pathlib import Path\nhere = Path(__file__).parents[1]\nprint((here / 'data.txt').read_text())\n"
        ),
        "s1.py:3: 'data.txt'",
    ),
    "source by its own path": ('source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"\n', "s1.sh:1: 'lib.sh'"),
    "source below a header": (header("") + "true\n. ./lib.sh\n", "s1.sh:5: 'lib.sh'"),
    "a folder in a variable": ('here=${0%/*}\ncat "$here/data.txt"\n', "s1.sh:2: 'data.txt'"),
}
FAILS = {
    "a file by its name": (
        "cat data.txt\n",
        "'data.txt' lies beside the snippet, but a snippet stands alone: ",
    ),
    "a file by its name in Python": (
        Python("open('data.txt')\n"),
        "'data.txt' lies beside the snippet, but ",
    ),
    "a module by its name": (
        Python("import importlib\nimportlib.import_module('helper')\n"),
        "'helper.py' lies beside the snippet, but a snippet stands alone: ",
    ),
    "a path that Python asks for": (
        Python("import sys, os\nopen(os.path.dirname(sys.argv[0]) + '/data' + '.txt')\n"),
        "name the file by its path from the root, snippets/data.txt",
    ),
}
WORKS = {
    "its path from the root": "cat snippets/data.txt; . snippets/lib.sh; echo $Y\n",
    "its path from the root in Python": Python("print(open('snippets/data.txt').read())\n"),
    "a file that it makes": "cd $TMPDIR; echo Z=2 > lib.sh; . ./lib.sh; cat lib.sh\n",
    "a word": "echo \"data.txt, $0\" | awk '{print $0}'\n",
    "text": "cat <<'E'\nsource ./lib.sh $0\nE\n",
    "a module of another name": Python("import json\nhelper = json.loads('1')\nprint(helper, __name__)\n"),
}


def write(program: Program, *texts: str) -> None:
    program.page(*texts)
    for name, text in BESIDE.items():
        path = program.root / "snippets" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("case", TAKES)
def test_what_a_snippet_takes_from_its_folder_is_refused(program: Program, case: str) -> None:
    text, says = TAKES[case]
    write(program, text)
    status, out, err = program.run()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"/snippets/{says} lies beside this snippet, but a snippet stands alone: " in err


def test_what_fails_for_want_of_its_folder_says_so(program: Program) -> None:
    write(
        program,
        *(text for text, _ in FAILS.values()),
        "cat gone.txt data.txt-not\n",
        "cat snippets/data.txt/x\n",
    )
    arguments = ("run", "page", "--root", str(program.root), "--keep-going", "--json", str(program.json))
    assert program.run(*arguments)[0] == 1
    *steps, gone, not_a_folder = program.steps()
    for step, (_, says) in zip(steps, FAILS.values(), strict=True):
        assert step["outcome"] == "failed"
        assert says in step["reason"]
    assert "stands alone" not in gone["reason"] + not_a_folder["reason"]


def test_what_lies_beside_a_snippet_bothers_nobody_else(program: Program) -> None:
    write(program, *WORKS.values())
    status, out, _ = program.run()
    assert status == 0, out
