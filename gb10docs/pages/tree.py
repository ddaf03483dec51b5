"""A folder that holds `docs/` and `snippets/`, and the pages in it by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from gb10docs.errors import GB10DocsError, did_you_mean
from gb10docs.pages.fences import BadPage
from gb10docs.pages.page import Page, page_name, read_page
from gb10docs.pages.printing import is_fit, on_one_line

SUFFIXES = (".markdown", ".md", ".mdown", ".mkd", ".mkdn")
"""The suffixes of pages, as MkDocs reads them: in small letters only."""


def refuse_unfit(path: Path, root: Path) -> None:
    """Only what lies in the tree is read and shown, under a name that can be shown.

    Raises:
        BadPage: It is a link out of the tree, or to nowhere.
        BadPage: Its name holds a line end, another control character, or what reorders text.
    """
    name = path.relative_to(root).as_posix()
    if not is_fit(name):
        raise BadPage(
            f"{root}/{on_one_line(name)}: its name holds characters that cannot be shown: rename it"
        )
    if os.path.islink(path):  # noqa: PTH114  as many as pages
        top, real = os.path.realpath(root), os.path.realpath(path)
        if not real.startswith(f"{top}/") or not os.path.exists(real):  # noqa: PTH110  as many as pages
            raise BadPage(
                f"{path}: is a link that leads out of {root}: put the file itself there, or take the link away"
            )


def find_root(given: Path | None) -> Path:
    """The tree to work in: the one given, else the nearest folder upwards with `docs/` and `snippets/`.

    Raises:
        BadPage: There is none.
    """
    start = (given or _here()).resolve()
    for folder in [start] if given else [start, *start.parents]:
        if (folder / "docs").is_dir() and (folder / "snippets").is_dir():
            return folder
    where = f"{start} does not hold" if given else f"neither {start} nor a folder above it holds"
    raise BadPage(f"{where} docs/ and snippets/: name the tree with --root DIR")


def _here() -> Path:
    """Return the folder in which the program was started.

    Raises:
        BadPage: That folder has been deleted since.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise BadPage("the folder that you are in has been deleted: go to another") from error


def page_paths(root: Path) -> dict[str, Path]:
    """Every Markdown file under `docs/` that the site shows, by the name of the page: `lessons/lesson-03`.

    Like MkDocs, it passes over whatever is hidden, such as what an editor keeps beside a page.

    Raises:
        BadPage: Two files are one page, such as `a.md` and `a.markdown`.
        BadPage: A page is a link out of the tree.
        BadPage: The name of a page cannot be shown.
    """
    refuse_unfit(root / "docs", root)
    found: dict[str, Path] = {}
    for path in sorted(path for suffix in SUFFIXES for path in (root / "docs").rglob(f"*{suffix}")):
        relative = path.relative_to(root)
        if any(part.startswith(".") for part in relative.parts):
            continue
        refuse_unfit(path, root)
        other = found.setdefault(page_name(relative.as_posix()), path)
        if other != path:
            raise BadPage(f"{path} and {other} are pages of one name: rename one")
    return found


def read_pages(root: Path, names: Iterable[str]) -> list[Page]:
    """The named pages (whole names, unique last parts, or paths), each once, in an order that respects `after`.

    Raises:
        BadPage: A name is no page, or that of several, or a page has nothing to run.
        BadPage: Pages name each other in `after`.
    """
    known = page_paths(root)
    pages = [read_page(path, root) for path in dict.fromkeys(_locate(name, root, known) for name in names)]
    for page in pages:
        if not page.steps:
            raise BadPage(f"{page.path}: has no bash or python fence, so there is nothing to run")
    asked = {page.name for page in pages}
    return [page for page in _ordered(pages, root, known) if page.name in asked]


def with_foundations(pages: Iterable[Page], root: Path) -> list[Page]:
    """The pages and those that they build on by `after`, directly or not, each after what it builds on.

    Raises:
        BadPage: An `after` names no page, or several.
        BadPage: Pages name each other in `after`.
    """
    return _ordered(pages, root, page_paths(root))


def lessons(root: Path) -> list[Page]:
    """Every page that has steps.

    Raises:
        GB10DocsError: A page is wrong.
    """
    pages, faults = readable_lessons(root)
    for fault in faults.values():
        raise fault
    return pages


def readable_lessons(root: Path) -> tuple[list[Page], dict[str, GB10DocsError]]:
    """Every page that has steps, and by page name what is wrong with those that cannot be read."""
    pages: list[Page] = []
    faults: dict[str, GB10DocsError] = {}
    for name, path in page_paths(root).items():
        try:
            page = read_page(path, root)
        except GB10DocsError as error:
            faults[name] = error
        else:
            pages += [page] if page.steps else []
    return pages, faults


def _locate(name: str, root: Path, known: Mapping[str, Path]) -> Path:
    meant = _meant(name, known)
    if len(meant) > 1:
        raise BadPage(f"'{name}' is the name of {len(meant)} pages: write {' or '.join(meant)}")
    if meant:
        return known[meant[0]]
    for base in (_here(), root, root / "docs"):
        for path in (base / f"{name}{suffix}" for suffix in ("", *SUFFIXES)):
            if path.suffix in SUFFIXES and _exists(path):
                return _among(path, root, known)
    raise BadPage(f"no page '{name}' under {root / 'docs'}: {did_you_mean(name, _short(known))}")


def _meant(name: str, known: Iterable[str]) -> list[str]:
    """The pages that a name means: the one of that whole name, else those of which it is the last part."""
    names = list(known)
    return [name] if name in names else [whole for whole in names if whole.rpartition("/")[2] == name]


def _short(known: Iterable[str]) -> list[str]:
    """The shortest name of each page that is taken: its last part, or its whole name where that is not unique."""
    names = list(known)
    lasts = {whole: whole.rpartition("/")[2] for whole in names}
    return [last if _meant(last, names) == [whole] else whole for whole, last in lasts.items()]


def _among(path: Path, root: Path, known: Mapping[str, Path]) -> Path:
    """The page of the tree that a path leads to."""
    real = path.resolve()
    found = next((page for page in known.values() if page == path or page.resolve() == real), None)
    if not found:
        raise BadPage(f"{path}: lies outside {root / 'docs'}: only what is under docs/ is a page")
    return found


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _ordered(pages: Iterable[Page], root: Path, known: Mapping[str, Path]) -> list[Page]:
    """The pages and all that they build on, each after what it builds on, which it names by whole names."""
    given = {page.name: page for page in pages}
    done: dict[str, Page] = {}

    def visit(page: Page, above: tuple[str, ...]) -> None:
        if page.name in above:
            circle = [*above[above.index(page.name) :], page.name]
            raise BadPage(
                f"{page.path}: 'after' goes in a circle: {' -> '.join(circle)}: take one of them out"
            )
        if page.name in done:
            return
        after = tuple(_foundation(name, page, known) for name in page.after)
        for name in after:
            visit(given.get(name) or read_page(known[name], root), (*above, page.name))
        done[page.name] = page._replace(after=after)

    for page in given.values():
        visit(page, ())
    return list(done.values())


def _foundation(name: str, page: Page, known: Mapping[str, Path]) -> str:
    """The whole name of a page that another names in `after`."""
    meant = _meant(name, known)
    if not meant:
        near = did_you_mean(name, _short(known))
        raise BadPage(f"{page.path}: 'after' names no page: '{name}', {near}")
    if len(meant) > 1:
        raise BadPage(
            f"{page.path}: 'after' names {len(meant)} pages by '{name}': write {' or '.join(meant)}"
        )
    return meant[0]
