"""What the program says to wrong input, through the program itself: one line, exit status 2, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from program import Program, with_constant
from trees import Tree, page_of

ROOT = Path(__file__).resolve().parents[2]
LAZY = (
    "rich",
    "httpx",
    "openai",
    "docker",
    "huggingface_hub",
    "numpy",
    "yaml",
    "uvicorn",
    "starlette",
    "jsonschema",
    "pydantic",
)


def gb10docs(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **variables}
    command = [sys.executable, "-m", "gb10docs", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def step(*lines: str, body: str = "true\n") -> str:
    return "# /// script\n# [tool.gb10docs]\n" + "".join(f"# {line}\n" for line in lines) + f"# ///\n{body}"


OK = {"docs/lesson-01.md": page_of(["a.sh"]), "snippets/a.sh": "true\n"}
INCLUDE = '```bash\n--8<-- "{}"\n```\n'
ALIASES = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 41))
"""A list of 9 ** 40 items, in a few lines of YAML."""
COMPOSE = "services:\n  a:\n    ports: ['127.0.0.1:8001:8001']\n    command: [vllm, serve, M]\n"
CASES: dict[str, tuple[dict[str, str | bytes], str, str]] = {
    "an unknown lesson": ({}, "lesson-1", "no page 'lesson-1' under {root}/docs: did you mean 'lesson-01'?"),
    "a missing snippet": (
        {"docs/p.md": "x\n\n" + INCLUDE.format("aa.sh")},
        "p",
        "{root}/docs/p.md:4: no snippet 'aa.sh' under {root}/snippets: did you mean 'a.sh'?",
    ),
    "a snippet outside the tree": (
        {"docs/p.md": INCLUDE.format("../x.sh"), "x.sh": "true\n"},
        "p",
        "{root}/docs/p.md:2: '../x.sh' lies outside {root}/snippets: ",
    ),
    "a link that leads outside": (
        {"docs/p.md": INCLUDE.format("link.sh"), "x.sh": "true\n"},
        "p",
        "{root}/docs/p.md:2: 'link.sh' lies outside {root}/snippets: ",
    ),
    "a command in a fence": (
        {"docs/p.md": "```bash\necho\n```\n"},
        "p",
        "{root}/docs/p.md:1: a bash fence holds exactly one line, an include of a whole file, such as",
    ),
    "a fence that never closes": (
        {"docs/p.md": "a\n\n```bash\nx\n"},
        "p",
        "{root}/docs/p.md:3: the fence is never closed: end it with",
    ),
    "a page that is not UTF-8": (
        {"docs/p.md": b"a\n\xe9\n"},
        "p",
        "{root}/docs/p.md:2: not UTF-8 (byte 0xe9): save it as UTF-8",
    ),
    "an empty page": ({"docs/p.md": "\n"}, "p", "{root}/docs/p.md:1: the page is empty: "),
    "a page without steps": ({"docs/p.md": "text\n"}, "p", "{root}/docs/p.md: has no bash or python fence"),
    "an unreadable page": ({"docs/p.md/x": ""}, "p", "{root}/docs/p.md: cannot be read: Is a directory"),
    "an unreadable snippet": (
        {"docs/p.md": INCLUDE.format("mem.sh")},
        "p",
        "{root}/docs/p.md:2: 'mem.sh' lies outside",
    ),
    "a snippet that is a folder": (
        {"docs/p.md": INCLUDE.format("d.sh"), "snippets/d.sh/x": ""},
        "p",
        "{root}/docs/p.md:2: no snippet 'd.sh' under {root}/snippets: what lies there is no file",
    ),
    "a snippet that is not UTF-8": (
        {"snippets/a.sh": b"\xff"},
        "lesson-01",
        "{root}/snippets/a.sh:1: not UTF-8 (byte 0xff)",
    ),
    "an empty snippet": (
        {"snippets/a.sh": ""},
        "lesson-01",
        "{root}/snippets/a.sh:1: the snippet is empty: ",
    ),
    "an unknown header key": (
        {"snippets/a.sh": step("x = 1", "timeuot = '2m'")},
        "lesson-01",
        "{root}/snippets/a.sh:3: no such header key 'x': known: ",
    ),
    "a misspelt header key": (
        {"snippets/a.sh": step("optional = true", "timeuot = '2m'")},
        "lesson-01",
        "{root}/snippets/a.sh:4: no such header key 'timeuot': did you mean 'timeout'?",
    ),
    "a wrong need": (
        {"snippets/a.sh": step("needs = ['memory:lots']")},
        "lesson-01",
        "{root}/snippets/a.sh:3: 'lots' is no size: write it as 16GB or 512MiB",
    ),
    "a need that nothing meets": (
        {"snippets/a.sh": step("needs = ['server:x']")},
        "lesson-01",
        "docs/lesson-01.md:4 (a.sh): no earlier step meets the need 'server:x': put the step that makes it",
    ),
    "a stop of what is not up": (
        {"snippets/a.sh": step("stops = ['x']")},
        "lesson-01",
        "docs/lesson-01.md:4 (a.sh): no earlier step meets the need 'server:x': ",
    ),
    "a header that is no TOML": (
        {"snippets/a.sh": step("needs = [")},
        "lesson-01",
        "{root}/snippets/a.sh:3: the header is no valid TOML: ",
    ),
    "a header that never closes": (
        {"snippets/a.sh": "# /// script\ntrue\n"},
        "lesson-01",
        "{root}/snippets/a.sh:1: the '# /// script' block is never closed: ",
    ),
    "pages in a circle": (
        {
            "docs/p.md": "---\nafter: [q]\n---\n" + INCLUDE.format("a.sh"),
            "docs/q.md": "---\nafter: [p]\n---\nx\n",
        },
        "p",
        "{root}/docs/p.md: 'after' goes in a circle: p -> q -> p: ",
    ),
    "after an unknown page": (
        {"docs/p.md": "---\nafter: [lesson-1]\n---\n" + INCLUDE.format("a.sh")},
        "p",
        "{root}/docs/p.md: 'after' names no page: 'lesson-1', did you mean 'lesson-01'?",
    ),
    "front matter that is no YAML": (
        {"docs/p.md": "---\na: [\n---\nx\n"},
        "p",
        "{root}/docs/p.md:2: the front matter is no valid YAML: mend it",
    ),
    "a service that is not there": (
        {"snippets/a.sh": step("serves = 'compose/x:b'"), "compose/x/compose.yaml": COMPOSE},
        "lesson-01",
        "docs/lesson-01.md:4 (a.sh): {root}/compose/x/compose.yaml has no service 'b': known: a",
    ),
    "a Compose folder that is not there": (
        {"snippets/a.sh": step("serves = 'compose/x:b'")},
        "lesson-01",
        "docs/lesson-01.md:4 (a.sh): 'serves' names compose/x, which holds no compose.yaml: ",
    ),
    "root rights that are not declared": (
        {"snippets/a.sh": "true\nsudo true\n"},
        "lesson-01",
        "{root}/snippets/a.sh:2: runs a command as root, which a person must grant: add 'privileged'",
    ),
    "a hidden failure": (
        {"snippets/a.sh": "true\ntrap - ERR\n"},
        "lesson-01",
        "{root}/snippets/a.sh:2: 'trap - ERR' would hide a failing command: take it out",
    ),
    "packages of a bash snippet": (
        {"snippets/a.sh": "# /// script\n# dependencies = ['x']\n# ///\ntrue\n"},
        "lesson-01",
        "{root}/snippets/a.sh:1: 'dependencies' and 'requires-python' are for Python steps: take them out",
    ),
    "Markdown that cannot be found": (
        {"docs/p.md": INCLUDE.format("a.sh") + '--8<-- "https://x.example/y.md"\n'},
        "p",
        "{root}/docs/p.md:4: 'https://x.example/y.md' is brought in from elsewhere and cannot be found",
    ),
    "a part of a file": (
        {"docs/p.md": INCLUDE.format("a.sh:two")},
        "p",
        "{root}/docs/p.md:2: 'a.sh:two' names a part of a file, which is not supported, since a snippet runs",
    ),
    "some lines of a file": (
        {"docs/p.md": INCLUDE.format("a.sh:1:3")},
        "p",
        "{root}/docs/p.md:2: 'a.sh:1:3' names a part of a file, which is not supported, since a snippet runs",
    ),
    "a title that is a list": (
        {"docs/p.md": f"---\na0: &a0 [x]\n{ALIASES}title: *a40\n---\n" + INCLUDE.format("a.sh")},
        "p",
        "{root}/docs/p.md:1: the front matter cannot be read: it writes out to more than 100000 values",
    ),
    "a title that is a short list": (
        {"docs/p.md": "---\ntitle: [x]\n---\n" + INCLUDE.format("a.sh")},
        "p",
        "{root}/docs/p.md:1: 'title' is a list or a table: write it as one text",
    ),
    "a port that there is not": (
        {"snippets/a.sh": step("ready = 'http://127.0.0.1:99999/'", "session = 's'")},
        "lesson-01",
        "{root}/snippets/a.sh:3: 'http://127.0.0.1:99999/' has no port from 1 to 65535",
    ),
    "a page beyond reading": (
        {"docs/p.md": "x" * (10**7 + 1)},
        "p",
        "{root}/docs/p.md: is larger than 10 MB, too large to be read: split it",
    ),
    "a hidden failure behind a here-document": (
        {"snippets/a.sh": "cat <<'E' | tail -1\nset +E\nE\nif true; then set -u +eo pipefail; fi\n"},
        "lesson-01",
        "{root}/snippets/a.sh:4: 'set -u +eo pipefail' would hide a failing command: take it out",
    ),
    "a hidden failure below a header and a shebang": (
        {"snippets/a.sh": "#!/bin/bash\n# /// script\n# ///\necho \"$(trap '' ERR; false)\"\n"},
        "lesson-01",
        "{root}/snippets/a.sh:4: 'trap '' ERR' would hide a failing command: take it out",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_gets_one_line(tree: Tree, case: str) -> None:
    files, lesson, says = CASES[case]
    root = tree({**OK, **files})
    (root / "snippets/link.sh").symlink_to(root / "x.sh")
    (root / "snippets/mem.sh").symlink_to("/proc/self/mem")
    done = gb10docs("run", lesson, "--root", str(root))
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("gb10docs: " + says.replace("{root}", str(root)))


@pytest.mark.parametrize("does", ["exec sleep 600", "printf '\\377, 1\\n'", "kill -9 $$"])
def test_a_driver_that_does_not_answer_is_no_gpu(program: Program, tree: Tree, does: str) -> None:
    with_constant(program, "gb10docs.machine.hardware", "_ANSWER_S", 1.0)
    root = tree(OK | {"bin/nvidia-smi": f"#!/bin/sh\n{does}\n"})
    (root / "bin/nvidia-smi").chmod(0o755)
    program.environment["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"
    status, out, err = program.run("run", "lesson-01", "--root", str(root), "--dry-run")
    assert (status, err) == (0, "")
    assert "on cpu" in out


@pytest.mark.parametrize("name", ["docs/lesson-01.md", "snippets/a.sh"])
def test_what_is_no_file_is_not_waited_for(tree: Tree, name: str) -> None:
    root = tree(OK)
    (root / name).unlink()
    os.mkfifo(root / name)
    done = gb10docs("run", "lesson-01", "--root", str(root))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    says = "is no file but a FIFO: put a file there" if name.startswith("docs") else "no snippet 'a.sh' under"
    assert says in done.stderr


@pytest.mark.parametrize("name", ["docs/lesson-01.md", "snippets/a.sh"])
def test_a_file_that_may_not_be_read(tree: Tree, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read any file, so the refusal is the interpreter's."""
    from gb10docs.cli import main

    root = tree(OK)

    def refuse(path: Path, mode: str, buffering: int, opener: object) -> IO[bytes]:
        if path == root / name:
            raise PermissionError(13, "Permission denied", str(path))
        return path.open(mode, buffering)

    monkeypatch.setattr("gb10docs.pages.snippet.open", refuse, raising=False)
    monkeypatch.setattr(sys, "argv", ["gb10docs", "run", "lesson-01", "--root", str(root)])
    assert main() == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "b"], "no step 'b' on docs/lesson-01.md: known: a"),
        (["--from", "b"], "no step 'b' on docs/lesson-01.md: known: a"),
        (["--root", "/proc/1"], "/proc/1 does not hold docs/ and snippets/: name the tree with --root DIR"),
        (["--target", "gb11"], "gb11"),
        (["--allow", "everything"], "everything"),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_wrong_options(tree: Tree, arguments: list[str], says: str) -> None:
    root = tree(OK)
    done = gb10docs("run", "lesson-01", "--root", str(root), *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_of_any_tree(tmp_path: Path) -> None:
    done = gb10docs("list", cwd=tmp_path)
    assert done.returncode == 2
    where = f"neither {tmp_path} nor a folder above it holds docs/ and snippets/"
    assert done.stderr == f"gb10docs: {where}: name the tree with --root DIR\n"


def test_list(tree: Tree) -> None:
    root = tree({**OK, "docs/b.md": page_of(["a.sh", "a.sh"]), "docs/c.md": "no steps\n"})
    done = gb10docs("list", cwd=root / "docs")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "b  A page  (2 steps)\nlesson-01  A page  (1 step)\n"


DRY = {
    "docs/p.md": page_of(["run.sh", "skip.sh", "model.sh", "serve.sh", "ask.sh", "stop.sh"]),
    "snippets/run.sh": "echo > ran\n",
    "snippets/skip.sh": step("needs = ['gpu']"),
    "snippets/model.sh": step("needs = ['network:huggingface.co']", "makes = ['model:a/M']"),
    "snippets/serve.sh": step("needs = ['docker', 'model:a/M']", "serves = 'compose/x:a'"),
    "snippets/ask.sh": step("needs = ['server:a']"),
    "snippets/stop.sh": step("stops = ['a']"),
    "compose/x/compose.yaml": COMPOSE,
}


def test_a_dry_run_says_what_would_become_of_each_step_and_does_nothing(tree: Tree) -> None:
    root = tree(DRY)
    done = gb10docs("run", "p", "--dry-run", "--target", "cpu", "--root", str(root))
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        "docs/p.md on cpu",
        "run     p/run",
        "skip    p/skip  gpu: target cpu has none; run it on a GB10",
        "run     p/model  with local hub for huggingface.co; with SmolLM2-135M-Instruct for a/M",
        "replace p/serve  llama.cpp with a small model answers on port 8001 in place of a",
        "run     p/ask  with llama.cpp for a; with local hub",
        "replace p/stop  the stand-in for a is stopped instead",
    ):
        assert said in done.stdout
    assert not (root / "ran").exists()


