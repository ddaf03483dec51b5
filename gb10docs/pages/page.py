"""A Markdown file read as a Page: its front matter and, in order, its steps."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from gb10docs.errors import did_you_mean
from gb10docs.pages import yaml_text
from gb10docs.pages.fences import BadPage, Fence, fences, front_matter_length, page_lines
from gb10docs.pages.includes import refuse_hidden_commands
from gb10docs.pages.printing import is_fit, on_one_line, printable
from gb10docs.pages.snippet import LANGUAGES, BadSnippet, Snippet, read_snippet, read_text

_INCLUDE = re.compile(r'-{1,}8<-{1,} +"([^"]+)"')


class Step(NamedTuple):
    """One snippet at its place on a page."""

    id: str
    """A name such as `lesson-03/serve-trtllm`, with the last part of the page's name: unique on the page only."""
    snippet: Snippet
    page: str
    """The page's path below the root, with forward slashes."""
    line: int
    """Line of the include on the page."""
    in_tab: bool

    @property
    def name(self) -> str:
        """The id less its page."""
        return self.id.rpartition("/")[2]

    @property
    def key(self) -> str:
        """A name such as `lessons/lesson-03/serve-trtllm`, with the page's whole name: unique in the tree."""
        return f"{page_name(self.page)}/{self.name}"


class Page(NamedTuple):
    """A Markdown file under `docs/`: the plan of what a reader does, top to bottom."""

    path: Path
    name: str
    """Its path below `docs/` less the suffix: `lessons/lesson-03`."""
    relative: str
    """Below the root, with forward slashes: `docs/lessons/lesson-03.md`."""
    title: str
    after: tuple[str, ...]
    """Names of the pages that it builds on, as it writes them; once read with its tree, their whole names."""
    steps: tuple[Step, ...]


def read_page(path: Path, root: Path) -> Page:
    """Read a page and every snippet that it includes.

    Raises:
        BadPage: The page is unreadable or empty, a fence is never closed or is not one include.
        BadSnippet: A snippet is missing or wrong.
    """
    try:
        text = read_text(path)
    except BadSnippet as error:
        raise BadPage(str(error)) from error
    if not text.strip():
        raise BadPage(f"{path}:1: the page is empty: write it, or take it away")
    lines = page_lines(text)
    front = _front_matter(lines, path)
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    of_page = list(fences(text, path))
    refuse_hidden_commands(lines, of_page, path, root)
    found = [(fence, _include(fence, path)) for fence in of_page if fence.runs]
    steps = tuple(_steps(found, path, relative, root / "snippets"))
    title = " ".join(printable(front_matter_text(front, "title", path) or _title(lines, path)).split())
    return Page(path, page_name(relative), relative, title, _after(front, lines, path), steps)


def page_name(relative: str) -> str:
    """The name of the page that lies there below the root: `lessons/lesson-03`."""
    return PurePosixPath(relative.removeprefix("docs/")).with_suffix("").as_posix()


def included(fence: Fence) -> str:
    """The snippet that a bash or Python fence shows: one include and nothing else; empty if it has none."""
    body = [line.strip() for line in fence.body if line.strip()]
    match = _INCLUDE.fullmatch(body[0]) if fence.runs and len(body) == 1 else None
    return PurePosixPath(match[1]).as_posix() if match else ""


def _include(fence: Fence, path: Path) -> str:
    name = included(fence)
    if name:
        return name
    body = enumerate(fence.body, fence.line + 1)
    another = next((number for number, line in body if line.strip().startswith(fence.marks)), 0)
    if another:
        raise BadPage(
            f"{path}:{fence.line}: the fence is not closed before another begins on line {another}: close it"
        )
    raise BadPage(
        f"{path}:{fence.line}: a {fence.language} fence holds exactly one line, an include of a whole file, "
        f'such as --8<-- "{path.stem}/name{_SUFFIX[fence.language]}": put its text into a snippet'
    )


def _steps(found: list[tuple[Fence, str]], path: Path, relative: str, snippets: Path) -> Iterator[Step]:
    ids = _ids([name for _, name in found], path.stem)
    real_folder = cache(os.path.realpath)
    for (fence, name), step_id in zip(found, ids, strict=True):
        line = fence.line + 1 + next(n for n, line in enumerate(fence.body) if line.strip())
        snippet = read_snippet(_file(snippets, name, f"{path}:{line}", real_folder), name)
        _refuse_misfit(snippet, fence, f"{path}:{line}")
        yield Step(step_id, snippet, relative, line, bool(fence.tabs))


