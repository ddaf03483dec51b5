"""Results as a table: drawn on a terminal, aligned text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from gb10docs.bench.metrics import Result, Summary

LEGEND = (
    "Median (min–max) of N requests, one at a time. TTFT: from sending to the first text. "
    "TPOT: time per output token after the first. Decode: 1 / TPOT."
)
EMPTY = "No results yet: `gb10docs bench run --url URL --model NAME` makes one."


class Column(NamedTuple):
    """A column's head, and whether its cells are figures, aligned to the right."""

    head: str
    figure: bool


COLUMNS = (
    Column("label", False),
    Column("model", False),
    Column("server", False),
    Column("when (UTC)", False),
    Column("N", True),
    Column("prompt tokens", True),
    Column("output tokens", True),
    Column("TTFT ms", True),
    Column("TPOT ms", True),
    Column("decode tok/s", True),
)


def render(results: Sequence[Result]) -> str:
    """The table as aligned text, a legend, and a line for each stand-in that answered."""
    if not results:
        return EMPTY
    table = [tuple(column.head for column in COLUMNS), *map(_row, results)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column.figure else cell.ljust(width)
            for cell, width, column in zip(row, widths, COLUMNS, strict=True)
        ).rstrip()
        for row in table
    ]
    return "\n".join([*lines, "", *_notes(results)])


def show(results: Sequence[Result]) -> None:
    """Print the report: a drawn table where standard output is a terminal, `render`'s text elsewhere."""
    if not results or not sys.stdout.isatty():
        print(render(results))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in COLUMNS:
        table.add_column(column.head, justify="right" if column.figure else "left", overflow="fold")
    for result in results:
        table.add_row(*_row(result))
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print("\n".join(_notes(results)))


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.label or "–",
        f"stand-in for {result.model}" if result.stand_in else result.model,
        urlsplit(result.url).netloc or result.url,
        result.started.strftime("%Y-%m-%d %H:%M"),
        str(len(result.requests)),
        _spread(result.summary("prompt_tokens"), digits=0),
        _spread(result.summary("output_tokens"), digits=0),
        _spread(result.summary("ttft_s"), scale=1000),
        _spread(result.summary("tpot_s"), scale=1000, digits=2),
        _spread(result.summary("decode_tok_s")),
    )


def _spread(summary: Summary | None, *, scale: float = 1, digits: int = 1) -> str:
    """Median and extremes, or one number where they are the same to the digits shown."""
    if summary is None:
        return "–"
    values = (summary.median, summary.min, summary.max)
    median, low, high = (f"{value * scale:.{digits}f}" for value in values)
    return median if low == high else f"{median} ({low}–{high})"


def _notes(results: Sequence[Result]) -> list[str]:
    stand_ins = dict.fromkeys(result.stand_in for result in results if result.stand_in)
    return [
        LEGEND,
        *(
            f"Rows marked stand-in were answered by {stand_in}: they show that the benchmark works "
            "and say nothing about the speed of a GB10 or of the model named."
            for stand_in in stand_ins
        ),
    ]