def test_a_dry_run_of_chosen_steps(tree: Tree) -> None:
    done = gb10docs("run", "p", "--dry-run", "--target", "cpu", "--only", "ask", "--root", str(tree(DRY)))
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == ["p/model", "p/serve", "p/ask"]


@pytest.mark.parametrize("arguments", [["--dry-run"], []])
def test_nothing_that_could_run_is_exit_status_3(tree: Tree, arguments: list[str], tmp_path: Path) -> None:
    root = tree(DRY)
    command = ["run", "p", "--target", "cpu", "--only", "skip", "--root", str(root), *arguments]
    done = gb10docs(*command, XDG_STATE_HOME=str(tmp_path / "state"), XDG_RUNTIME_DIR=str(tmp_path))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "gpu: target cpu has none; run it on a GB10" in done.stdout + done.stderr


def test_a_grant(tree: Tree) -> None:
    root = tree(
        {"docs/p.md": page_of(["a.sh"]), "snippets/a.sh": step("needs = ['privileged']", body="sudo true\n")}
    )
    dry = ["run", "p", "--dry-run", "--target", "cpu", "--root", str(root)]
    assert "privileged: not granted; pass --allow privileged to run it" in gb10docs(*dry).stdout
    assert gb10docs(*dry).returncode == 3
    assert gb10docs(*dry, "--allow", "privileged").returncode == 0


