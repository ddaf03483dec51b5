from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest
from pytest_examples import CodeExample, EvalExample

from gb10docs.site import notebooks
from gb10docs.site.notebooks import BadNotebookError

ROOT = Path(__file__).parents[1]
SOURCES = notebooks.sources(ROOT / "docs")
SMALL = """# %% [markdown]
# # Small
#
# The value $x^2$, and [lesson](../lessons/one.md#there).

# %%
x = 3
print(x**2)

# %%
x + 1
"""


def write(folder: Path, text: str) -> Path:
    """A notebook in a tree with one other page."""
    (folder / "docs" / "theory").mkdir(parents=True)
    (folder / "docs" / "lessons").mkdir()
    (folder / "docs" / "lessons" / "one.md").write_text("# One\n")
    path = folder / "docs" / "theory" / "small.py"
    path.write_text(text)
    return path


def execute(path: Path, timeout: float = 30) -> notebooks.Notebook:
    """Run it with a cache beside it."""
    return notebooks.executed(path, path.parent / "cache", timeout=timeout)


def test_a_notebook_is_executed_and_shown(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    notebook = execute(path)
    assert [cell["id"] for cell in notebook["cells"]] == ["cell-1", "cell-2", "cell-3"]
    assert notebooks.as_markdown(notebook) == (
        "# Small\n\nThe value $x^2$, and [lesson](../lessons/one.md#there).\n\n"
        "```python\nx = 3\nprint(x**2)\n```\n\n```text\n9\n```\n\n```python\nx + 1\n```\n\n```text\n4\n```\n"
    )
    made = json.loads(notebooks.as_ipynb(notebook, path))
    text = made["cells"][0]["source"]
    assert "<math><msup>" in text
    assert "](../../lessons/one/#there)" in text
    assert "](../lessons/one.html#there)" in notebooks.as_ipynb(notebook, path, directory_urls=False)


def test_what_came_out_is_the_same_twice_and_taken_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, SMALL)
    first = execute(path)
    (kept,) = (path.parent / "cache").iterdir()
    kept.unlink()
    assert execute(path) == first
    monkeypatch.setattr(notebooks, "_execute", None)
    assert execute(path) == first


def test_another_text_or_package_is_executed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, SMALL)
    runs: list[str] = []

    def record(text: str, *_: object) -> notebooks.Notebook:
        runs.append(text)
        return {"cells": []}

    monkeypatch.setattr(notebooks, "_execute", record)
    execute(path)
    execute(path)
    assert len(runs) == 1
    path.write_text(SMALL.replace("x = 3", "x = 4"))
    execute(path)
    assert len(runs) == 2
    (tmp_path / "packages" / "newer-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    execute(path)
    assert len(runs) == 3


def test_our_own_package_counts_where_a_notebook_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    key = notebooks._key("import gb10docs")
    monkeypatch.setattr(notebooks, "__file__", str(ROOT / "tests" / "bench" / "one.py"))
    assert notebooks._key("import gb10docs") != key


FAULTS = {
    "raises": (
        "# %%\nok = 1\n\n# %%\nfirst = 1\nfirst / 0\n",
        r"small\.py:6: cell 2 failed: ZeroDivisionError: division by zero",
    ),
    "raises in a function": (
        "# %%\ndef f():\n    raise ValueError('no')\n\n\nf()\n",
        r"small\.py:6: cell 1 failed: ValueError: no",
    ),
    "no Python": ("# %%\nok = 1\nx = (\n", r"small\.py:3: cell 1 failed: .*SyntaxError"),
    "tagged as one that may fail": (
        '# %% tags=["raises-exception"]\n1 / 0\n',
        r"small\.py:2: cell 1 failed: ZeroDivisionError",
    ),
    "never ends": (
        "# %%\nok = 1\n\n# %%\nwhile True:\n    pass\n",
        r"small\.py:5: cell 2 still runs after 2 s",
    ),
    "ends its Python": ("# %%\nimport os\n\nos._exit(3)\n", r"small\.py:2: cell 1 ended its Python"),
    "has code above its cells": ("x = 1\n# %%\nprint(x)\n", r"small\.py:1: code stands above the first cell"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_notebook_that_does_not_run_to_its_end_says_where(fault: str, tmp_path: Path) -> None:
    text, message = FAULTS[fault]
    path = write(tmp_path, text)
    with pytest.raises(BadNotebookError, match=message):
        execute(path, timeout=2)
    assert not (path.parent / "cache").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (r"# see $\bogus$", r"small\.py:1: '\\bogus' is no formula"),
        ("# see [it](../lessons/two.md)", r"small\.py:1: a link to '\.\./lessons/two\.md', which is no page"),
    ],
)
def test_text_that_cannot_be_shown_says_where(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"# %% [markdown]\n{text}\n")
    with pytest.raises(BadNotebookError, match=message):
        notebooks.as_ipynb(notebooks.read(path.read_text(), path), path)


def test_a_notebook_reads_nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "own.py").write_text("x = 'mine'\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    path = write(tmp_path, "# %%\nimport os\n\nprint('x' in globals(), len(os.listdir()))\n")
    assert "False" in notebooks.as_markdown(execute(path))


def test_what_is_no_notebook_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    (tmp_path / "docs" / "plain.py").write_text("print('no cells')\n")
    snippets = tmp_path / "docs" / "snippets"
    snippets.mkdir()
    (snippets / "copy.py").write_text(SMALL)
    assert notebooks.sources(tmp_path / "docs") == [path]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
class TestOfTheCourse:
    """Every notebook under docs/."""

    def test_is_read_as_jupytext_reads_it(self, path: Path) -> None:
        text = path.read_text()
        cells = notebooks.read(text, path)["cells"]
        assert [cell["source"] for cell in cells] == [
            cell["source"] for cell in jupytext.reads(text, fmt="py:percent").cells
        ]
        assert cells[0]["source"].startswith("# "), "a notebook begins with its title"
        lines = text.splitlines()
        assert all(lines[cell["metadata"]["line"] - 1].startswith("# %%") for cell in cells)

    def test_is_clean_under_ruff(self, path: Path) -> None:
        for command in (["check"], ["format", "--check"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, str(path)], capture_output=True, text=True, cwd=ROOT
            )
            assert done.returncode == 0, done.stdout

    def test_its_cells_run_one_after_the_other(
        self, path: Path, eval_example: EvalExample, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cells = notebooks.read(path.read_text(), path)["cells"]
        values: dict[str, object] = {}
        for cell in (cell for cell in cells if cell["cell_type"] == "code"):
            example = CodeExample.create(f"{cell['source']}\n", path=path, prefix="python")
            eval_example.set_config(ruff_line_length=110, ruff_ignore=["F821"], target_version="py310")
            eval_example.lint_ruff(example)
            values |= eval_example.run(example, module_globals=values)
            assert capsys.readouterr().out, "a cell shows something"
