"""The Python-Markdown extension of the site: shows each snippet that a page includes, less its header.

It reads fences with the scanner that the runner uses, so what a reader sees is what runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from gb10docs.pages import fences, included
from gb10docs.snippets import read_snippet

BEFORE_SNIPPETS = 33
"""Priority: one above pymdownx.snippets, which would show the header too."""


class ShownSnippets(Preprocessor):
    """Puts the shown text of a snippet where a fence includes it."""

    def __init__(self, md: Markdown, root: Path) -> None:
        super().__init__(md)
        self._snippets = root / "snippets"

    def run(self, lines: list[str]) -> list[str]:
        """Expand every include that fills a bash or Python fence."""
        shown = list(lines)
        for fence in reversed(list(fences("\n".join(lines), Path("page")))):
            name = included(fence)
            if name:
                at = next(fence.line + n for n, line in enumerate(fence.body) if line.strip())
                indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
                body = read_snippet(self._snippets / name, name).body
                shown[at : at + 1] = [f"{indent}{line}".rstrip() for line in body.splitlines()]
        return shown


class GB10Docs(Extension):
    """`gb10docs.markdown`, with one option: `root`, the folder that holds `snippets/`."""

    def __init__(self, **options: Any) -> None:
        self.config = {"root": [".", "The folder that holds docs/ and snippets/."]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Python-Markdown's name
        """Register the preprocessor."""
        md.preprocessors.register(ShownSnippets(md, Path(self.getConfig("root"))), "gb10docs", BEFORE_SNIPPETS)


def makeExtension(**options: Any) -> GB10Docs:  # noqa: N802 - Python-Markdown's name
    """What Python-Markdown calls."""
    return GB10Docs(**options)
