"""The Python-Markdown extension of the site: shows each snippet that a page includes, and its evidence.

It reads fences with the scanner that the runner uses, so what a reader sees is what runs. It is no plugin and
no hook, so it works wherever Python-Markdown does: which page is being converted it learns from MkDocs or
Zensical, or from the option `page`.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from gb10docs.evidence.inputs import Pins
from gb10docs.evidence.rows import rows_of
from gb10docs.pages.fences import BadPage, Fence, fences, page_lines
from gb10docs.pages.page import included, read_page
from gb10docs.pages.snippet import read_snippet
from gb10docs.pages.tree import refuse_unfit
from gb10docs.site.evidence_line import line, unknown

BEFORE_SNIPPETS = 33
"""One above pymdownx.snippets, which would show the header too."""
BEFORE_FENCES = 25.01
"""Just above what highlights fences (25), so that whatever else brings in text has done so."""
AFTER_INLINE = 15
"""Below what reads a paragraph's text as Markdown (20), above what checks anchors (5)."""


_ADVICE = "keep the fence to plain Markdown: lists, tabs, admonitions and details"


@dataclass(frozen=True, slots=True)
class Here:
    """The page that is being converted."""

    source: str = ""
    """Below `docs/`: `lessons/lesson-03.md`; empty where nobody says."""
    base: str = ""
    """What addresses are relative to, below the site's root: `lessons/lesson-03/`."""

    def link(self, target: str) -> str:
        """A relative address of a path below the site's root: right at any depth, in any version, on disk."""
        return posixpath.relpath(quote(target), posixpath.dirname(self.base) or ".")


@dataclass(frozen=True, slots=True)
class Shown:
    """One snippet on the page that is being converted."""

    body: str
    evidence: str
    """HTML."""
    anchor: str = ""
    """Empty where nobody can tell which step it is."""


class Includes(Preprocessor):
    """Puts a token where a fence includes a snippet, and one below the fence for its evidence."""

    def __init__(self, md: Markdown, extension: GB10Docs) -> None:
        super().__init__(md)
        self._extension = extension

    def run(self, lines: list[str]) -> list[str]:
        """Replace every include that fills a bash or Python fence."""
        text = "\n".join(lines)
        here = where(self.md, self._extension.page)
        path = self._extension.root / "docs" / (here.source or "page")
        known = path.is_file()
        if known:
            refuse_unfit(path, self._extension.root)
        running = [(fence, included(fence)) for fence in fences(text, path) if fence.runs]
        found = [(fence, name) for fence, name in running if name or known]
        names = [name for _, name in found]
        self._extension.shown = _tokens(text, self._extension.read(names, path if known else None, here))
        shown = page_lines(text)
        for (fence, _), token in reversed(list(zip(found, self._extension.shown, strict=True))):
            opening = shown[fence.line - 1]
            indent = opening[: len(opening) - len(opening.lstrip(" "))]
            closing = fence.line + len(fence.body)
            shown[closing + 1 : closing + 1] = ["", f"{indent}{_evidence(token)}", ""]
            shown[fence.line - 1 : closing] = ["", opening, f"{indent}{_body(token)}"]
        self._extension.handed_on = "\n".join(shown)
        return shown


class Bodies(Preprocessor):
    """Puts the shown text of a snippet in the place of its token, verbatim, once all other text is there."""

    def __init__(self, md: Markdown, extension: GB10Docs) -> None:
        super().__init__(md)
        self._extension = extension

    def run(self, lines: list[str]) -> list[str]:
        """Expand every token of a body."""
        self._refuse_others("\n".join(lines))
        left = {_body(token): shown.body for token, shown in self._extension.shown.items()}
        expanded: list[str] = []
        for text in lines:
            body = left.pop(text.strip(), None)
            if body is None:
                expanded.append(text)
            else:
                indent = text[: len(text) - len(text.lstrip(" "))]
                expanded += [f"{indent}{one}" if one else "" for one in body.split("\n")]
        if left:
            raise BadPage("a snippet got lost: leave preserve_tabs of pymdownx.superfences off")
        return expanded

    def _refuse_others(self, text: str) -> None:
        """Refuse a fence that is here only since the page was read, by an include or another preprocessor."""
        before = self._extension.handed_on
        if text.split() == before.split():
            return
        path = self._extension.root / "docs" / (where(self.md, self._extension.page).source or "page")
        known = Counter(_words(fence) for fence in fences(before, path) if fence.runs)
        for fence in fences(text, path):
            if fence.runs:
                known[_words(fence)] -= 1
                if known[_words(fence)] < 0:
                    raise stray(path, f"{fence.language}: {' '.join(_words(fence))[:60]}")


