"""Every fence is one include, every snippet is on a page and clean: proven, by checks that can fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample
from pytest_examples.config import ExamplesConfig
from trees import Tree, page_of

from gb10docs.errors import GB10DocsError
from gb10docs.pages.fences import BadPage, fences
from gb10docs.pages.page import read_page
from gb10docs.pages.snippet import LANGUAGES, Snippet, read_snippet
from gb10docs.pages.tree import lessons, page_paths

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"


def snippet_names(root: Path) -> list[str]:
    files = (path for path in (root / "snippets").rglob("*") if path.suffix in LANGUAGES)
    return sorted(path.relative_to(root / "snippets").as_posix() for path in files)


def shown_names(root: Path) -> set[str]:
    return {step.snippet.name for page in lessons(root) for step in page.steps}


def pages(root: Path) -> list[Path]:
    return list(page_paths(root).values())


def languages_written(text: str) -> int:
    """How many lines look like the opening of a bash or Python fence: counted in another way than ours."""
    return len(re.findall(r"(?m)^[ \t]*(?:`{3,}|~{3,})[ \t]*\{?[ .]*(?:bash|sh|shell|python|py)\b", text))


def commands(readme: str) -> list[str]:
    """The lines of a README's bash fences."""
    shown = [line for fence in fences(readme, README) if fence.language == "bash" for line in fence.body]
    return [line.partition(" #")[0].strip() for line in shown if line.strip()]


APT = "sudo apt-get install "
"""How the README's line of packages begins, which `make test-bare` reads, and installs on bare machines."""


def rehearsal(command: str) -> list[str]:
    """What proves a command of the README without doing its work; empty for one that nobody can prove."""
    program, *arguments = command.split()
    if program == "make":
        return ["make", "--dry-run", *arguments]
    if command.startswith(APT):
        return ["grep", "--quiet", "--fixed-strings", f"s/^{APT}//p", "tests/machines/machine.sh"]
    if program != ".venv/bin/gb10docs":
        return []
    harmless = {"run": ["--dry-run"], "clean": ["--help"]}.get(arguments[0], [])
    return [sys.executable, "-m", "gb10docs", *arguments, *harmless]


SNIPPETS = {name: read_snippet(ROOT / "snippets" / name, name) for name in snippet_names(ROOT)}
PYTHON = [snippet for snippet in SNIPPETS.values() if snippet.language == "python"]
BASH = [snippet for snippet in SNIPPETS.values() if snippet.language == "bash"]


def by_name(snippets: Iterable[Snippet]) -> list[object]:
    return [pytest.param(snippet, id=snippet.name) for snippet in snippets]


def test_there_is_something_to_test() -> None:
    assert len(PYTHON) == len(list((ROOT / "snippets").rglob("*.py"))) > 0
    assert len(BASH) == len(list((ROOT / "snippets").rglob("*.sh"))) > 0
    assert len(pages(ROOT)) == len(list((ROOT / "docs").rglob("*.md"))) > 0


def test_every_file_under_snippets_is_a_snippet() -> None:
    files = [
        path for path in (ROOT / "snippets").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    texts = {ROOT / "snippets/theory/passages.txt", ROOT / "snippets/lesson-03/calibration.txt"}
    assert len(files) == len(SNIPPETS) + len(texts & set(files))


def test_every_snippet_is_on_a_page() -> None:
    assert shown_names(ROOT) == set(SNIPPETS)


@pytest.mark.parametrize("path", pages(ROOT), ids=lambda path: path.name)
def test_every_fence_is_one_include(path: Path) -> None:
    page = read_page(path, ROOT)
    assert len(page.steps) == languages_written(path.read_text())


def test_these_checks_can_fail(tree: Tree) -> None:
    good = {"docs/p.md": page_of(["a.sh"]), "snippets/a.sh": "true\n"}
    root = tree(good)
    assert shown_names(root) == set(snippet_names(root))
    assert shown_names(root) != set(snippet_names(tree({"snippets/stray.sh": "true\n"})))
    for text in (
        "```bash\necho\n```\n",
        "```python\nprint()\n```\n",
        "    ```sh\n    echo\n    ```\n",
        "> ```bash\n> x\n> ```\n",
    ):
        with pytest.raises(BadPage):
            lessons(tree({"docs/q.md": page_of(["stray.sh"]) + text}))
    assert languages_written(page_of(["a.sh", "b.py"]) + "```text\n```\n") == 2
    with pytest.raises(GB10DocsError):
        read_snippet(root / "snippets/none.sh", "none.sh")


@pytest.mark.parametrize("snippet", by_name(BASH))
def test_bash_parses(snippet: Snippet) -> None:
    done = subprocess.run(["bash", "-n", snippet.path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def example(snippet: Snippet) -> CodeExample:
    """The shown text as pytest-examples knows it; its own finder sees no included files."""
    end = snippet.text.count("\n") + 1
    shown: CodeExample = CodeExample.create(
        snippet.body,
        path=snippet.path,
        start_line=snippet.body_line - 1,
        end_line=end,
        start_index=0,
        end_index=0,
    )
    return shown


@pytest.fixture
def examples(tmp_path: Path, request: pytest.FixtureRequest) -> EvalExample:
    checker = EvalExample(tmp_path=tmp_path, pytest_request=request)
    rules = ["E", "F", "I", "B", "UP", "W"]
    checker.config = ExamplesConfig(
        line_length=110, target_version="py311", ruff_select=rules, ruff_ignore=["D", "S"]
    )
    return checker


@pytest.mark.parametrize("snippet", by_name(PYTHON))
def test_python_is_clean(snippet: Snippet, examples: EvalExample) -> None:
    assert example(snippet).source == snippet.body
    examples.lint_ruff(example(snippet))


def ruff_format(*files: Path) -> subprocess.CompletedProcess[str]:
    """pytest-examples formats with black, so this asks ruff itself."""
    options = ["format", "--check", "--isolated", "--line-length", "110"]
    command = [sys.executable, "-m", "ruff", *options, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_python_is_formatted(tmp_path: Path) -> None:
    done = ruff_format(*(snippet.path for snippet in PYTHON))
    assert done.returncode == 0, done.stdout
    (tmp_path / "a.py").write_text("x = 'a'\n")
    assert ruff_format(tmp_path / "a.py").returncode == 1


def test_python_that_is_not_clean_is_found(examples: EvalExample) -> None:
    with pytest.raises(pytest.fail.Exception, match="F401"):
        examples.lint_ruff(CodeExample.create("import os\n"))


def test_the_readme_shows_commands_that_work() -> None:
    assert README.is_file(), "README.md is missing"
    shown = commands(README.read_text())
    assert {"make run", "make test"} <= set(shown)
    for command in shown:
        proof = rehearsal(command)
        assert proof, f"README.md shows `{command}`, which no test can prove"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(proof, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"`{command}`: {done.stderr}"


def test_the_machine_of_ci_gets_what_the_readme_names() -> None:
    """By the name of a package, or of the command that it holds."""
    (named,) = (
        command.removeprefix(APT).split() for command in commands(README.read_text()) if APT in command
    )
    script = (ROOT / ".ci/run").read_text()
    assert [package for package in named if package not in script] == []


def test_a_readme_that_shows_something_else_is_found() -> None:
    (command,) = commands("```bash\ncurl x | bash # why\n```\n")
    assert command == "curl x | bash"
    assert rehearsal(command) == []
    assert subprocess.run(rehearsal("make none"), cwd=ROOT, capture_output=True, check=False).returncode != 0
