"""A folder that holds `docs/` and `snippets/`, and the pages in it by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gb10docs.errors import GB10DocsError, did_you_mean
from gb10docs.pages import Page, read_page


class NoSuchPage(GB10DocsError):
    """A name or path that is no page of the tree."""


class BadOrder(GB10DocsError):
    """Pages that name each other in `after`."""


def find_root(given: Path | None) -> Path:
    """The tree to work in: the one given, else the nearest folder upwards with `docs/` and `snippets/`."""
    start = (given or Path.cwd()).resolve()
    for folder in [start] if given else [start, *start.parents]:
        if (folder / "docs").is_dir() and (folder / "snippets").is_dir():
            return folder
    where = f"{start} does not hold" if given else f"neither {start} nor a folder above it holds"
    raise NoSuchPage(f"{where} docs/ and snippets/: name the tree with --root DIR")


def page_paths(root: Path) -> dict[str, Path]:
    """Every Markdown file under `docs/`, by stem; of two with one stem, the first by path."""
    found: dict[str, Path] = {}
    for path in sorted((root / "docs").rglob("*.md")):
        found.setdefault(path.stem, path)
    return found


def read_pages(root: Path, names: Iterable[str]) -> list[Page]:
    """The named pages (names or paths), each once, in an order that respects `after`."""
    known = page_paths(root)
    pages = [read_page(_locate(name, root, known), root) for name in dict.fromkeys(names)]
    return _ordered({page.name: page for page in pages}, root, known)


def lessons(root: Path) -> list[Page]:
    """Every page that has steps."""
    return [page for page in (read_page(path, root) for path in page_paths(root).values()) if page.steps]


def _locate(name: str, root: Path, known: dict[str, Path]) -> Path:
    if name in known:
        return known[name]
    for base in (Path.cwd(), root, root / "docs"):
        path = base / name
        if path.is_file():
            return path.resolve()
    raise NoSuchPage(f"no page '{name}' under {root / 'docs'}: {did_you_mean(name, known)}")


def _ordered(pages: dict[str, Page], root: Path, known: dict[str, Path]) -> list[Page]:
    done: dict[str, Page] = {}

    def visit(page: Page, above: tuple[str, ...]) -> None:
        if page.name in above:
            raise BadOrder(f"{page.path}: 'after' goes in a circle: {' -> '.join([*above, page.name])}")
        if page.name in done:
            return
        for earlier in page.after:
            if earlier not in known:
                raise NoSuchPage(f"{page.path}: 'after' names no page: '{earlier}', {did_you_mean(earlier, known)}")
            visit(pages.get(earlier) or read_page(known[earlier], root), (*above, page.name))
        done[page.name] = page

    for page in pages.values():
        visit(page, ())
    return [page for name, page in done.items() if name in pages]
