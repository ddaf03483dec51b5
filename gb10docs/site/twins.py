"""The site for agents: each page as one Markdown text with commands and evidence, and `llms.txt` over them.

A twin is named after its page and ends in `.txt`, as `llms.txt` does: MkDocs and Zensical render every `.md`
below `docs/`, and copy a `.txt` as it is; a browser shows it instead of saving it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gb10docs.evidence.inputs import Pins
from gb10docs.evidence.rows import rows_of, say
from gb10docs.pages import yaml_text
from gb10docs.pages.fences import fences, front_matter_length, page_lines
from gb10docs.pages.page import Page, front_matter_text, read_page
from gb10docs.pages.site_settings import site_settings

_LINK = re.compile(
    r"(\]\(<?|^ {0,3}\[[^\]]+\]: *<?)(?![a-z]+:|/)([^()<>\s#]+)\.(?:md|markdown|mdown|mkdn?|ipynb)(?=[#>)\s]|$)",
    re.MULTILINE,
)
_DRAWS = re.compile(r" *</?(?:div|p)\b[^>]*>")
_DRAWING = re.compile(r' *<svg\b[^>]*?aria-label="([^"]*)".*?</svg>', re.DOTALL)
"""A drawing, and what it shows."""
_ATTRIBUTES = re.compile(r"(?<=\))\{:? ?[.#][^}]*\}")


@dataclass(frozen=True, slots=True)
class Twin:
    """A page as text."""

    file: str
    """Below `docs/`, with forward slashes: `lessons/lesson-03.txt`."""
    title: str
    description: str
    steps: int
    text: str


def twin(path: Path, pins: Pins) -> Twin:
    """The twin of a Markdown page: front matter off, snippets in, under each its evidence in one line.

    Raises:
        BadPage: The page or a snippet on it is wrong.
        BadLedger: A ledger of the page cannot be read.
    """
    page = read_page(path, pins.root)
    lines = page_lines(path.read_text(encoding="utf-8"))
    front = front_matter_length(lines)
    body = _expanded(page, lines, front, pins)
    title = [] if any(line.startswith("# ") for line in body) else [f"# {page.title}", ""]
    text = "\n".join([*title, "\n".join(body).strip("\n")]) + "\n"
    return Twin(
        twin_name(path, pins.root), page.title, _description(lines[:front], path), len(page.steps), text
    )


def text_twin(path: Path, root: Path, markdown: str) -> Twin:
    """The twin of a page without steps, of its text."""
    lines = page_lines(markdown)
    title = next((line[2:] for line in lines if line.startswith("# ")), path.stem)
    return Twin(twin_name(path, root), title, "", 0, "\n".join(_plain(lines)).strip("\n") + "\n")


def notebook_twin(path: Path, root: Path, markdown: str) -> Twin:
    """The twin of a notebook, of its text."""
    title = next((line[2:] for line in markdown.split("\n") if line.startswith("# ")), path.stem)
    return Twin(twin_name(path, root), title, "", 0, _LINK.sub(r"\1\2.txt", markdown))


def twin_name(path: Path, root: Path) -> str:
    """Return where the twin of a page or notebook lies, below `docs/`."""
    return path.relative_to(root / "docs").with_suffix(".txt").as_posix()


def llms_txt(site: Site, twins: Iterable[Twin]) -> str:
    """The index that agents look for (https://llmstxt.org), with the navigation's sections."""
    left = {one.file: one for one in twins}
    parts = [f"# {site.name}", f"> {site.description}" if site.description else "", _HOW]
    for title, files in site.sections:
        links = [_link(left.pop(file)) for file in files if file in left]
        parts += [f"## {title}", "\n".join(links)] if links else []
    if left:
        parts += ["## Other pages", "\n".join(_link(one) for one in left.values())]
    return "\n\n".join(part for part in parts if part) + "\n"


@dataclass(frozen=True, slots=True)
class Site:
    """What `mkdocs.yml` says of the site."""

    name: str
    description: str = ""
    sections: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Title and twins of each top entry of the navigation."""


def read_site(root: Path) -> Site:
    """The site of a tree; one named after its folder where there is no `mkdocs.yml`."""
    told = site_settings(root)
    entries = [entry if isinstance(entry, dict) else {"Pages": entry} for entry in told.get("nav") or []]
    sections = [(title, tuple(_files(inner))) for entry in entries for title, inner in entry.items()]
    return Site(told.get("site_name") or root.name, told.get("site_description") or "", tuple(sections))


def _files(entry: Any) -> Iterator[str]:
    """Twins of the pages below an entry of the navigation."""
    if isinstance(entry, str):
        yield re.sub(r"\.(md|markdown|mdown|mkdn?|ipynb)$", ".txt", entry)
        return
    for inner in entry.values() if isinstance(entry, dict) else entry or []:
        yield from _files(inner)


def _expanded(page: Page, lines: list[str], at: int, pins: Pins) -> list[str]:
    """The page from a line on, for a reader of text: includes are snippets, with their evidence below."""
    rows = rows_of(page, pins)
    steps = iter(page.steps)
    shown: list[str] = []
    for fence in fences("\n".join(lines), page.path):
        shown += _plain(lines[at : fence.line - 1])
        end = fence.line + len(fence.body)
        body, below = list(fence.body), []
        if fence.runs:
            step = next(steps)
            opening = lines[fence.line - 1]
            indent = opening[: len(opening) - len(opening.lstrip(" "))]
            body = [f"{indent}{line}".rstrip() for line in step.snippet.body.rstrip("\n").split("\n")]
            below = ["", f"{indent}*{step.name}: {say(rows[step.id])}.*"]
        shown += [lines[fence.line - 1], *body, lines[end], *below]
        at = end + 1
    return [*shown, *_plain(lines[at:])]


def _plain(lines: list[str]) -> Iterator[str]:
    """Lines outside of fences, less what only draws them, and with links to twins."""
    before = "text"
    for line in _DRAWING.sub(r"\1", "\n".join(lines)).split("\n") if lines else []:
        if not _DRAWS.fullmatch(line) and (line or before):
            before = line
            yield _LINK.sub(r"\1\2.txt", _ATTRIBUTES.sub("", line))


def _description(front: list[str], path: Path) -> str:
    table = yaml_text.load("\n".join(front[1:-1])) if front else None
    return front_matter_text(table, "description", path) if isinstance(table, dict) else ""


def _link(one: Twin) -> str:
    steps = f"Its steps as [JSON]({one.file.removesuffix('.txt')}.json)." if one.steps else ""
    told = " ".join(filter(None, [one.description, steps]))
    return f"- [{one.title}]({one.file}){f': {told}' if told else ''}"


_HOW = """Each page is one Markdown text, with every command in full, and below each command what its evidence
says: where it was last run, when, and what came of it. The commands of a page with their needs and evidence
are also one JSON file, raw snippets lie under `snippets/`, and ledgers under `evidence/`. Addresses are
relative to this file."""
