"""A folder that holds `docs/` and `snippets/`, and the pages in it by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def page_paths(root: Path) -> dict[str, list[Path]]:
    """Every Markdown file under `docs/`, by stem."""
    found: dict[str, list[Path]] = {}
    for path in sorted((root / "docs").rglob("*.md")):
        found.setdefault(path.stem, []).append(path)
    return found


def read_pages(root: Path, names: Iterable[str]) -> list[Page]:
    """The named pages (names or paths), each once, in an order that respects `after`.

    Raises:
        NoSuchPage: A name is no page, or that of several, or a page has nothing to run.
        BadOrder: Pages name each other in `after`, or two have one name.
    """
    known = page_paths(root)
    pages: dict[str, Page] = {}
    for path in dict.fromkeys(_locate(name, root, known) for name in names):
        page = read_page(path, root)
        if not page.steps:
            raise NoSuchPage(f"{path}: has no bash or python fence, so there is nothing to run")
        if page.name in pages:
            raise BadOrder(f"{path} and {pages[page.name].path} have one name: run one, then the other")
        pages[page.name] = page
    return [page for page in _ordered(pages, root, known) if page.name in pages]


def with_foundations(pages: Iterable[Page], root: Path) -> list[Page]:
    """The pages and those that they build on by `after`, directly or not, each after what it builds on."""
    return _ordered({page.name: page for page in pages}, root, page_paths(root))


def lessons(root: Path) -> list[Page]:
    """Every page that has steps."""
    pages = (read_page(path, root) for paths in page_paths(root).values() for path in paths)
    return [page for page in pages if page.steps]


def _locate(name: str, root: Path, known: Mapping[str, list[Path]]) -> Path:
    if name in known:
        return _only(known[name], name, root)
    for base in (Path.cwd(), root, root / "docs"):
        path = base / (name if name.endswith(".md") else f"{name}.md")
        if _exists(path):
            return path.resolve()
    raise NoSuchPage(f"no page '{name}' under {root / 'docs'}: {did_you_mean(name, known)}")


def _only(paths: list[Path], name: str, root: Path) -> Path:
    if len(paths) > 1:
        written = " or ".join(path.relative_to(root).as_posix() for path in paths)
        raise NoSuchPage(f"'{name}' is the name of {len(paths)} pages: write {written}")
    return paths[0].resolve()


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _ordered(pages: Mapping[str, Page], root: Path, known: Mapping[str, list[Path]]) -> list[Page]:
    """The pages and all that they build on, each after what it builds on."""
    done: dict[str, Page] = {}

    def visit(page: Page, above: tuple[str, ...]) -> None:
        if page.name in above:
            circle = [*above[above.index(page.name) :], page.name]
            raise BadOrder(
                f"{page.path}: 'after' goes in a circle: {' -> '.join(circle)}: take one of them out"
            )
        if page.name in done:
            return
        for earlier in page.after:
            if earlier not in known and earlier not in pages:
                raise NoSuchPage(
                    f"{page.path}: 'after' names no page: '{earlier}', {did_you_mean(earlier, known)}"
                )
            visit(
                pages.get(earlier) or read_page(_only(known[earlier], earlier, root), root),
                (*above, page.name),
            )
        done[page.name] = page

    for page in pages.values():
        visit(page, ())
    return list(done.values())
