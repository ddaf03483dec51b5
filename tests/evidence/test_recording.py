"""Recording, through the program: what a ledger says is what ran, and no ending costs evidence of what had run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from driving import header
from program import Program, broken

from gb10docs.evidence import ledger as evidence
from gb10docs.pages.snippet import read_snippet
from gb10docs.site import schemas

WAIT = 'echo up >"$UP"\nread -r line <"$GO"\n'


def recording(program: Program, *pages: str, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Arguments that run pages on a CPU and record them."""
    asked = ("run", *pages, "--root", str(program.root), "--target", "cpu", "--record", "--json")
    return (*asked, str(program.json), *more)


def ledger_path(program: Program, page: str = "page") -> Path:
    """Where a page's ledger lies."""
    return program.root / "docs" / "evidence" / page / "cpu-llamacpp.json"


def ledger(program: Program, page: str = "page") -> dict[str, Any]:
    """A page's ledger."""
    table: dict[str, Any] = json.loads(ledger_path(program, page).read_text())
    return table


def status(program: Program) -> str:
    """What `evidence status` prints."""
    code, out, err = program.run("evidence", "status", "--root", str(program.root))
    assert (code, err) == (0, "")
    return out


def commit(program: Program) -> str:
    """Commit the tree; the commit's name."""
    git = ("git", "-C", str(program.root), "-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    if not (program.root / ".git").exists():
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "config", "user.name", "Ann Author"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    told = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def pages(program: Program, **bodies: str) -> None:
    """A page for each text, with one step `s`."""
    files: dict[str, str | list[str]] = {}
    for name, body in bodies.items():
        files |= {f"docs/{name}.md": [f"{name}/s.sh"], f"snippets/{name}/s.sh": body}
    program.tree(files)


@pytest.fixture
def meanwhile(program: Program) -> Iterator[Any]:
    """Run a page that waits, do something, and let it end."""
    up, go = program.signals_from("UP"), program.signals_from("GO")

    def run(do: Any, *names: str) -> tuple[int, str, str]:
        process = program.start(*recording(program, *(names or ("page",))))
        up.wait()
        do()
        os.write(go.descriptor, b"go\n")
        return program.finish(process)

    yield run
    for one in (up, go):
        os.close(one.descriptor)


# What a record rests on


def test_a_run_is_recorded_with_commit_name_and_what_came_of_each_step(program: Program) -> None:
    program.page(
        "echo one\n", header('needs = ["network:huggingface.co"]') + "echo two\n", "false\n", "true\n"
    )
    made = commit(program)
    code, out, err = program.run(*recording(program, "page", more=("--keep-going",)))
    assert (code, err) == (1, "")
    assert out.endswith("recorded in docs/evidence/page/cpu-llamacpp.json\n")
    table = ledger(program)
    jsonschema.Draft202012Validator(schemas.ledger_schema()).validate(table)
    (run,) = table["runs"].values()
    assert (run["docs_commit"], run["dirty"], run["recorded_by"]) == (made, False, "Ann Author")
    assert {name: one["outcome"] for name, one in table["steps"].items()} == {
        "page/s1": "passed", "page/s2": "passed", "page/s3": "failed", "page/s4": "passed"
    }  # fmt: skip
    assert [one["stand_ins"] != [] for one in table["steps"].values()] == [False, True, False, False]
    assert table["steps"]["page/s1"]["stdout"] == "one\n"
    assert "2 passed, nothing stood in; 1 passed with stand-ins; 1 failed" in status(program)


def test_evidence_alone_does_not_make_a_tree_dirty_but_a_change_does(program: Program) -> None:
    program.page("true\n")
    commit(program)
    for dirty in (False, False, True):
        if dirty:
            (program.root / "snippets/s1.sh").write_text("echo changed\n")
        assert program.run(*recording(program, "page", more=("--recorded-by", "Ben")))[0] == 0
        (run,) = ledger(program)["runs"].values()
        assert (run["dirty"], run["recorded_by"]) == (dirty, "Ben")


def test_an_edit_during_a_run_makes_the_record_stale_not_fresh(program: Program, meanwhile: Any) -> None:
    """The hash is that of the text that ran, whatever lies on disk when it has ended; so are commit and state."""
    program.page(WAIT + "echo old\n")
    snippet = program.root / "snippets/s1.sh"
    made, was = commit(program), read_snippet(snippet, "s1.sh").sha256

    def edit() -> None:
        snippet.write_text(header('expect.contains = ["old"]') + WAIT + "echo new\n")
        commit(program)

    assert meanwhile(edit)[0] == 0
    step = ledger(program)["steps"]["page/s1"]
    assert (step["stdout"], step["inputs"]["snippets/s1.sh"]) == ("old\n", was)
    (run,) = ledger(program)["runs"].values()
    assert (run["docs_commit"], run["dirty"]) == (made, False)
    assert "1 stale" in status(program)
    assert "the snippet, its expectations changed after" in status(program)
    snippet.write_text(WAIT + "echo old\n")
    assert "stale" not in status(program)


def test_what_a_step_reads_itself_is_stale_for_good_when_it_was_edited_meanwhile(
    program: Program, meanwhile: Any
) -> None:
    """Nobody can tell which of the two texts the step met; to undo the edit does not help."""
    program.page(WAIT + "cat snippets/data.txt\n", "cat snippets/other.txt\n")
    program.tree({"snippets/data.txt": "old\n", "snippets/other.txt": "old\n"})
    data = program.root / "snippets/data.txt"
    assert meanwhile(lambda: data.write_text("new\n"))[0] == 0
    first, second = ledger(program)["steps"].values()
    assert first["inputs"]["snippets/data.txt"] == "changed while it ran"
    assert second["inputs"]["snippets/other.txt"] == hashlib.sha256(b"old\n").hexdigest()
    for text in ("new\n", "old\n"):
        data.write_text(text)
        assert "stale: page/s1: snippets/data.txt changed after" in status(program)


def test_output_is_kept_within_four_kilobytes_head_and_tail(program: Program) -> None:
    program.page("printf 'begin'; head -c 9000 /dev/zero | tr '\\0' é; printf 'end'\n", "printf 'short 🙂'\n")
    assert program.run(*recording(program, "page"))[0] == 0
    long, short = (step["stdout"] for step in ledger(program)["steps"].values())
    assert len(long.encode()) <= 4096
    assert long.startswith("begin")
    assert long.endswith("end")
    assert "bytes left out]" in long
    assert short == "short 🙂"


def test_steps_that_a_page_has_no_more_are_dropped_and_the_rest_is_in_page_order(program: Program) -> None:
    program.tree({"docs/page.md": ["a.sh", "b.sh"], "snippets/a.sh": "true\n", "snippets/b.sh": "true\n"})
    assert program.run(*recording(program, "page"))[0] == 0
    program.tree({"docs/page.md": ["c.sh", "b.sh"], "snippets/c.sh": "true\n"})
    assert program.run(*recording(program, "page", more=("--only", "c")))[0] == 0
    table = ledger(program)
    assert [*table["steps"]] == ["page/c", "page/b"]
    assert {step["run"] for step in table["steps"].values()} == {*table["runs"]}
    assert len(table["runs"]) == 2


def test_a_tree_of_which_git_cannot_tell_what_has_changed_counts_as_dirty(program: Program) -> None:
    """Its index is damaged; the commit is still known."""
    program.page("true\n")
    made = commit(program)
    (program.root / ".git/index").write_bytes(b"damaged")
    assert program.run(*recording(program, "page"))[0] == 0
    (run,) = ledger(program)["runs"].values()
    assert (run["docs_commit"], run["dirty"]) == (made, True)


def test_what_a_killed_run_left_half_written_goes_with_the_next(program: Program) -> None:
    """No process has that number; what one that lives is writing stays."""
    program.page("true\n")
    folder = ledger_path(program).parent
    folder.mkdir(parents=True)
    gone, living = folder / ".cpu-llamacpp.json.99999999", folder / f".cpu-llamacpp.json.{os.getpid()}"
    for path in (gone, living):
        path.write_text("{")
    assert program.run(*recording(program, "page"))[0] == 0
    assert sorted(folder.iterdir()) == sorted([living, ledger_path(program)])


# What is masked


@pytest.mark.parametrize("name", ["page", "steps", "driver", "target"])
def test_a_user_or_host_of_any_name_can_record(program: Program, name: str) -> None:
    """Names that are ours stay as they are; what the step printed does not."""
    program.environment |= {"USER": name, "LOGNAME": name}
    program.page(f"echo see /media/{name}/x\n")
    code, _, err = program.run(*recording(program, "page"))
    assert (code, err) == (0, "")
    table = ledger(program)
    assert (table["page"], table["target"]) == ("docs/page.md", "cpu")
    assert table["steps"]["page/s1"]["outcome"] == "passed"
    assert table["steps"]["page/s1"]["stdout"] == "see /media/user/x\n"
    assert "1 passed, nothing stood in" in status(program)


def test_what_others_have_recorded_stays_as_it_was(program: Program) -> None:
    """Their output is not masked with the names of this machine."""
    program.page("echo of willow and oak\n", "true\n")
    assert program.run(*recording(program, "page"))[0] == 0
    program.environment |= {"USER": "willow", "LOGNAME": "willow"}
    assert program.run(*recording(program, "page", more=("--only", "s2")))[0] == 0
    assert ledger(program)["steps"]["page/s1"]["stdout"] == "of willow and oak\n"


def test_a_secret_is_in_no_ledger(program: Program) -> None:
    token, password = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh", 'pa"ss\\wor-d8'
    program.environment |= {"HF_TOKEN": token, "DB_PASSWORD": password}
    program.page(
        'echo "$HF_TOKEN" "$DB_PASSWORD"; echo "$DB_PASSWORD" >&2\n',
        header(f"expect.contains = [{json.dumps(token)}]") + "echo no\n",
    )
    assert program.run(*recording(program, "page"))[0] == 1
    text = ledger_path(program).read_text()
    for secret in (token, password, json.dumps(password)[1:-1]):
        assert secret not in text
    assert ledger(program)["steps"]["page/s1"]["stdout"] == "[HF_TOKEN] [DB_PASSWORD]\n"


# What no ending costs


def test_a_kill_on_the_second_page_leaves_the_first_ones_record_and_report(program: Program) -> None:
    up, _go = program.signals_from("UP"), program.signals_from("GO")
    pages(program, one="echo one\n", two=WAIT)
    junit = program.folder / "junit.xml"
    process = program.start(*recording(program, "one", "two", more=("--junit", str(junit))))
    up.wait()
    process.kill()
    process.communicate()
    assert ledger(program, "one")["steps"]["one/s"]["outcome"] == "passed"
    assert not ledger_path(program, "two").exists()
    assert program.steps()[0]["stdout"] == "one\n"
    assert ElementTree.parse(junit).getroot().find("testsuite").get("name") == "one"  # type: ignore[union-attr]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_every_earlier_record_as_it_was(program: Program, number: signal.Signals) -> None:
    """Of the step that it cuts off, and of those that were not reached; what had ended is recorded."""
    up, _go = program.signals_from("UP"), program.signals_from("GO")
    program.page("echo one\n", '[[ -z "${HANG:-}" ]] && exit\n' + WAIT, "echo three\n")
    assert program.run(*recording(program, "page"))[0] == 0
    before = ledger(program)["steps"]
    program.environment["HANG"] = "1"
    process = program.start(*recording(program, "page"))
    up.wait()
    process.send_signal(number)
    assert program.finish(process)[0] == 130
    after = ledger(program)["steps"]
    assert {name for name in before if before[name] != after[name]} == {"page/s1"}
    assert [step["interrupted"] for step in program.steps()] == [False, True, False]


def test_an_interrupt_of_the_only_step_changes_no_byte(program: Program) -> None:
    up, go = program.signals_from("UP"), program.signals_from("GO")
    program.page(WAIT)
    os.write(go.descriptor, b"go\n")
    assert program.run(*recording(program, "page"))[0] == 0
    up.wait()
    before = ledger_path(program).read_bytes()
    process = program.start(*recording(program, "page"))
    up.wait()
    process.send_signal(signal.SIGINT)
    code, out, _ = program.finish(process)
    assert code == 130
    assert out.endswith("nothing recorded of page: no step came to an end\n")
    assert ledger_path(program).read_bytes() == before


@pytest.mark.parametrize(
    "damage", ["echo '<<<<<<< HEAD' > {}", "rm {0}; mkfifo {0}", "rm -r {0}; ln -s /etc/passwd {0}"]
)
def test_a_ledger_that_breaks_during_the_run_does_not_cost_the_others(program: Program, damage: str) -> None:
    pages(program, one="true\n", two="true\n", three="echo three\n")
    assert program.run(*recording(program, "two"))[0] == 0
    pages(program, one=f"cd docs/evidence/two; {damage.format('cpu-llamacpp.json')}\n")
    junit = program.folder / "junit.xml"
    code, out, err = program.run(*recording(program, "one", "two", "three", more=("--junit", str(junit))))
    assert code == 2, out
    assert err.startswith(f"gb10docs: {ledger_path(program, 'two')}: ")
    assert err.count("\n") == 1
    for page in ("one", "three"):
        assert ledger(program, page)["steps"][f"{page}/s"]["outcome"] == "passed"
    assert len(json.loads(program.json.read_text())) == 3
    assert len([*ElementTree.parse(junit).getroot()]) == 3


def test_a_report_that_cannot_be_written_any_more_does_not_cost_the_rest(program: Program) -> None:
    """It is told once, although it is tried after every page."""
    pages(program, one="rm -r ../reports; echo x >../reports\n", two="true\n")
    (program.folder / "reports").mkdir()
    junit = program.folder / "reports" / "junit.xml"
    code, _, err = program.run(*recording(program, "one", "two", more=("--junit", str(junit))))
    assert code == 2
    assert err == f"gb10docs: {junit}: cannot be written: Not a directory\n"
    assert len(json.loads(program.json.read_text())) == 2
    for page in ("one", "two"):
        assert ledger_path(program, page).exists()


# What is refused before anything runs


Place = Callable[[Path, Program], object]
"""Puts something where the ledger belongs."""
CONFLICT = "{\n<<<<<<< HEAD\n=======\n>>>>>>> x\n}\n"
NEWER = '{"schema": "gb10docs.ledger/2", "page": "docs/page.md"}'


def a_file_for_the_folder(path: Path, _: Program) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


def a_link_for_the_folder(path: Path, program: Program) -> None:
    path.parent.rmdir()
    path.parent.symlink_to(program.folder)


LEDGERS: dict[str, tuple[Place, str]] = {
    "merge conflict": (lambda path, _: path.write_text(CONFLICT), "marks of a merge conflict"),
    "newer": (lambda path, _: path.write_text(NEWER), "written by a newer gb10docs"),
    "FIFO": (lambda path, _: os.mkfifo(path), "no regular file"),
    "folder": (lambda path, _: path.mkdir(), "no regular file"),
    "below a file": (a_file_for_the_folder, "cannot be read: Not a directory"),
    "link": (lambda path, program: path.symlink_to(program.folder / "x.json"), "lies behind a link"),
    "below a link": (a_link_for_the_folder, "lies behind a link"),
}
FILES: dict[str, tuple[tuple[str, ...], str]] = {
    "impossible place": (("--junit", "/proc/nowhere/x.xml"), r"/proc/nowhere/x\.xml: cannot be written: "),
    "below a file": (("--junit", "{folder}/file/x/y.xml"), "cannot be written: Not a directory"),
    "folder": (("--junit", "{folder}"), "cannot be written: Is a directory"),
    "JSON a folder": (("--json", "{folder}"), "cannot be written: Is a directory"),
    "long name": (("--junit", "{folder}/" + "x" * 300), "cannot be written: File name too long"),
    "two on standard output": (("--json", "-", "--junit", "-"), "only one can go to standard output"),
}


def refused(program: Program, message: str, *more: str) -> None:
    """It says why in one line and ends with 2; nothing has run, and the look has left nothing."""
    program.page('touch "$RAN"\n')
    program.environment["RAN"] = str(program.folder / "ran")
    before = sorted(map(str, program.root.rglob("*")))
    code, out, err = program.run(*recording(program, "page", more=more))
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"gb10docs: .*{message}.*\n", err), err
    assert not (program.folder / "ran").exists()
    assert not program.json.exists()
    assert sorted(map(str, program.root.rglob("*"))) == before


