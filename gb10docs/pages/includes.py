"""Text that a page brings in from elsewhere: by pymdownx.snippets, by another include, or by a macro.

The runner reads the page alone, so a command that comes from another file would be shown and not run. Such a
file may hold anything else, a glossary for instance; what a macro puts there nobody knows before the site is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gb10docs.pages.fences import BadPage, Fence, fences, page_lines
from gb10docs.pages.site_settings import site_settings
from gb10docs.pages.snippet import BadSnippet, read_text

_LINE = re.compile(r"""[ ]*-+8<-+[ ]+(?:"(?P<double>[^"]+)"|'(?P<single>[^']+)')""")
_BLOCK = re.compile(r"[ ]*-+8<-+[ ]*")
_WITHIN = re.compile(
    r"""\{%-?[ ]*include[\w-]*[ ]+["'](?P<tag>[^"']+) | \{!-?[ ]*["']?(?P<bang>[^!"']+?)["']?[ ]*!\}
    | \{\{-?[ ]*\w*include\w*\([ ]*["'](?P<call>[^"']+)""",
    re.VERBOSE,
)
"""What Jinja, markdown-include and their kin read as an include, anywhere in a line."""
_MACRO = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_EXPANDS = frozenset({"macros", "include-markdown", "jinja"})
"""Plugins of MkDocs that fill in what stands in braces."""
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_PART = re.compile(r"(?::-?\w[\w-]*|:)+(?:,[-\d:,]*)?$")


def refuse_hidden_commands(
    lines: Sequence[str], of_page: Sequence[Fence], path: Path, root: Path, above: tuple[Path, ...] = ()
) -> None:
    """Refuse a page that brings in a bash or Python fence from elsewhere.

    Args:
        lines: The page's.
        of_page: Its fences; what they show is text.
        path: The page.
        root: The tree; the site looks for files below it.
        above: Files that bring this one in.

    Raises:
        BadPage: A file holds such a fence, or cannot be found, so that nobody knows.
    """
    inside = {number for fence in of_page for number in range(fence.line, fence.line + len(fence.body) + 2)}
    for number, name in _included(lines, inside):
        at = f"{path}:{number}"
        files = list(_candidates(name, path, root))
        if not files:
            raise BadPage(
                f"{at}: '{name}' is brought in from elsewhere and cannot be found, so nobody knows whether it "
                "holds commands: name a file below the tree, or write the text here"
            )
        for file in files:
            if file not in above:
                _refuse_commands_of(file, at, root, (*above, file))
    macro = next(_macros(lines, inside), None)
    if macro and any(fence.runs for fence in of_page) and _has_macros(root):
        raise BadPage(
            f"{path}:{macro[0]}: the site fills in '{macro[1]}', and nobody knows with which commands before it is "
            "built: write the text itself on a page with steps"
        )


def _has_macros(root: Path) -> bool:
    """Whether the site of a tree has a plugin that fills in macros."""
    told = site_settings(root).get("plugins") or []
    names = [name for one in told for name in (one if isinstance(one, dict) else [one])]
    return not _EXPANDS.isdisjoint(map(str, names))


def _macros(lines: Sequence[str], inside: set[int]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        macro = _MACRO.search(_CODE.sub("", line)) if number not in inside and "{" in line else None
        if macro:
            yield number, macro[0]


def _included(lines: Sequence[str], inside: set[int]) -> Iterator[tuple[int, str]]:
    """The names of files that are brought in, each with its line: one on its own, or several as a block."""
    in_block = False
    for number, line in enumerate(lines, start=1):
        if number in inside:
            continue
        alone = _LINE.fullmatch(line)
        if _BLOCK.fullmatch(line):
            in_block = not in_block
        elif alone:
            yield number, alone["double"] or alone["single"]
        elif "{" in line:
            for found in _WITHIN.finditer(_CODE.sub("", line)):
                yield number, found["tag"] or found["bang"] or found["call"]
        elif in_block and line.strip() and not line.strip().startswith(";"):
            yield number, line.strip()


def _candidates(name: str, path: Path, root: Path) -> Iterator[Path]:
    """Yield where the site may find a file: it depends on settings that only the site knows."""
    for base in dict.fromkeys((root, root / "docs", root / "snippets", path.parent)):
        for one in dict.fromkeys((name, _PART.sub("", name))):
            with suppress(OSError, ValueError, RuntimeError):
                file = (base / one).resolve()
                if file.is_relative_to(root.resolve()) and file.is_file():
                    yield file


def _refuse_commands_of(file: Path, at: str, root: Path, above: tuple[Path, ...]) -> None:
    try:
        text = read_text(file)
    except BadSnippet as error:
        raise BadPage(f"{at}: brings in {error}") from error
    found = list(fences(text, file))
    command = next((fence for fence in found if fence.runs), None)
    if command:
        raise BadPage(
            f"{at}: brings in a {command.language} fence ({file}:{command.line}), which would be shown and not "
            "run: write it on this page, as an include of a snippet"
        )
    refuse_hidden_commands(page_lines(text), found, file, root, above)
