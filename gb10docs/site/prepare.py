"""What the site holds besides its pages, written before the build, which executes nothing.

Everything goes to its place below `docs/`, because that is the one folder that MkDocs and Zensical both read:

- committed: `docs/reference/*.md` and the tables of `docs/engines/*.md`, made from the program and its data, so a
  change of those shows in a diff;
- in no commit (`.gitignore` lists them): notebooks `*.ipynb`, the Evidence page, the JSON Schemas, raw
  snippets under `docs/snippets/`, and beside each page its Markdown twin `lesson-03.txt` and its steps
  `lesson-03.json`.

What was written last time and has no source any more is removed; `.cache/gb10docs/` remembers it, and keeps
executed notebooks. Whatever of yours is in the place of one of these stops it before anything is written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click

import gb10docs
from gb10docs.atomic import read_inside, write_inside
from gb10docs.evidence.inputs import Pins
from gb10docs.pages.fences import BadPage
from gb10docs.pages.page import read_page
from gb10docs.pages.tree import page_paths, refuse_unfit
from gb10docs.privacy import secrets
from gb10docs.run.interrupts import Signals
from gb10docs.site import (
    contracts,
    engines,
    evidence_page,
    notebook_pages,
    notebooks,
    reference,
    schemas,
    steps_json,
    twins,
)
from gb10docs.site.output import CACHE, Files, Output

GENERATED = ("docs/**/*.ipynb", "docs/**/*.json", "docs/**/*.txt", "docs/snippets/", "docs/evidence/index.md")
"""What `.gitignore` lists, with `!docs/evidence/**/*.json` after it: ledgers are committed."""
_EVIDENCE = "evidence/index.md"


def prepare(
    root: Path,
    app: click.Group,
    *,
    cell_timeout: float = 60.0,
    directory_urls: bool = True,
    signals: Signals | None = None,
) -> list[str]:
    """Write what the site holds besides its pages; returns what has changed, in words.

    Args:
        root: The tree.
        app: The command line that the reference describes.
        cell_timeout: Seconds that a cell of a notebook may take.
        directory_urls: MkDocs' `use_directory_urls`, off in an offline site.
        signals: Those that it ends on, in good order; none where they are somebody else's.

    Raises:
        GB10DocsError: A page, snippet, ledger or notebook is wrong, or a file of yours is in the way; the message
            says where.
        Interrupted: A signal has come.
    """
    go_on = signals.take if signals else _nothing
    _refuse_links(root)
    done = [*_write_committed(root, app, go_on)]
    executed = notebooks.executed(
        notebooks.sources(root / "docs"),
        root / CACHE / "notebooks",
        timeout=cell_timeout,
        mask=secrets.of_tree(root).text,
        signals=signals,
    )
    files: Files = {
        path.relative_to(root / "docs").with_suffix(".ipynb").as_posix(): notebook_pages.as_ipynb(
            notebook, path, directory_urls=directory_urls
        )
        for path, notebook in executed.items()
    }
    pins = Pins(root)
    files[_EVIDENCE] = evidence_page.render(pins)
    files |= {**_schemas(root), **_snippets_and_steps(pins), **_twins(pins, executed, files[_EVIDENCE])}
    return [*done, *Output(root).write(files, go_on)]


def _nothing() -> None:
    pass


def _refuse_links(root: Path) -> None:
    """What is copied to the site lies in the tree, whatever it is, and so does what is remembered."""
    for folder, folders, names in os.walk(root / "docs"):
        for name in (*folders, *names):
            path = Path(folder, name)
            if path.is_symlink():
                refuse_unfit(path, root)
    for place in (CACHE, f"{CACHE}/notebooks"):
        if (root / place).resolve() != root.resolve() / place:
            raise BadPage(f"{root / place}: lies behind a link: take the link away")


def _write_committed(root: Path, app: click.Group, go_on: Callable[[], None]) -> Iterator[str]:
    """The pages of this program's own tree that are made from it; git keeps what they were."""
    for name, text in sorted({**_engine_pages(root), **_reference_pages(root, app)}.items()):
        go_on()
        if read_inside(root, f"docs/{name}") != text.encode():
            write_inside(root, f"docs/{name}", text)
            yield f"wrote docs/{name}"


def _reference_pages(root: Path, app: click.Group) -> Files:
    """Those of this program, where it is this tree's own."""
    if not _is_ours(root):
        return {}
    made = {f"{reference.FOLDER}/{name}": text for name, text in reference.pages(app).items()}
    return {**made, contracts.PAGE: contracts.page()}


def _engine_pages(root: Path) -> Files:
    """Pages that hold tables of what engines do."""
    return engines.pages(root) if _is_ours(root) else {}


def _schemas(root: Path) -> Files:
    found = schemas.generate() if _is_ours(root) else {}
    return {f"{reference.FOLDER}/{name}": text for name, text in found.items()}


def _snippets_and_steps(pins: Pins) -> Files:
    """The files of each page with steps: the steps as JSON, and every snippet with its header."""
    files: Files = {}
    root = pins.root
    for path in _pages(root):
        page = read_page(path, root)
        if page.steps:
            name = path.relative_to(root / "docs").with_suffix(".json").as_posix()
            files[name] = steps_json.steps_json(page, pins)
        files |= {step.snippet.place: step.snippet.text for step in page.steps}
    return files


def _twins(pins: Pins, executed: dict[Path, notebooks.Notebook], evidence: str) -> Files:
    """The twins of every page, the Evidence page as it will be among them, and of every notebook."""
    root = pins.root
    generated = root / "docs" / _EVIDENCE
    made = [twins.twin(path, pins) for path in _pages(root) if path != generated]
    made.append(twins.text_twin(generated, root, evidence))
    made.sort(key=lambda one: one.file)
    made += [
        twins.notebook_twin(path, root, notebook_pages.as_markdown(notebook))
        for path, notebook in executed.items()
    ]
    files = {one.file: one.text for one in made}
    return {**files, "llms.txt": twins.llms_txt(twins.read_site(root), made)}


def _pages(root: Path) -> list[Path]:
    return sorted(page_paths(root).values())


def _is_ours(root: Path) -> bool:
    """Whether the program that runs is the one in this tree."""
    return (root / "gb10docs").resolve() == Path(gb10docs.__file__).parent.resolve()