@pytest.mark.parametrize("what", LEDGERS)
def test_a_ledger_that_cannot_be_read_or_written_is_refused_before_anything_runs(
    program: Program, what: str
) -> None:
    place, message = LEDGERS[what]
    ledger_path(program).parent.mkdir(parents=True)
    place(ledger_path(program), program)
    refused(program, message)


@pytest.mark.parametrize("what", FILES)
def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(program: Program, what: str) -> None:
    more, message = FILES[what]
    (program.folder / "file").write_text("")
    refused(program, message, *(one.format(folder=program.folder) for one in more))


@pytest.mark.parametrize("file", ["/proc/nowhere/s.md", "/proc"])
def test_a_summary_that_cannot_be_written_is_refused_before_anything_runs(
    program: Program, file: str
) -> None:
    program.environment |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": file}
    refused(program, f"{file}: cannot be written: (No such file|Is a directory)")


def test_a_summary_behind_a_link_to_nowhere_is_written_there(program: Program) -> None:
    """Looking whether it can be written takes away neither the link nor anything else."""
    link, behind = program.folder / "summary.md", program.folder / "behind.md"
    link.symlink_to(behind)
    program.environment |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(link)}
    pages(program, one="echo one\n")
    assert program.run(*recording(program, "one"))[0] == 0
    assert link.is_symlink()
    assert "one" in behind.read_text()