class Lines(Treeprocessor):
    """Puts a fence and its line of evidence into one element that can be linked to."""

    def __init__(self, md: Markdown, extension: GB10Docs) -> None:
        super().__init__(md)
        self._extension = extension

    def run(self, root: ElementTree.Element) -> None:
        """Swap every token of evidence for its HTML."""
        left = {_evidence(token): shown for token, shown in self._extension.shown.items()}
        for parent in list(root.iter()) if left else []:
            for child in list(parent):
                shown = left.pop((child.text or "").strip(), None) if child.tag == "p" else None
                if shown:
                    self._join(parent, child, shown)
        if left:
            raise BadPage(f"the evidence of {len(left)} snippets got lost: {_ADVICE}")

    def _join(self, parent: ElementTree.Element, token: ElementTree.Element, shown: Shown) -> None:
        at = list(parent).index(token)
        if at == 0:
            raise BadPage(f"a snippet and its evidence got separated: {_ADVICE}")
        fence = parent[at - 1]
        step = ElementTree.Element("div", {"class": "gb-step"})
        if shown.anchor:
            step.set("id", shown.anchor)
        token.text = self.md.htmlStash.store(shown.evidence)
        parent[at - 1] = step
        parent.remove(token)
        step.extend([fence, token])


class GB10Docs(Extension):
    """`gb10docs.markdown`."""

    def __init__(self, **options: Any) -> None:
        self.config = {
            "root": [".", "The folder that holds docs/ and snippets/."],
            "page": ["", "Path of the page below docs/, where neither MkDocs nor Zensical says it."],
            "repo_url": ["", "The repository, for links to commits: https://…"],
        }
        super().__init__(**options)
        self.root = Path(self.getConfig("root"))
        self.page: str = self.getConfig("page")
        self.shown: dict[str, Shown] = {}
        """What is on the page that is being converted, by token."""
        self.handed_on = ""
        """The page with tokens, as other preprocessors are given it."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        """Register the processors."""
        md.preprocessors.register(Includes(md, self), "gb10docs-includes", BEFORE_SNIPPETS)
        md.preprocessors.register(Bodies(md, self), "gb10docs-bodies", BEFORE_FENCES)
        md.treeprocessors.register(Lines(md, self), "gb10docs-lines", AFTER_INLINE)

    def read(self, names: Sequence[str], path: Path | None, here: Here) -> Iterator[Shown]:
        """What to show of the snippets of a page, in page order; `path` is None where nobody knows it.

        Raises:
            BadPage: The page cannot be read, has a bash or Python fence that is not one include, or is shown
                with one that its file does not hold.
            BadSnippet: A snippet is missing or wrong.
            BadLedger: A ledger of the page cannot be read.
        """
        page = read_page(path, self.root) if path and names else None
        rows = rows_of(page, Pins(self.root)) if page else {}
        there = page.steps if page else ()
        steps = dict(zip(_counted([step.snippet.name for step in there]), there, strict=True))
        for name, number in _counted(names):
            step = steps.get((name, number))
            if step:
                evidence = line(step, rows[step.id], here.link, self.getConfig("repo_url"))
                yield Shown(step.snippet.body, evidence, f"step-{step.name}")
            elif path:
                raise stray(path, name or "bash or Python text")
            else:
                yield Shown(read_snippet(self.root / "snippets" / name, name).body, unknown(name))


def makeExtension(**options: Any) -> GB10Docs:  # noqa: N802 - Python-Markdown's name
    """What Python-Markdown calls."""
    return GB10Docs(**options)


def where(md: Markdown, page: str = "") -> Here:
    """The page that is being converted: the one given, else what MkDocs or Zensical keep in a processor."""
    if page:
        whole = PurePosixPath(page).with_suffix("").as_posix()
        return Here(
            page, whole.removesuffix("index") if PurePosixPath(whole).name == "index" else f"{whole}/"
        )
    for processor in (*md.treeprocessors, *md.preprocessors):
        mkdocs: Any = getattr(processor, "file", None)
        zensical: Any = getattr(processor, "page", None)
        if hasattr(mkdocs, "src_uri") and hasattr(mkdocs, "url"):
            return Here(mkdocs.src_uri, mkdocs.url)
        if hasattr(zensical, "path") and hasattr(zensical, "url"):
            # Zensical takes every relative address to be written from the source file, and moves it.
            return Here(zensical.path, zensical.path)
    return Here()


def stray(path: Path, command: str) -> BadPage:
    """What is wrong with a page that is shown with a command which its file does not hold."""
    return BadPage(
        f"{path}: the site shows a command that is not in this file ({command}), so it would never be run: "
        "an include, a macro or another extension brings it in; write it on the page, as an include of a snippet"
    )


def _words(fence: Fence) -> tuple[str, ...]:
    return tuple(" ".join(fence.body).split())


def _tokens(text: str, shown: Iterator[Shown]) -> dict[str, Shown]:
    """Words that cannot be on a page, since they are made from its hash."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return {f"gb10docs{digest}n{number}": one for number, one in enumerate(shown)}


def _body(token: str) -> str:
    return f"{token}b"


def _evidence(token: str) -> str:
    return f"{token}e"


def _counted(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each name with how often it came before."""
    seen: Counter[str] = Counter()
    for name in names:
        yield name, seen[name]
        seen[name] += 1
