"""Names and texts from outside reach no terminal and no workflow raw, and no page leads out of its tree."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from program import Program

from gb10docs.pages.printing import Printing, on_one_line, printable

ESC = "\x1b"
TITLE = f"{ESC}]0;TITLE\x07{ESC}[31mred\u202e"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
"""What does something to a terminal."""
SHOWS = '```bash\n--8<-- "{}"\n```\n'


def told(program: Program, *arguments: str, status: int | None = None) -> str:
    """What a command prints, which must hold nothing raw and no command of GitHub's."""
    for in_a_job in ("", "true"):
        program.environment["GITHUB_ACTIONS"] = in_a_job
        ended, out, err = program.run(*arguments)
        assert status in {None, ended}, err
        assert "Traceback" not in err
        assert RAW.findall(out + err) == []
        if in_a_job:
            commands = [
                line for line in (out + err).splitlines() if line.lstrip().startswith("::") or "##[" in line
            ]
            assert [line for line in commands if not line.startswith("::error file=")] == []
    return out + err


@pytest.fixture
def root(program: Program) -> Path:
    program.page("echo hello\n")
    return program.root


def snippet(root: Path, text: str) -> None:
    (root / "snippets" / "s1.sh").write_text(text)


@pytest.mark.parametrize("command", ["list", "doctor"])
@pytest.mark.parametrize(
    "name", [f"p{TITLE}", "x\n::add-mask::e\n::error::forged", "rtl\u202epage", "c1\x9b31m"]
)
def test_a_page_whose_name_cannot_be_shown_is_refused(
    program: Program, root: Path, command: str, name: str
) -> None:
    (root / "docs" / f"{name}.md").write_text(SHOWS.format("s1.sh"))
    assert "its name holds characters that cannot be shown" in told(
        program, command, "--root", str(root), status=2
    )
    assert "cannot be shown" in told(program, "run", "page", "--dry-run", "--root", str(root), status=2)


def test_a_snippet_whose_name_cannot_be_shown_is_refused(program: Program, root: Path) -> None:
    (root / "snippets" / f"n{TITLE}.sh").write_text("echo named\n")
    (root / "docs/page.md").write_text(SHOWS.format(f"n{TITLE}.sh"))
    assert "docs/page.md:2: the name 'nred.sh' holds" in told(
        program, "run", "page", "--root", str(root), status=2
    )


def test_titles_are_one_line_of_text(program: Program, root: Path) -> None:
    (root / "docs/page.md").write_text(f"# T{TITLE} one\n\n" + SHOWS.format("s1.sh"))
    yaml = '---\ntitle: "two\\e]0;TITLE\\a\\n::error::forged"\n---\n'
    (root / "docs/other.md").write_text(yaml + SHOWS.format("s1.sh"))
    out = told(program, "list", "--root", str(root), status=0)
    assert out.splitlines() == ["other  two ::error::forged  (1 step)", "page  Tred one  (1 step)"]
    told(program, "doctor", "--root", str(root), status=0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", f"{TITLE}\n::error::forged"),
        (f"{TITLE}\n::error::forged",),
        ("run", "page", "--target", f"{TITLE}\n::error::forged"),
        ("run", "page", "--only", f"{TITLE}\n::error::forged"),
        ("run", "page", f"--{TITLE}\n::error::forged"),
        ("evidence", "diff", f"{TITLE}\n::error::forged", "b"),
        ("inspect", f"/{TITLE}\n::error::forged"),
        ("fit", f"/{TITLE}\n::error::forged"),
    ],
)
def test_an_argument_is_repeated_without_what_it_would_do(
    program: Program, root: Path, arguments: tuple[str, ...]
) -> None:
    command, rest = arguments[:1], arguments[1:]
    there = ("--root", str(root)) if command[0] in {"run", "evidence"} else ()
    told(program, *command, *rest, *there, status=2)


def test_a_header_is_quoted_without_what_it_would_do(program: Program, root: Path) -> None:
    snippet(
        root,
        '# /// script\n# [tool.gb10docs]\n# needs = ["\\u001b]0;TITLE\\u0007\\n::error::x"]\n# ///\ntrue\n',
    )
    assert "no such need" in told(program, "run", "page", "--root", str(root), status=2)
    snippet(
        root,
        '# /// script\n# [tool.gb10docs]\n# expect.contains = ["\\u001b[2J\\n::error::x"]\n# ///\ntrue\n',
    )
    told(program, "run", "page", "--root", str(root), status=1)


