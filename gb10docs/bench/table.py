"""Results as a table: drawn on a terminal, aligned text in a pipe, Markdown, CSV."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from gb10docs.bench.metrics import Run, Summary
from gb10docs.bench.results import Result

LEGEND = (
    "Median (min–max) of the requests that were answered; p95 from 20 on. TTFT: from sending to the first text. "
    "TPOT: time per output token after the first. Decode: 1 / TPOT of one stream. System: output tokens of all "
    "streams over the time they took. MBU: share of the memory bandwidth that decoding used."
)
EMPTY = "No results yet: `gb10docs bench --url URL --model NAME` makes one."


class Column(NamedTuple):
    """A column's head, and whether its cells are figures, aligned to the right."""

    head: str
    figure: bool


COLUMNS = (
    Column("label", False),
    Column("model", False),
    Column("server", False),
    Column("when (UTC)", False),
    Column("streams", True),
    Column("context", True),
    Column("ok/failed", True),
    Column("TTFT ms", True),
    Column("TPOT ms", True),
    Column("decode tok/s", True),
    Column("system tok/s", True),
    Column("MBU", True),
)


def rows(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """One row a run."""
    for result in results:
        for run in result.runs:
            yield _row(result, run)


def render(results: Sequence[Result]) -> str:
    """The table as aligned text, a legend, and what has to be known beside it."""
    if not results:
        return EMPTY
    table = [tuple(column.head for column in COLUMNS), *rows(results)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column.figure else cell.ljust(width)
            for cell, width, column in zip(row, widths, COLUMNS, strict=True)
        ).rstrip()
        for row in table
    ]
    return "\n".join([*lines, "", *notes(results)])


def markdown(results: Sequence[Result]) -> str:
    """The table as Markdown, notes below it."""
    table = [
        tuple(column.head for column in COLUMNS),
        tuple("---:" if column.figure else "---" for column in COLUMNS),
        *rows(results),
    ]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
    return "\n".join([*lines, "", *(f"{note}\n" for note in notes(results))]).rstrip()


def comma_separated(results: Sequence[Result]) -> str:
    """One line a request, as measured, with what it was asked and of whom; seconds, tokens."""
    head = (
        "label", "model", "stand_in", "engine", "version", "image", "digest", "started", "concurrency", "context",
        "ttft_s", "tpot_s", "e2e_s", "prompt_tokens", "output_tokens", "finish_reason",
    )  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for result in results:
        server = result.server
        about = (
            result.label, server.model, server.stand_in or "", server.engine, server.version, server.image,
            server.digest, result.started,
        )  # fmt: skip
        for run in result.runs:
            for one in run.samples:
                measured = (one.ttft_s, one.tpot_s, one.e2e_s)
                tokens = (one.prompt_tokens, one.output_tokens, one.finish_reason)
                writer.writerow((*about, run.concurrency, run.context, *measured, *tokens))
    return out.getvalue().rstrip("\n")


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
    for row in rows(results):
        table.add_row(*row)
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print("\n".join(notes(results)))


def notes(results: Sequence[Result]) -> list[str]:
    """What has to be known to read the table: what the figures mean, who really answered, what went wrong."""
    return [LEGEND, *dict.fromkeys(_notes(results))]


def _notes(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        where = f"{result.label}, {result.started:.16}"
        if result.stand_in:
            yield (
                f"Rows marked stand-in were answered by {result.stand_in}: they show that the benchmark works "
                "and say nothing about the speed of a GB10 or of the model named."
            )
        if result.interrupted:
            yield f"{where}: interrupted; the last row holds what was done until then."
        if any(run.mbu and run.mbu > 1 for run in result.runs):
            yield (
                f"{where}: more than the whole bandwidth means that a draft model guesses ahead, that fewer bytes "
                "are read than we count, or that something is measured wrongly."
            )
        for run in result.runs:
            for failure in run.failures:
                yield f"{where}, {run.concurrency} streams: a request failed: {failure}"
            if run.early_ends:
                yield (
                    f"{where}, {run.concurrency} streams: {run.early_ends} of {run.requests.ok} answers ended before "
                    f"{result.workload.output_tokens} tokens; rates are of the tokens that came."
                )


def _row(result: Result, run: Run) -> tuple[str, ...]:
    server = result.server
    return (
        result.label or "–",
        f"stand-in for {server.model}" if server.stand_in else server.model,
        urlsplit(server.url).netloc or server.url,
        result.started[:16].replace("T", " "),
        str(run.concurrency),
        str(run.context),
        f"{run.requests.ok}/{run.requests.failed}",
        spread(run.ttft_ms),
        spread(run.tpot_ms, digits=2),
        spread(run.decode_tok_s),
        "–" if run.system_tok_s is None else f"{run.system_tok_s:.1f}",
        "–" if run.mbu is None else f"{run.mbu:.0%}",
    )


def spread(summary: Summary | None, *, digits: int = 1) -> str:
    """Median and extremes, p95 if there is one; one number where they are the same to the digits shown."""
    if summary is None:
        return "–"
    median, low, high = (f"{value:.{digits}f}" for value in (summary.median, summary.min, summary.max))
    p95 = f", p95 {summary.p95:.{digits}f}" if summary.p95 is not None else ""
    return median if low == high else f"{median} ({low}–{high}{p95})"
