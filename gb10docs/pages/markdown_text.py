"""Text and tables written as Markdown, right for GitHub and for Python-Markdown alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gb10docs.pages.printing import printable

_ENTITIES = {"&": "&amp;", "<": "&lt;", "@": "&#64;", "~": "&#126;"}
"""What a backslash does not escape everywhere; `@` names a user of GitHub."""


def plain(text: str) -> str:
    """Text of others on one line, that is no Markdown: shown as it is. A pipe is the table's to escape."""
    line = " ".join(printable(text).split())
    escaped = re.sub(r"([\\`*_{}\[\]#])", r"\\\1", line)
    return re.sub(r"[&<@~]", lambda found: _ENTITIES[found[0]], escaped)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], figures: Iterable[int] = ()) -> str:
    """A Markdown table, which neither a pipe nor a line end in a cell breaks.

    Args:
        head: The titles of its columns.
        rows: The cells of each row, as Markdown.
        figures: Numbers of the columns that are aligned to the right, counted from 0.
    """
    right = set(figures)
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return "\n".join(_line(cells) for cells in (_cells(head), rule, *map(_cells, rows)))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Sequence[str]) -> list[str]:
    return [" ".join(cell.split()).replace("|", "\\|") for cell in row]
