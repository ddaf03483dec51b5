"""A Markdown file read as a Page: its front matter and, in order, its steps.

A line scanner, not a Markdown parser: it has to know only where a fence begins and ends, in the places where
Python-Markdown and pymdown-extensions draw one (top level, lists, tabs, admonitions, details), and which text
looks like a fence and is none (comments, longer fences, indented code). The site uses the same scanner.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gb10docs.errors import GB10DocsError, did_you_mean
from gb10docs.snippets import LANGUAGES, BadSnippet, Snippet, read_snippet, read_text

_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,}) *(?P<info>[^`\n]*)$")
_INCLUDE = re.compile(r'^-{1,}8<-{1,} +"([^"]+)"$')
_CONTAINER = re.compile(r'^(?P<indent> *)(?:(?:===[!+]?|!!!|\?\?\?\+?) |(?:[-*+]|\d+[.)]) +)')
_TAB = re.compile(r"^ *===[!+]? ")
_LANGUAGE = re.compile(r"^\{? *\.?(?P<name>[\w-]+)")
_NAMES = {"bash": "bash", "sh": "bash", "shell": "bash", "python": "python", "py": "python"}


class BadPage(GB10DocsError):
    """A page that cannot be read; the message begins with file:line."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block on a page; lines are counted from 1."""

    line: int
    language: str
    body: tuple[str, ...]
    tabs: int
    """How many content tabs it is in."""


@dataclass(frozen=True, slots=True)
class Step:
    """One snippet at its place on a page."""

    id: str
    """As in `lesson-03/serve-trtllm`."""
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


@dataclass(frozen=True, slots=True)
class Page:
    """A Markdown file under `docs/`: the plan of what a reader does, top to bottom."""

    path: Path
    name: str
    """The file's stem: `lesson-03`."""
    relative: str
    """Below the root, with forward slashes: `docs/lessons/lesson-03.md`."""
    title: str
    after: tuple[str, ...]
    """Names of the pages that it builds on."""
    steps: tuple[Step, ...] = field(repr=False)


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
        raise BadPage(f"{path}:1: the page is empty")
    front = _front_matter(text, path)
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    found = [(fence, _include(fence, path)) for fence in fences(text, path) if fence.language in _NAMES.values()]
    steps = tuple(_steps(found, path, relative, root / "snippets"))
    return Page(path, path.stem, relative, front.get("title") or _title(text, path), _after(front, path), steps)


def fences(text: str, path: Path) -> Iterator[Fence]:
    """Every fenced block that a reader sees as one, outermost only."""
    lines = text.splitlines()
    containers: list[tuple[int, bool]] = []
    number = _front_matter_lines(lines)
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.lstrip().startswith("<!--"):
            number = _end_of_comment(lines, number - 1)
            continue
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip(" "))
        while containers and indent < containers[-1][0]:
            containers.pop()
        base = containers[-1][0] if containers else 0
        if indent - base >= 4:
            continue
        match = _FENCE.match(line)
        if match:
            end = _end_of_fence(lines, number, match["marks"])
            if end is None:
                raise BadPage(f"{path}:{number}: the fence is never closed: end it with a line '{match['marks']}'")
            named = _LANGUAGE.match(match["info"])
            language = named["name"].lower() if named else ""
            four = len(match["marks"]) > 3
            yield Fence(
                number, "" if four else _NAMES.get(language, language), tuple(lines[number:end]), sum(tab for _, tab in containers)
            )
            number = end + 1
        elif _CONTAINER.match(line):
            containers.append((base + 4, bool(_TAB.match(line))))


def _end_of_fence(lines: list[str], start: int, marks: str) -> int | None:
    for number in range(start, len(lines)):
        text = lines[number].strip()
        if text.startswith(marks) and not text.strip(marks[0]):
            return number
    return None


def _end_of_comment(lines: list[str], start: int) -> int:
    for number in range(start, len(lines)):
        if "-->" in lines[number]:
            return number + 1
    return len(lines)


def _include(fence: Fence, path: Path) -> str:
    body = [line.strip() for line in fence.body if line.strip()]
    match = _INCLUDE.match(body[0]) if len(body) == 1 else None
    if match is None:
        raise BadPage(
            f"{path}:{fence.line}: a {fence.language} fence holds exactly one line, an include of a whole file "
            f'such as --8<-- "{path.stem}/name{_SUFFIX[fence.language]}": move its text into a file under snippets/'
        )
    return match[1]


def _steps(found: list[tuple[Fence, str]], path: Path, relative: str, snippets: Path) -> Iterator[Step]:
    ids = _ids([name for _, name in found], path.stem)
    for (fence, name), step_id in zip(found, ids, strict=True):
        at = fence.line + 1 + next(n for n, line in enumerate(fence.body) if line.strip())
        file = (snippets / name).resolve()
        if not file.is_relative_to(snippets.resolve()):
            raise BadPage(f"{path}:{at}: '{name}' lies outside {snippets}: a page includes only what is under snippets/")
        if not file.is_file():
            known = (p.relative_to(snippets).as_posix() for p in snippets.rglob("*") if p.suffix in LANGUAGES)
            raise BadPage(f"{path}:{at}: no snippet '{name}' under {snippets}: {did_you_mean(name, known)}")
        snippet = read_snippet(snippets / name, name)
        if snippet.language != fence.language:
            raise BadPage(f"{path}:{at}: a {fence.language} fence includes '{name}', which is {snippet.language}")
        header = snippet.header
        if fence.tabs and (header.serves or header.stops or header.makes):
            raise BadPage(
                f"{path}:{at}: '{name}' stands in a content tab; tabs are alternatives, so it cannot serve, stop or make"
            )
        yield Step(step_id, snippet, relative, at, bool(fence.tabs))


def _ids(names: list[str], page: str) -> list[str]:
    """`page/stem`; the file's suffix is added where two languages share a stem, a number where a file comes twice."""
    files = Counter(Path(name).stem for name in set(names))
    seen: Counter[str] = Counter()
    ids = []
    for name in names:
        file = Path(name)
        base = f"{page}/{file.name if files[file.stem] > 1 else file.stem}"
        seen[base] += 1
        ids.append(base if seen[base] == 1 else f"{base}-{seen[base]}")
    return ids


def _front_matter_lines(lines: list[str]) -> int:
    if not lines or lines[0].rstrip() != "---":
        return 0
    return next((n + 1 for n, line in enumerate(lines[1:], start=1) if line.rstrip() in {"---", "..."}), 0)


def _front_matter(text: str, path: Path) -> dict[str, Any]:
    lines = text.splitlines()
    end = _front_matter_lines(lines)
    if not end:
        return {}
    import yaml

    try:
        front = yaml.safe_load("\n".join(lines[1 : end - 1])) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadPage(f"{path}:{mark.line + 2 if mark else 1}: the front matter is no valid YAML") from error
    if not isinstance(front, dict):
        raise BadPage(f"{path}:2: the front matter is no table of keys")
    return front


def _after(front: dict[str, Any], path: Path) -> tuple[str, ...]:
    after = front.get("after", [])
    if not isinstance(after, list) or not all(isinstance(name, str) for name in after):
        raise BadPage(f"{path}:2: 'after' is a list of page names, as in [lesson-01], got {after!r}")
    return tuple(after)


def _title(text: str, path: Path) -> str:
    heading = re.search(r"^# +(.+)$", text, re.MULTILINE)
    return heading[1].strip() if heading else path.stem


_SUFFIX = {language: suffix for suffix, language in LANGUAGES.items()}
