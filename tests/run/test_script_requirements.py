"""What a Python snippet declares is checked against the interpreter that runs it."""

from __future__ import annotations

import pytest
from driving import Python
from program import Program


def declaring(*lines: str) -> Python:
    """A Python snippet whose header holds these lines."""
    return Python("# /// script\n" + "".join(f"# {line}\n" for line in lines) + "# ///\nprint('ran')\n")


INSTALL = """mkdir -p $TMPDIR/lib/demo-{0}.dist-info
cat > $TMPDIR/lib/demo-{0}.dist-info/METADATA <<'EOF'
Metadata-Version: 2.1
Name: Demo
Version: {0}
Provides-Extra: plain
Provides-Extra: more
Requires-Dist: not-there>=1; extra == "more"
Requires-Dist: pydantic; extra == "plain"
EOF
"""
MET = {
    "a version": 'dependencies = ["demo>=1,<2", "Demo ~= 1.0", "DEMO"]',
    "an extra": 'dependencies = ["demo[plain]>=1"]',
    "another machine": "dependencies = [\"not-there>=99; sys_platform == 'win32'\"]",
    "another Python": "dependencies = [\"not-there; python_version < '3'\", \"demo; python_version >= '3'\"]",
    "Python": 'requires-python = ">=3.11,<4"',
}
UNMET = {
    'dependencies = ["demo>=2"]': "declares demo>=2, and there is demo 1.0: have an earlier step install",
    'dependencies = ["not-there", "pydantic"]': "declares not-there, and there is no not-there: ",
    'dependencies = ["demo[more]"]': "declares demo[more], which needs not-there>=1, and there is no not-there: ",
    'requires-python = ">=3.99"': "declares requires-python >=3.99, and its Python is 3.",
    'requires-python = "<3"\ndependencies = ["demo<1"]': "; declares demo<1, and there is demo 1.0: ",
}


def run(program: Program) -> list[tuple[str, str]]:
    """Outcome and reason of each step of the page."""
    arguments = ("run", "page", "--root", str(program.root), "--keep-going", "--json", str(program.json))
    status, _, err = program.run(*arguments)
    assert (status in (0, 1), err) == (True, "")
    return [(step["outcome"], step["reason"]) for step in program.steps()]


def test_what_is_declared_is_looked_for_where_the_step_runs(program: Program) -> None:
    program.page(
        INSTALL.format("1.0") + "export PYTHONPATH=$TMPDIR/lib\n",
        *(declaring(line) for line in MET.values()),
        *(declaring(*lines.split("\n")) for lines in UNMET),
    )
    _, *rest = run(program)
    assert rest[: len(MET)] == [("passed", "")] * len(MET)
    for (outcome, reason), says in zip(rest[len(MET) :], UNMET.values(), strict=True):
        assert outcome == "failed"
        assert says in reason
    assert not any("ran" in step["stdout"] for step in program.steps() if step["outcome"] == "failed")


def test_what_a_step_installs_is_seen_by_the_next(program: Program) -> None:
    needs = declaring('dependencies = ["demo>=2"]')
    program.page(
        "export PYTHONPATH=$TMPDIR/lib; mkdir -p $TMPDIR/lib\n",
        needs,
        INSTALL.format("2.0"),
        needs,
        "rm -r $TMPDIR/lib/demo-2.0.dist-info\n",
        needs,
        "mkdir -p $TMPDIR/more; mv $TMPDIR/lib $TMPDIR/more/lib; mkdir $TMPDIR/lib\n" + INSTALL.format("2.0"),
        needs,
    )
    outcomes = [outcome for outcome, _ in run(program)]
    assert outcomes == ["passed", "failed", "passed", "passed", "passed", "failed", "passed", "passed"]


def test_the_environment_that_a_session_has_activated_is_the_one_that_is_asked(program: Program) -> None:
    program.page(
        "python -m venv --without-pip $TMPDIR/v; . $TMPDIR/v/bin/activate\n",
        declaring('dependencies = ["pydantic"]'),
        declaring('requires-python = ">=3.11"'),
    )
    _, lacks, has = run(program)
    assert lacks[0] == "failed"
    assert "there is no pydantic" in lacks[1]
    assert has == ("passed", "")


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ("#!/bin/sh\nexit 3\n", "does not say which packages it holds (CalledProcessError)"),
        ("#!/bin/sh\necho yes\n", "does not say which packages it holds (JSONDecodeError)"),
    ],
)
def test_a_python_that_is_none_is_told(program: Program, python: str, says: str) -> None:
    program.page(
        f"mkdir $TMPDIR/bin\nprintf '%s' '{python}' > $TMPDIR/bin/python\nchmod +x $TMPDIR/bin/python\n"
        "PATH=$TMPDIR/bin:$PATH\n",
        declaring('requires-python = ">=3.11"'),
    )
    _, (outcome, reason) = run(program)
    assert outcome == "failed"
    assert says in reason