def test_a_lock_file_that_is_none_is_refused_before_anything_runs(program: Program) -> None:
    program.tree({"compose/images.lock.toml": "image = 5\n"})
    refused(program, r"images\.lock\.toml: a row is no \[\[image\]\]")


def test_recording_as_a_gb10_is_refused_before_anything_runs(program: Program) -> None:
    program.page('touch "$RAN"\n')
    program.environment["RAN"] = str(program.folder / "ran")
    code, out, err = program.run(*recording(program, "page", more=("--target", "gb10")))
    assert (code, out) == (2, "")
    assert "this machine is no GB10" in err
    assert not (program.folder / "ran").exists()


# Standard output as a file


def test_a_dash_is_standard_output_and_nothing_else_is_printed_there(program: Program) -> None:
    pages(program, one="echo one\n", two="false\n")
    code, out, err = program.run(*recording(program, "one", "two", more=("--json", "-")))
    assert code == 1
    assert [report["lesson"] for report in json.loads(out)] == ["one", "two"]
    assert "docs/one.md: 1 step" in err
    assert "recorded in docs/evidence/one/cpu-llamacpp.json" in err
    assert not (Path.cwd() / "-").exists()


def test_a_pipe_takes_the_report_once(program: Program) -> None:
    pages(program, one="true\n", two="true\n")
    command = [
        "bash",
        "-c",
        '"$0" -m gb10docs "$@" --junit >(cat >"$SEEN"; echo >"$UP") >/dev/null',
        sys.executable,
    ]
    program.environment["SEEN"] = str(program.folder / "seen.xml")
    up = program.signals_from("UP")
    subprocess.run([*command, *recording(program, "one", "two")], env=program.environment, check=True)
    up.wait()
    assert len([*ElementTree.parse(program.folder / "seen.xml").getroot()]) == 2


