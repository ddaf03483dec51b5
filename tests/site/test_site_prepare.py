from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trees import Tree

from gb10docs.cli import app
from gb10docs.errors import GB10DocsError
from gb10docs.site.output import CACHE
from gb10docs.site.prepare import GENERATED, prepare

ROOT = Path(__file__).parents[2]
NOTEBOOK = "# %% [markdown]\n# # Sums\n\n# %%\nprint(1 + 1)\n"
FILES = {
    "docs/index.md": "# Home\n\nSee [one](lessons/one.md).\n",
    "docs/lessons/one.md": '# One\n\n```bash\n--8<-- "one/hello.sh"\n```\n',
    "snippets/one/hello.sh": "# /// script\n# ///\necho hello\n",
    "snippets/one/unused.sh": "echo nobody shows this\n",
}
WRITTEN = {"index.txt", "lessons/one.json", "lessons/one.txt", "llms.txt", "snippets/one/hello.sh"}


def state(root: Path) -> dict[str, tuple[str, int]]:
    """Text and time of every file below docs/."""
    docs = root / "docs"
    return {
        path.relative_to(docs).as_posix(): (path.read_text(), path.stat().st_mtime_ns)
        for path in docs.rglob("*")
        if path.is_file()
    }


def written(root: Path) -> set[str]:
    """What is below docs/ now and was not at first, but for the Evidence page, which every tree has."""
    return {name for name in state(root) if f"docs/{name}" not in FILES} - {
        "evidence/index.md", "evidence/index.txt"
    }  # fmt: skip


def test_everything_is_written_in_its_place(tree: Tree) -> None:
    root = tree(FILES)
    changes = prepare(root, app)
    assert written(root) == WRITTEN
    assert {f"wrote docs/{name}" for name in WRITTEN} <= set(changes)
    assert (root / "docs/snippets/one/hello.sh").read_text() == FILES["snippets/one/hello.sh"]
    assert not list(root.rglob(".*.[0-9]*")), "nothing half-written is left"


def test_a_second_time_changes_nothing_and_is_quick(tree: Tree) -> None:
    root = tree(FILES)
    prepare(root, app)
    before = state(root)
    began = time.perf_counter()
    assert prepare(root, app) == []
    assert time.perf_counter() - began < 1
    assert state(root) == before


def test_a_notebook_is_executed_once(tree: Tree) -> None:
    root = tree(FILES | {"docs/sums.py": NOTEBOOK})
    assert {"wrote docs/sums.ipynb", "wrote docs/sums.txt"} <= {*prepare(root, app)}
    assert "```text\n2\n```" in (root / "docs/sums.txt").read_text()
    began = time.perf_counter()
    assert prepare(root, app) == []
    assert time.perf_counter() - began < 1
    (root / "docs/sums.py").unlink()
    assert {"removed docs/sums.ipynb", "removed docs/sums.txt"} <= {*prepare(root, app)}


def test_two_trees_come_out_alike(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tree(FILES)
    prepare(root, app)
    other = tmp_path_factory.mktemp("other")
    for name in reversed(FILES):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text(FILES[name])
    prepare(other, app)
    assert {name: text for name, (text, _) in state(other).items() if name != "llms.txt"} == {
        name: text for name, (text, _) in state(root).items() if name != "llms.txt"
    }


def test_what_has_no_source_any_more_is_removed_and_nothing_else(tree: Tree) -> None:
    root = tree(FILES | {"docs/robots.txt": "mine", "docs/data.json": "{}"})
    prepare(root, app)
    (root / "docs/lessons/one.md").unlink()
    changes = prepare(root, app)
    assert "removed docs/lessons/one.json" in changes
    assert written(root) == {"index.txt", "llms.txt", "robots.txt", "data.json"}


def test_a_list_that_was_tampered_with_removes_nothing_outside(tree: Tree) -> None:
    root = tree(FILES | {"precious.txt": "keep"})
    prepare(root, app)
    with (root / CACHE / "written.txt").open("a") as memory:
        memory.write("../precious.txt\n/etc/hostname-of-nobody\n")
    prepare(root, app)
    assert (root / "precious.txt").read_text() == "keep"


def test_reference_pages_are_written_only_into_our_own_tree(tree: Tree) -> None:
    root = tree(FILES | {"docs/reference/command-line.md": "# My own\n", "gb10docs/__init__.py": ""})
    prepare(root, app)
    assert (root / "docs/reference/command-line.md").read_text() == "# My own\n"
    assert not (root / "docs/reference/ledger.schema.json").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("docs/lessons/one.md", '```bash\n--8<-- "gone.sh"\n```\n', r"one\.md:2: no snippet 'gone\.sh'"),
        ("docs/evidence/lessons/one/cpu.json", "{", r"cpu\.json: no ledger"),
        (
            "docs/evidence/lessons/one/gb10.json",
            '{"schema": "gb10docs.ledger/2"}',
            r"gb10\.json: written by a newer",
        ),
        ("docs/sums.py", "# %%\n1 / 0\n", r"sums\.py:2: cell 1 failed: ZeroDivisionError"),
    ],
)
def test_what_is_wrong_stops_it_with_file_and_reason(tree: Tree, name: str, text: str, message: str) -> None:
    root = tree(FILES | {name: text})
    with pytest.raises(GB10DocsError, match=message):
        prepare(root, app)


def test_what_is_generated_is_in_no_commit() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {*GENERATED, ".cache/"} <= set(ignored)
    assert ignored.index("!docs/evidence/**/*.json") > ignored.index("docs/**/*.json")
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--", *(f":(glob){one}" for one in GENERATED)],
        capture_output=True,
        text=True,
    )
    committed = [name for name in listed.stdout.split() if not name.startswith("docs/evidence/lessons/")]
    assert [name for name in committed if not name.endswith(".json") or "evidence" not in name] == []


def test_the_program_says_what_it_did(tree: Tree) -> None:
    root = tree(FILES | {"docs/sums.py": NOTEBOOK})
    command = [sys.executable, "-m", "gb10docs", "site", "prepare", "--root", str(root)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GB10DOCS_")}
    first, second = (
        subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment) for _ in range(2)
    )
    assert (first.returncode, first.stderr) == (0, "")
    assert "wrote docs/llms.txt" in first.stdout.splitlines()
    assert second.stdout == "nothing has changed\n"
    (root / "docs/sums.py").write_text("# %%\nwhile True:\n    pass\n")
    hung = subprocess.run([*command, "--cell-timeout", "1"], capture_output=True, text=True, cwd=ROOT)
    assert hung.returncode == 2
    assert hung.stderr == f"gb10docs: {root}/docs/sums.py:2: cell 1 still runs after 1 s: make it faster\n"