def test_a_ledger_is_told_without_what_it_would_do(program: Program, root: Path) -> None:
    assert program.run("run", "page", "--record", "--recorded-by", "Ann", "--root", str(root))[0] == 0
    (ledger,) = (root / "docs/evidence").rglob("*.json")
    text = json.loads(ledger.read_text())
    for run in text["runs"].values():
        run |= {"hardware": f"hw{TITLE}\n::error::x", "recorded_by": f"by{TITLE}\n::error::x"}
    for step in text["steps"].values():
        step["stdout"] = f"out{TITLE}\n::error::x\n##[error]x\n"
    ledger.write_text(json.dumps(text))
    told(program, "evidence", "status", "--root", str(root), status=0)
    other = program.folder / "other.json"
    other.write_text(ledger.read_text().replace("out", "another"))
    told(program, "evidence", "diff", str(ledger), str(other), "--root", str(root))


def test_a_terminal_gets_colours_of_ours_and_of_nobody_else(program: Program, root: Path) -> None:
    snippet(
        root,
        f"# {TITLE} a command\nprintf 'progress\\e]0;TITLE\\a'; sleep 0.4; echo; echo 'done{TITLE}'; false\n",
    )
    main, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gb10docs", "run", "page", "--root", str(root)],
        env={**program.environment, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(main, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    assert process.wait() == 1
    os.close(main)
    assert b"\x1b[" in shown, "ours are there"
    assert b"progress" in shown
    assert [one for one in (b"\x1b]", b"\x07", "\u202e".encode()) if one in shown] == []


@pytest.mark.parametrize("target", ["/etc/hostname", "../../outside.md", "/nowhere"])
@pytest.mark.parametrize(
    "command", [("list",), ("run", "page"), ("run", "docs/link.md"), ("site", "prepare"), ("doctor",)]
)
def test_a_page_that_leads_out_of_the_tree_is_refused(
    program: Program, root: Path, command: tuple[str, ...], target: str
) -> None:
    (program.folder / "outside.md").write_text("# Secret\n")
    (root / "docs/link.md").symlink_to(target)
    assert "docs/link.md: is a link that leads out of" in told(
        program, *command, "--root", str(root), status=2
    )


def test_a_page_may_be_a_link_within_the_tree(program: Program, root: Path) -> None:
    (root / "docs/link.md").symlink_to("page.md")
    assert told(program, "list", "--root", str(root), status=0).count("(1 step)") == 2


def test_the_build_refuses_a_page_that_leads_out_of_the_tree(program: Program, root: Path) -> None:
    (program.folder / "outside.md").write_text("# Secret\n\nof mine\n")
    (root / "docs/link.md").symlink_to("../../outside.md")
    (root / "mkdocs.yml").write_text(
        "site_name: x\ntheme:\n  name: mkdocs\nmarkdown_extensions:\n  - pymdownx.superfences\n"
        f"  - gb10docs.markdown:\n      root: {root}\n"
    )
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet"], cwd=root,
        env={**program.environment, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode != 0
    assert "leads out of" in built.stdout + built.stderr


class Kept:
    """A stream that keeps what is written."""

    text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        (["a", "\n", "::error::x", "\n"], "a\n| ::error::x\n"),
        (["a ", "::b", "\n"], "a ::b\n"),
        (["  ", "::error::x\n", " \t::y"], "  | ::error::x\n \t| ::y"),
        (["##[error]x ##[group]\n"], "## [error]x ## [group]\n"),
        (["one\r\n::two"], "one\n| ::two"),
    ],
)
def test_no_line_of_a_job_is_a_command(parts: list[str], shown: str) -> None:
    kept = Kept()
    printing = Printing(kept, in_a_job=True)  # type: ignore[arg-type]
    for part in parts:
        assert printing.write(part) == len(part)
    assert kept.text == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        (f"{ESC}[1;31mred{ESC}[0m", "red"),
        (f"{ESC}]8;;http://x{ESC}\\link{ESC}]8;;{ESC}\\", "link"),
        (f"{ESC}Pq#0{ESC}\\sixel", "sixel"),
        (f"{ESC}]0;never closed\nnext", "\nnext"),
        ("a\rb\x08c\x9b31m\u202ed", "abc31md"),
        ("naïve – “quoted” 漢字 👩", "naïve – “quoted” 漢字 👩"),
    ],
)
def test_what_is_fit_to_be_shown(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert "\n" not in on_one_line(text)