# A fault of ours


ON_PAGE_TWO = """
def summarize(steps: Sequence[StepResult]) -> Summary:
    import os
    if steps[0].id == "two/s":
        raise ZeroDivisionError(os.environ["HF_TOKEN"])
    return _sound(steps)
"""
BUG = "\n\ndef {}(*_: object) -> str:\n    import os\n    raise ZeroDivisionError(os.environ['HF_TOKEN'])\n"


def test_a_crash_ends_with_70_and_a_traceback_and_keeps_what_was_recorded(program: Program) -> None:
    """It happens on the second page of three."""
    pages(program, one="echo one\n", two="false\n", three="true\n")
    program.environment["HF_TOKEN"] = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh"
    broken(program, "results/result.py", f"\n_sound = summarize\n{ON_PAGE_TWO}")
    code, _, err = program.run(*recording(program, "one", "two", "three"))
    assert code == 70
    assert "Traceback (most recent call last):" in err
    assert "ZeroDivisionError: [HF_TOKEN]" in err
    assert err.splitlines()[-1].startswith("gb10docs: this is a fault of gb10docs itself")
    assert ledger(program, "one")["steps"]["one/s"]["outcome"] == "passed"
    assert not ledger_path(program, "two").exists()
    assert program.steps()[0]["stdout"] == "one\n"
    assert program.left() == []