def test_the_doctor_names_what_is_missing_and_for_which_steps(tree: Tree) -> None:
    done = gb10docs("doctor", "--target", "cpu", "--root", str(tree(DRY)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "p: A page" in done.stdout
    assert "3 steps can run here (2 with stand-ins), 2 replaced, 1 skipped" in done.stdout
    assert "gpu: target cpu has none; run it on a GB10: skip" in done.stdout


def test_the_doctor_on_the_course() -> None:
    done = gb10docs("doctor", "--target", "gb10")
    assert done.returncode == 0
    assert "lesson-01" in done.stdout
    assert "lesson-03" in done.stdout


def loaded(code: str, *arguments: str) -> str:
    """What some code has imported of what is heavy."""
    names = "{name.partition('.')[0] for name in sys.modules}"
    code = f"import sys, gb10docs.cli\n{code}\nprint(*sorted(set({LAZY!r}) & {names}), file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stderr.strip()


def test_what_is_heavy_is_not_imported_for_the_command_line() -> None:
    assert loaded("") == ""


def test_nor_for_a_run_that_has_no_use_for_it(tree: Tree, tmp_path: Path) -> None:
    root = tree(OK | {"snippets/a.sh": step("expect.contains = ['1']", body="echo 1\n")})
    report = tmp_path / "report"
    files = ["--json", f"{report}.json", "--junit", f"{report}.xml"]
    assert (
        loaded("gb10docs.cli.main()", "run", "lesson-01", "--root", str(root), "--target", "cpu", *files)
        == ""
    )
    assert '"passed": 1' in Path(f"{report}.json").read_text()


def test_no_arguments_show_the_help() -> None:
    done = gb10docs()
    assert "Usage" in done.stdout + done.stderr
    assert gb10docs("--help").returncode == 0


def test_a_shell_can_complete_commands() -> None:
    done = gb10docs(_GB10DOCS_COMPLETE="bash_source")
    assert (done.returncode, done.stderr) == (0, "")
    assert "complete -o nosort -F _gb10docs_completion gb10docs" in done.stdout
    done = gb10docs(_GB10DOCS_COMPLETE="bash_complete", COMP_WORDS="gb10docs evidence d", COMP_CWORD="2")
    assert done.stdout.split() == ["plain,diff", "plain,drift"]
