"""Tables that a notebook's cell shows: drawn on the page, Markdown in the page's twin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from gb10docs.site.tables import table as markdown

_FIGURE = re.compile(r"[\d.,–()% ]+(GB|tok/s|ms)?")


class Link(NamedTuple):
    """A cell that leads somewhere."""

    text: str
    address: str


def table(head: Sequence[str], rows: Sequence[Sequence[str | Link]]) -> None:
    """Put a table under its cell; columns of figures are aligned to the right."""
    from IPython.display import display

    display(Table(head, rows))  # type: ignore[no-untyped-call]


class Table:
    """What IPython takes: HTML for the page, Markdown for the page's twin."""

    def __init__(self, head: Sequence[str], rows: Sequence[Sequence[str | Link]]) -> None:
        self._head, self._rows = head, rows

    def __repr__(self) -> str:
        return self._repr_markdown_()

    def _repr_markdown_(self) -> str:
        return markdown(self._head, [[_markdown(cell) for cell in row] for row in self._rows]).rstrip()

    def _repr_html_(self) -> str:
        aligned = [
            ' style="text-align: right; white-space: nowrap"'
            if all(_FIGURE.fullmatch(_text(cell)) for cell in column)
            else ""
            for column in zip(*self._rows, strict=True)
        ]
        head = "".join(
            f'<th scope="col"{style}>{escape(title)}</th>'
            for title, style in zip(self._head, aligned, strict=True)
        )
        body = "".join(
            f"<tr>{''.join(f'<td{style}>{_html(cell)}</td>' for cell, style in zip(row, aligned, strict=True))}</tr>"
            for row in self._rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(cell: str | Link) -> str:
    return cell.text if isinstance(cell, Link) else cell


def _html(cell: str | Link) -> str:
    if isinstance(cell, Link):
        return f'<a href="{escape(cell.address)}">{escape(cell.text)}</a>'
    return escape(cell)


def _markdown(cell: str | Link) -> str:
    return f"[{cell.text}]({cell.address})" if isinstance(cell, Link) else cell