@pytest.mark.parametrize(
    ("module", "function"), [("results/junit.py", "text"), ("results/report_json.py", "text")]
)
def test_a_fault_in_one_report_costs_neither_evidence_nor_the_other(
    program: Program, module: str, function: str
) -> None:
    pages(program, one="echo one\n", two="true\n")
    program.environment["HF_TOKEN"] = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh"
    broken(program, module, BUG.format(function))
    junit = program.folder / "junit.xml"
    code, out, err = program.run(*recording(program, "one", "two", more=("--junit", str(junit))))
    assert code == 70
    assert "two on cpu" in out, "the run went on to its end"
    assert err.count("Traceback") == 1
    assert ledger_path(program, "one").exists()
    assert ledger_path(program, "two").exists()
    assert [program.json.exists(), junit.exists()].count(True) == 1


def test_the_ledger_of_a_page_is_that_of_the_schema_and_of_its_text(program: Program) -> None:
    """What `sha256sum` says of a snippet without a header is what the ledger says."""
    program.page("echo one\n")
    assert program.run(*recording(program, "page"))[0] == 0
    inputs = ledger(program)["steps"]["page/s1"]["inputs"]
    assert inputs["snippets/s1.sh"] == hashlib.sha256(b"echo one\n").hexdigest()
    assert evidence.read(ledger_path(program))
