"""What the site holds besides its pages, written before the build, which executes nothing.

Everything goes to its place below `docs/`, because that is the one folder that MkDocs and Zensical both read:

- committed: `docs/reference/*.md` and the tables of `docs/engines/*.md`, made from the program and its data, so a
  change of those shows in a diff;
- in no commit (`.gitignore` lists them): notebooks `*.ipynb`, the Evidence page, the JSON Schemas, raw
  snippets under `docs/snippets/`, and beside each page its Markdown twin `lesson-03.txt` and its steps
  `lesson-03.json`.

What was written last time and has no source any more is removed; `.cache/gb10docs/` remembers it, and keeps
executed notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gb10docs
from gb10docs import evidence_page, schemas
from gb10docs.atomic import CannotWriteError, write_text
from gb10docs.pages import read_page
from gb10docs.site import contracts, engines, notebooks, reference, steps_json, twins
from gb10docs.tree import page_paths

CACHE = ".cache/gb10docs"
GENERATED = ("docs/**/*.ipynb", "docs/**/*.json", "docs/**/*.txt", "docs/snippets/", "docs/evidence/index.md")
"""What `.gitignore` lists, with `!docs/evidence/**/*.json` after it: ledgers are committed."""

Files = dict[str, str]
"""Text by path below `docs/`, with forward slashes."""


def prepare(root: Path, *, cell_timeout: float = 60.0, directory_urls: bool = True) -> list[str]:
    """Write what the site holds besides its pages; returns what has changed, in words.

    `cell_timeout` is in seconds; `directory_urls` is MkDocs' `use_directory_urls`, off in an offline site.

    Raises:
        GB10DocsError: A page, snippet, ledger or notebook is wrong; the message says where.
    """
    docs = root / "docs"
    executed = notebooks.executed(notebooks.sources(docs), root / CACHE / "notebooks", timeout=cell_timeout)
    files: Files = {
        path.relative_to(docs).with_suffix(".ipynb").as_posix(): notebooks.as_ipynb(
            notebook, path, directory_urls=directory_urls
        )
        for path, notebook in executed.items()
    }
    files |= _evidence_page(root)
    committed = {**_engine_pages(root), **_reference_pages(root)}
    done = [*_write(docs, committed), *_write(docs, files)]
    rest = {**_schemas(root), **_snippets_and_steps(root), **_twins(root, executed)}
    return [*done, *_write(docs, rest), *_tidy(root, sorted({*files, *rest}))]


def _reference_pages(root: Path) -> Files:
    """Those of this program, where it is this tree's own."""
    if not _is_ours(root):
        return {}
    from gb10docs.cli import app

    made = {f"{reference.FOLDER}/{name}": text for name, text in reference.pages(app).items()}
    return {**made, contracts.PAGE: contracts.page()}


def _engine_pages(root: Path) -> Files:
    """Pages that hold tables of what engines do."""
    return engines.pages(root) if _is_ours(root) else {}


def _evidence_page(root: Path) -> Files:
    return {"evidence/index.md": evidence_page.render(root)}


def _schemas(root: Path) -> Files:
    found = schemas.generate() if _is_ours(root) else {}
    return {f"{reference.FOLDER}/{name}": text for name, text in found.items()}


def _snippets_and_steps(root: Path) -> Files:
    """Of each page with steps: the steps as JSON, and every snippet with its header."""
    files: Files = {}
    for path in _pages(root):
        page = read_page(path, root)
        if page.steps:
            name = path.relative_to(root / "docs").with_suffix(".json").as_posix()
            files[name] = steps_json.steps_json(page, root)
        files |= {step.snippet.place: step.snippet.text for step in page.steps}
    return files


def _twins(root: Path, executed: dict[Path, notebooks.Notebook]) -> Files:
    made = [twins.twin(path, root) for path in _pages(root)]
    made += [
        twins.notebook_twin(path, root, notebooks.as_markdown(notebook))
        for path, notebook in executed.items()
    ]
    files = {one.file: one.text for one in made}
    return {**files, "llms.txt": twins.llms_txt(twins.read_site(root), made)}


def _pages(root: Path) -> list[Path]:
    return sorted(page_paths(root).values())


def _is_ours(root: Path) -> bool:
    """Whether the program that runs is the one in this tree."""
    return (root / "gb10docs").resolve() == Path(gb10docs.__file__).parent.resolve()


def _write(docs: Path, files: Files) -> Iterator[str]:
    """Write what is not so already."""
    for name, text in sorted(files.items()):
        path = docs / name
        if not path.is_file() or path.read_bytes() != text.encode():
            write_text(path, text)
            yield f"wrote docs/{name}"


def _tidy(root: Path, names: list[str]) -> Iterator[str]:
    """Remove what was written last time and is not written any more."""
    memory = root / CACHE / "written.txt"
    before = memory.read_text(encoding="utf-8").splitlines() if memory.is_file() else []
    for name in sorted({*before} - {*names}):
        path = root / "docs" / name
        if path.is_file() and path.resolve().is_relative_to((root / "docs").resolve()):
            try:
                path.unlink()
            except OSError as error:
                raise CannotWriteError(f"{path}: cannot be removed: {error.strerror}") from error
            yield f"removed docs/{name}"
    if before != names:
        write_text(memory, "".join(f"{name}\n" for name in names))
