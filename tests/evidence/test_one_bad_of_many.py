"""One page, ledger or lock file that is wrong is told, and hides no other, in whatever looks at all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import header
from program import Program, broken

COMPOSE = (
    "services:\n  {0}:\n    image: vllm/vllm-openai:1\n    command: [vllm, serve, a/b, --port, '{1}']\n"
    "    ports: ['127.0.0.1:{1}:{1}']\n"
)
SERVES = header('serves = "compose/{0}:{0}"\nneeds = ["memory:{1}"]') + "true\n"


def course(program: Program) -> None:
    """Two good pages around one that is wrong."""
    program.tree(
        {
            "docs/a.md": ["a.sh"],
            "docs/bad.md": "# Bad\n\n```bash\necho inline\n```\n",
            "docs/z.md": ["z.sh"],
            "snippets/a.sh": "echo a\n",
            "snippets/z.sh": "echo z\n",
        }
    )


def at(program: Program, *command: str) -> tuple[int, str, str]:
    """Run a command on the tree."""
    return program.run(*command, "--root", str(program.root))


def test_one_bad_page_hides_no_other(program: Program) -> None:
    course(program)
    for command, lines in {
        ("list",): ["a  A page  (1 step)", "z  A page  (1 step)"],
        ("doctor", "--target", "cpu"): ["a: A page", "z: A page"],
        ("evidence", "status"): ["a  A page (1 step)", "z  A page (1 step)"],
    }.items():
        code, out, err = at(program, *command)
        assert code == 2, command
        assert [line for line in out.splitlines() if line in lines] == lines, command
        assert err.startswith(f"gb10docs: {program.root}/docs/bad.md:3: ")
        assert err.count("\n") == 1
    code, out, _ = at(program, "evidence", "drift")
    assert code == 0
    assert "- page `bad`: " in out


def test_the_doctor_goes_on_after_a_page_whose_steps_cannot_work_in_this_order(program: Program) -> None:
    course(program)
    program.tree({"docs/bad.md": ["bad.sh"], "snippets/bad.sh": header('needs = ["server:x"]') + "true\n"})
    code, out, err = at(program, "doctor", "--target", "gb10")
    assert (code, err.count("\n")) == (2, 1)
    assert "bad: A page\n  cannot run: see below\n" in out
    assert "z: A page\n  1 step can run here" in out
    assert "docs/bad.md:4 (bad.sh): no earlier step meets the need 'server:x'" in err


def test_the_doctor_goes_on_after_servers_that_do_not_fit_now(program: Program) -> None:
    """That is this machine's state, and no fault of the page: the status is 0."""
    needed = next(line for line in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in line)
    half = f"{int(needed.split()[1]) * 1024 * 0.7 / 1e9:.0f}GB"
    course(program)
    program.tree(
        {
            "docs/bad.md": ["one.sh", "two.sh"],
            "snippets/one.sh": SERVES.format("one", half),
            "snippets/two.sh": SERVES.format("two", half),
            "compose/one/compose.yaml": COMPOSE.format("one", 8101),
            "compose/two/compose.yaml": COMPOSE.format("two", 8102),
            "bin/docker": "#!/bin/sh\nexit 0\n",
        }
    )
    (program.root / "bin/docker").chmod(0o755)
    code, out, err = at(program, "doctor", "--target", "gb10")
    assert "bad: A page\n  cannot run now: docs/bad.md:8 (two.sh): these servers do not fit in memory" in out
    assert "z: A page\n  1 step can run here" in out
    assert (code, err) == (0, "")