def _file(snippets: Path, name: str, at: str, real_folder: Callable[[str], str]) -> Path:
    """The file that an include names; BadPage where it is missing or outside, also by a link."""
    if not is_fit(name):
        shown = on_one_line(name)
        raise BadPage(f"{at}: the name '{shown}' holds characters that cannot be shown: rename the snippet")
    file = os.path.join(snippets, name)  # noqa: PTH118  a site has thousands, and a Path takes longer
    inside, folder = f"{real_folder(str(snippets))}/", file.rpartition("/")[0]
    try:
        mode = os.lstat(file).st_mode
        is_link = stat.S_ISLNK(mode)
        real = os.path.realpath(file) if is_link else f"{real_folder(folder)}/"
        exists = Path(file).is_file() if is_link else stat.S_ISREG(mode)
    except (OSError, ValueError):
        real, exists = inside, False
    if not real.startswith(inside) or ".." in name.split("/"):
        raise BadPage(f"{at}: '{name}' lies outside {snippets}: a page includes only what is under snippets/")
    if not exists and os.path.lexists(file):
        raise BadPage(f"{at}: no snippet '{name}' under {snippets}: what lies there is no file")
    if not exists and ":" in name:
        raise BadPage(
            f"{at}: '{name}' names a part of a file, which is not supported, since a snippet runs as a whole: "
            f"include '{name.partition(':')[0]}', or make the part a snippet of its own"
        )
    if not exists:
        known = (p.relative_to(snippets).as_posix() for p in snippets.rglob("*") if p.suffix in LANGUAGES)
        raise BadPage(f"{at}: no snippet '{name}' under {snippets}: {did_you_mean(name, known)}")
    return Path(file)


def _refuse_misfit(snippet: Snippet, fence: Fence, at: str) -> None:
    """A snippet that the fence around it cannot show, or the place it stands in does not allow."""
    if snippet.language != fence.language:
        raise BadPage(
            f"{at}: a {fence.language} fence includes '{snippet.name}', which is {snippet.language}"
        )
    if any(line.rstrip() == fence.marks for line in snippet.body.split("\n")):
        raise BadPage(
            f"{at}: '{snippet.name}' holds a line '{fence.marks}', which ends this fence: use a longer one"
        )
    header = snippet.header
    if fence.tabs and (header.server or header.stops or header.makes):
        raise BadPage(
            f"{at}: '{snippet.name}' stands in a content tab; tabs are alternatives, "
            "so it cannot serve, stop or make: move it out of the tab"
        )


def _ids(names: list[str], page: str) -> list[str]:
    """`page/stem`; with the suffix where two files share a stem, and a number where an id comes twice."""
    files = {name: name.rpartition("/")[2] for name in names}
    stems = {name: file.rpartition(".")[0] or file for name, file in files.items()}
    twins = Counter(stems.values())
    numbers: dict[str, Iterator[int]] = {}
    ids: dict[str, None] = {}
    for name in names:
        base = found = f"{page}/{files[name] if twins[stems[name]] > 1 else stems[name]}"
        while found in ids:
            found = f"{base}-{next(numbers.setdefault(base, count(2)))}"
        ids[found] = None
    return list(ids)


def _front_matter(lines: list[str], path: Path) -> dict[str, Any]:
    end = front_matter_length(lines)
    if not end:
        return {}
    import yaml

    try:
        front = yaml_text.load("\n".join(lines[1 : end - 1])) or {}
    except yaml_text.TooLarge as error:
        raise BadPage(
            f"{path}:1: the front matter cannot be read: {error}: write it without aliases"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise BadPage(
            f"{path}:{mark.line + 2 if mark else 1}: the front matter is no valid YAML: mend it"
        ) from error
    if not isinstance(front, dict):
        raise BadPage(f"{path}:2: the front matter is no table of keys: write it as title: …")
    return front


def front_matter_text(front: dict[str, Any], key: str, path: Path) -> str:
    """What the front matter says in words; empty where it says nothing.

    Raises:
        BadPage: It is a list or a table.
    """
    value = front.get(key)
    if isinstance(value, list | dict | set):
        raise BadPage(f"{path}:1: '{key}' is a list or a table: write it as one text")
    return "" if value is None else str(value)


def _after(front: dict[str, Any], lines: list[str], path: Path) -> tuple[str, ...]:
    after = front.get("after", [])
    if not isinstance(after, list) or not all(isinstance(name, str) for name in after):
        line = next((n for n, text in enumerate(lines, start=1) if text.startswith("after")), 2)
        raise BadPage(f"{path}:{line}: 'after' is a list of page names: write it as [lesson-01]")
    return tuple(after)


def _title(lines: list[str], path: Path) -> str:
    heading = next((line for line in lines if line.startswith("# ")), "")
    return heading.strip("# ") or path.stem


_SUFFIX: dict[str, str] = {language: suffix for suffix, language in LANGUAGES.items()}
