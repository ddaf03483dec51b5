from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import pytest
from pytest_examples import CodeExample, EvalExample

from gb10docs.site import notebook_pages, notebooks
from gb10docs.site.notebooks import BadNotebook

ROOT = Path(__file__).parents[2]
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
    return notebooks.executed([path], path.parent / "cache", timeout=timeout)[path]


def test_a_notebook_is_executed_and_shown(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    notebook = execute(path)
    assert [cell["id"] for cell in notebook["cells"]] == ["cell-1", "cell-2", "cell-3"]
    assert notebook_pages.as_markdown(notebook) == (
        "# Small\n\nThe value $x^2$, and [lesson](../lessons/one.md#there).\n\n"
        "```python\nx = 3\nprint(x**2)\n```\n\n```text\n9\n```\n\n```python\nx + 1\n```\n\n```text\n4\n```\n"
    )
    made = json.loads(notebook_pages.as_ipynb(notebook, path))
    text = made["cells"][0]["source"]
    assert "<math><msup>" in text
    assert "](../../lessons/one/#there)" in text
    assert "](../lessons/one.html#there)" in notebook_pages.as_ipynb(notebook, path, directory_urls=False)


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

    async def record(text: str, *_: object) -> notebooks.Notebook:
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


@pytest.mark.parametrize("changed", ["formats/nvfp4.py", "data/machines.toml", "data/newer.csv"])
def test_our_own_modules_and_data_count_where_a_notebook_uses_them(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "gb10docs"
    for name in ("site/notebooks.py", "formats/nvfp4.py", "data/machines.toml"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("x = 1\n")
    monkeypatch.setattr(notebooks, "__file__", str(package / "site/notebooks.py"))
    used, unused = "from gb10docs.models.formats import nvfp4", "import numpy"
    before = notebooks._key(used, {}), notebooks._key(unused, {})
    (package / "formats/__pycache__").mkdir()
    (package / "formats/__pycache__/nvfp4.pyc").write_bytes(b"compiled")
    assert (notebooks._key(used, {}), notebooks._key(unused, {})) == before
    (package / changed).write_text("x = 2\n")
    assert notebooks._key(used, {}) != before[0]
    assert notebooks._key(unused, {}) == before[1]


DRAWING = """# %%
from gb10docs.site import figures; from gb10docs.results import plots

drawn, axes = plots.figure(height=100)
for at in range(3):
    print(at, flush=True)
plots.show(drawn, "Nothing at all is shown here.")
figures.show("block-explorer", "Drag and see.", weights="1 2")
"""


def test_a_plot_and_a_figure_are_shown_and_told(tmp_path: Path) -> None:
    notebook = execute(write(tmp_path, DRAWING))
    printed, plot, figure = notebook["cells"][0]["outputs"]
    assert printed["text"] == "0\n1\n2\n", "in one piece, however it came"
    assert 'aria-label="Nothing at all is shown here."' in "".join(plot["data"]["image/svg+xml"])
    assert 'data-figure="block-explorer"' in "".join(figure["data"]["text/html"])
    assert notebook_pages.as_markdown(notebook).endswith(
        "```text\n0\n1\n2\n```\n\n*Figure: Nothing at all is shown here.*\n\n"
        "*Figure: Drag and see. (Interactive, on the page itself.)*\n"
    )


READS = """# ---
# jupyter:
#   gb10docs:
#     reads: [../evidence/cpu.json]
# ---

# %%
print(open("cpu.json").read())
"""


def test_a_notebook_reads_the_record_that_it_names(tmp_path: Path) -> None:
    path = write(tmp_path, READS)
    record = tmp_path / "docs" / "evidence" / "cpu.json"
    record.parent.mkdir()
    for content in ("one", "two"):
        record.write_text(content)
        assert f"{content}\n" in notebook_pages.as_markdown(execute(path))


def test_a_record_that_is_not_there_is_missed(tmp_path: Path) -> None:
    path = write(tmp_path, READS)
    with pytest.raises(BadNotebook, match=r"small\.py:1: reads .*cpu\.json: cannot be read: No such file"):
        execute(path)


WAITING = """# %%
import pathlib
import time

pathlib.Path("{folder}/{mine}").touch()
while not pathlib.Path("{folder}/{other}").exists():
    time.sleep(0.01)
print("met")
"""


def test_as_many_run_at_once_as_there_are_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    paths = [tmp_path / f"{name}.py" for name in "ab"]
    for path, mine, other in zip(paths, "ab", "ba", strict=True):
        path.write_text(WAITING.format(folder=tmp_path, mine=mine, other=other))
    found = notebooks.executed(paths, tmp_path / "cache", timeout=20)
    assert list(found) == paths
    assert ["met" in notebook_pages.as_markdown(one) for one in found.values()] == [True, True]
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    for name in "ab":
        (tmp_path / name).unlink()
    with pytest.raises(BadNotebook, match=r"a\.py:2: cell 1 still runs after 1 s"):
        notebooks.executed(paths, tmp_path / "other-cache", timeout=1)


def test_when_one_fails_the_others_end_at_once_and_in_silence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    endless, failing = tmp_path / "a.py", tmp_path / "b.py"
    endless.write_text(f"# %%\nopen('{tmp_path}/begun', 'w').close()\nwhile True:\n    pass\n")
    failing.write_text(
        f"# %%\nimport os\n\nwhile not os.path.exists('{tmp_path}/begun'):\n    pass\nraise OSError('no')\n"
    )
    began = time.monotonic()
    with pytest.raises(BadNotebook, match=r"b\.py:6: cell 1 failed: OSError: no"):
        notebooks.executed([endless, failing], tmp_path / "cache", timeout=60)
    assert time.monotonic() - began < 30
    assert (capfd.readouterr().err, caplog.text) == ("", "")


def test_an_interrupt_ends_all_of_them(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(
            f"# %%\nimport os\n\nopen('{tmp_path}/{name}-' + str(os.getpid()), 'w').close()\nwhile True:\n    pass\n"
        )
    program = (
        "import pathlib, os; os.cpu_count = lambda: 2\n"
        "from gb10docs.site import notebooks\n"
        f"folder = pathlib.Path('{tmp_path}')\n"
        "notebooks.executed(sorted(folder.glob('*.py')), folder / 'cache', timeout=60)"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    begun: list[Path] = []
    while len(begun) < 2:
        assert running.poll() is None
        begun = list(tmp_path.glob("?-*"))
    running.send_signal(signal.SIGINT)
    told = running.communicate(timeout=30)[1]
    assert told.splitlines()[-1] == "KeyboardInterrupt"
    assert "unhandled" not in told
    for path in begun:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name[2:]), 0)


FAULTS = {
    "raises": (
        "# %%\nok = 1\n\n# %%\nfirst = 1\nfirst / 0\n",
        r"small\.py:6: cell 2 failed: ZeroDivisionError: division by zero",
    ),
    "raises in a function": (
        "# %%\ndef f():\n    raise ValueError('no')\n\n\nf()\n",
        r"small\.py:6: cell 1 failed: ValueError: no",
    ),
    "no Python": ("# %%\nok = 1\nx = )\n", r"small\.py:3: cell 1 failed: .*SyntaxError"),
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
    with pytest.raises(BadNotebook, match=message):
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
    with pytest.raises(BadNotebook, match=message):
        notebook_pages.as_ipynb(notebooks.read(path.read_text(), path), path)


def test_a_notebook_reads_nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "own.py").write_text("x = 'mine'\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    path = write(tmp_path, "# %%\nimport os\n\nprint('x' in globals(), len(os.listdir()))\n")
    assert "False" in notebook_pages.as_markdown(execute(path))


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
        self,
        path: Path,
        eval_example: EvalExample,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, content in notebooks._given(path.read_text(), path).items():
            (tmp_path / name).write_text(content)
        monkeypatch.chdir(tmp_path)
        cells = notebooks.read(path.read_text(), path)["cells"]
        values: dict[str, object] = {}
        for cell in (cell for cell in cells if cell["cell_type"] == "code"):
            example = CodeExample.create(f"{cell['source']}\n", path=path, prefix="python")
            values |= eval_example.run(example, module_globals=values)
            assert capsys.readouterr().out, "a cell shows something"


def prepare(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`gb10docs site prepare` on a tree with one page."""
    (root / "snippets").mkdir(exist_ok=True)
    (root / "docs" / "index.md").write_text("# Home\n")
    command = [sys.executable, "-m", "gb10docs", "site", "prepare", "--root", str(root), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_cell_that_may_fail_shows_how_it_does(tmp_path: Path) -> None:
    path = write(tmp_path, "# %% tags=[\"raises-exception\"]\n1 / 0\n\n# %%\nprint('after')\n")
    done = prepare(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    cells = json.loads(path.with_suffix(".ipynb").read_text())["cells"]
    assert [output["output_type"] for cell in cells for output in cell["outputs"]] == ["error", "stream"]
    assert "```text\nZeroDivisionError: division by zero\n```" in path.with_suffix(".txt").read_text()


@pytest.mark.parametrize("tag", ["skip-execution", "other"])
def test_no_other_tag_changes_what_is_run(tmp_path: Path, tag: str) -> None:
    write(tmp_path, f'# %% tags=["{tag}"]\n1 / 0\n')
    done = prepare(tmp_path)
    assert done.returncode == 2
    assert "small.py:2: cell 1 failed: ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"# %%\ncaf\xe9\n", "small.py:2: not UTF-8 (byte 0xe9): save it as UTF-8"),
        (b"caf\xe9\n", "small.py:1: not UTF-8 (byte 0xe9): save it as UTF-8"),
        (b'# %%\nprint("x" * 50_000_000)\n', "small.py:2: cell 1 prints more than 1 MB: print less"),
        (None, "small.py: is no file but a FIFO: put a file there"),
    ],
)
def test_a_notebook_that_cannot_be_is_told_in_a_line(tmp_path: Path, text: bytes | None, says: str) -> None:
    path = write(tmp_path, "")
    path.unlink()
    if text is None:
        os.mkfifo(path)
    else:
        path.write_bytes(text)
    done = prepare(tmp_path, "--cell-timeout", "20")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr


def test_what_a_cell_prints_is_shown_as_a_terminal_shows_it(tmp_path: Path) -> None:
    loop = 'for n in range(3):\n    print(f"\\r{n} of 3", end="", flush=True)\nprint(".\\nerror", file=sys.stderr)\n'
    path = write(tmp_path, f"# %%\nimport sys\n{loop}print()\nprint('done', flush=True)\n5\n")
    cell = execute(path)["cells"][0]
    told = [(output.get("name"), output.get("text")) for output in cell["outputs"]]
    assert told == [("stdout", "2 of 3\ndone\n"), ("stderr", ".\nerror\n"), (None, None)]