def instead(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Put something else where the ledger is."""

    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


def written(change: Callable[[str], str]) -> Callable[[Path], object]:
    """Write the ledger otherwise."""
    return lambda path: path.write_text(change(path.read_text()))


FIRST_YEAR = '"started": "0001-01-01T00:00:00+14:00", "x": "'
LEDGERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "merge conflict": (written(lambda text: f"<<<<<<< HEAD\n{text}"), "marks of a merge conflict"),
    "newer": (written(lambda text: text.replace("ledger/1", "ledger/2")), "written by a newer gb10docs"),
    "empty": (written(lambda _: ""), "no ledger"),
    "deep": (written(lambda _: "[" * 100_000), "no ledger"),
    "folder": (instead(Path.mkdir), "no regular file"),
    "FIFO": (instead(os.mkfifo), "no regular file"),
    "link to itself": (instead(lambda path: path.symlink_to(path)), "cannot be read"),
    "another's": (written(lambda text: text.replace("docs/a.md", "docs/z.md")), "speaks of"),
    "another target": (lambda path: path.rename(path.with_name("gb10.json")), "name it cpu.json"),
    "first year": (
        written(lambda text: text.replace('"started": "2', FIRST_YEAR)),
        "started: Value error, no moment that has a date in UTC",
    ),
}


@pytest.mark.parametrize("what", LEDGERS)
def test_one_bad_ledger_hides_no_other(program: Program, what: str) -> None:
    course(program)
    (program.root / "docs/bad.md").unlink()
    assert at(program, "run", "a", "z", "--target", "cpu", "--record")[0] == 0
    spoil, why = LEDGERS[what]
    spoil(program.root / "docs/evidence/a/cpu-llamacpp.json")
    code, out, err = at(program, "evidence", "status")
    assert (code, err.count("\n")) == (2, 1)
    assert why in err
    assert "docs/evidence/a/" in err
    first, second = out.split("z  A page (1 step)\n")
    assert "cpu-llamacpp" not in first
    assert "cpu-llamacpp  1 passed, nothing stood in" in second
    code, out, _ = at(program, "evidence", "drift")
    assert code == 0
    assert f"- evidence `a`: {program.root}/docs/evidence/a/" in out


@pytest.mark.parametrize(
    "text", ["image = 5\n", "[[image]]\n", "[[image]]\nreference = 5\n", "x", "[image]\na = 1\n"]
)
def test_a_lock_file_that_is_none_hides_no_ledger(program: Program, text: str) -> None:
    course(program)
    (program.root / "docs/bad.md").unlink()
    assert at(program, "run", "a", "--target", "cpu", "--record")[0] == 0
    program.tree({"compose/images.lock.toml": text})
    code, out, err = at(program, "evidence", "status")
    assert (code, err.count("\n")) == (2, 1)
    assert "compose/images.lock.toml: " in err
    assert "cpu-llamacpp  1 passed, nothing stood in" in out
    code, out, err = at(program, "evidence", "drift")
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("days", ["-5", "99999999999999999999", "3652059", "x"])
def test_days_that_are_none_are_refused(program: Program, days: str) -> None:
    course(program)
    code, out, err = at(program, "evidence", "drift", "--days", days)
    assert (code, out) == (2, "")
    assert "Invalid value for '--days'" in err


# Standard output that is gone


COMMANDS = [("list",), ("doctor",), ("evidence", "status"), ("evidence", "drift"), ("--help",)]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_standard_output_that_takes_nothing_is_told_in_one_line(
    program: Program, command: tuple[str, ...]
) -> None:
    course(program)
    (program.root / "docs/bad.md").unlink()
    where = () if command == ("--help",) else ("--root", str(program.root))
    line = "gb10docs: standard output cannot be written: No space left on device\n"
    assert shell(program, ">/dev/full", *command, *where) == (2, line)
    assert shell(program, ">/dev/full", *command, *where, PYTHONUNBUFFERED="") == (2, line)
    assert shell(program, ">&-", *command, *where) == (0, "")
    assert shell(program, "2>&- >/dev/null", *command, *where) == (0, "")
    gone = shell(program, "| true", *command, *where)
    assert gone in {(0, ""), (141, "")}, "nobody reads it, or nobody has gone yet"


def shell(program: Program, redirection: str, *command: str, **variables: str) -> tuple[int, str]:
    """The program with its standard output elsewhere: its status, and its standard error."""
    line = f'"$0" -m gb10docs "$@" {redirection}; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable, *command],
        env={**program.environment, **variables}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "redirection", ["2>/dev/full", ">/dev/full 2>/dev/full", "2>&-", "2>/dev/full | true"]
)
def test_standard_error_that_takes_nothing_changes_no_status(program: Program, redirection: str) -> None:
    course(program)
    for status, command in {
        2: ("list", "--root", str(program.folder / "nowhere")),
        0: ("evidence", "drift", "--root", str(program.root)),
    }.items():
        told = 2 if ">/dev/full 2" in redirection else status
        assert shell(program, redirection, *command)[0] in {told, 141 if "|" in redirection else told}
    assert shell(program, redirection, "nonsense")[0] == 2
    broken(
        program,
        "pages/tree.py",
        "\n\ndef find_root(given: Path | None) -> Path:\n    raise ZeroDivisionError\n",
    )
    assert shell(program, redirection, "list")[0] == 70


@pytest.mark.parametrize("module", ["cli/__init__.py", "privacy/secrets.py"])
def test_a_program_that_is_broken_does_not_end_like_a_failed_step(program: Program, module: str) -> None:
    """One cannot even be read, the other fails as it masks a fault."""
    broken(program, module, "\n1 / 0\n")
    broken_too = "\n\ndef find_root(given: Path | None) -> Path:\n    raise ValueError('a secret')\n"
    with (program.folder / "broken/gb10docs/pages/tree.py").open("a") as file:
        file.write(broken_too)
    status, out, err = program.run("list")
    assert (status, out) == (70, "")
    assert err.endswith("gb10docs: ZeroDivisionError: it is broken: install it again\n")
    assert "a secret'" not in err.replace("raise ValueError('a secret')", "")
