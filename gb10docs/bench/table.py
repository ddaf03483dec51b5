"""Results as a table: aligned text, Markdown, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from textwrap import fill

from gb10docs.bench.metrics import Run, Summary
from gb10docs.bench.results import Result
from gb10docs.bench.workload import named
from gb10docs.engines import ENGINES
from gb10docs.engines import engine as engine_called
from gb10docs.pages import markdown_text

LEGEND = (
    "TTFT: time from sending to the first text. TPOT: time per output token after the first. Both: median "
    "(min–max) of the requests that were answered; p95 from 20 requests on. E2E: the whole request, median. "
    "Decode (1 / TPOT of one stream), prefill (prompt tokens / TTFT) and system (output tokens of all streams "
    "over the time they took) are tokens a second. MBU: share of the memory bandwidth that decoding used."
)
EMPTY = "No results yet: `gb10docs bench` makes one."
ABOUT = ("label", "model", "when (UTC)")
FIGURES = (
    "streams", "context", "answered", "TTFT ms", "TPOT ms", "E2E s", "decode", "prefill", "system", "MBU",
)  # fmt: skip
WIDTH = 100
"""Width of headings and notes in characters."""

BUSY = 0.8
"""Share of one core from which on the measuring program is a suspect."""


def render(results: Sequence[Result]) -> str:
    """Under a heading each, the levels of every result, aligned; then what has to be known beside them."""
    if not results:
        return EMPTY
    cells = [FIGURES, *(figures(run) for result in results for run in result.runs)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        line
        for result in results
        for line in (
            "",
            heading(result),
            *(_aligned(row, widths) for row in [FIGURES, *map(figures, result.runs)]),
        )
    ]
    return "\n".join([*lines[1:], "", *(fill(note, WIDTH) for note in notes(results))])


def heading(result: Result) -> str:
    """Who was measured, where and when, as far as it is known."""
    server = result.server
    engine = "" if server.stand_in else f"{_title(server.engine)} {server.version}".strip()
    where = result.machine.hardware if server.local else server.url
    known = (model(result), engine, where, f"{result.when} UTC", _asked(result))
    return fill(f"{result.label}: {', '.join(each for each in known if each)}", WIDTH)


def _asked(result: Result) -> str:
    workload = result.workload
    switch = ("off", "on")[workload.thinking] if engine_called(result.server.engine).thinks_by else "not set"
    return f"about {workload.prompt_tokens} tokens in, {workload.output_tokens} out, thinking {switch}"


def model(result: Result) -> str:
    """The model, and whether something else answered in its place."""
    return f"stand-in for {result.server.model}" if result.stand_in else result.server.model


def figures(run: Run) -> tuple[str, ...]:
    """The cells of one level."""
    sent = run.requests.ok + run.requests.failed
    return (
        str(run.concurrency),
        str(run.context),
        f"{run.requests.ok}/{sent}",
        spread(run.ttft_ms),
        spread(run.tpot_ms),
        short(run.e2e_ms.median / 1000 if run.e2e_ms else None),
        short(run.decode_tok_s.median if run.decode_tok_s else None),
        short(run.prefill_tok_s.median if run.prefill_tok_s else None),
        short(run.system_tok_s),
        "–" if run.mbu is None else f"{run.mbu:.0%}",
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def rows(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """One row a level, under `ABOUT` and `FIGURES`."""
    for result in results:
        for run in result.runs:
            yield (result.label or "–", model(result), result.when, *figures(run))


def markdown(results: Sequence[Result]) -> str:
    """The table as Markdown, notes below it."""
    head = (*ABOUT, *FIGURES)
    shown = markdown_text.table(head, rows(results), range(len(ABOUT), len(head)))
    return "\n".join([shown, "", *(f"{note}\n" for note in notes(results))]).rstrip()


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


def notes(results: Sequence[Result]) -> list[str]:
    """What has to be known to read the table: what the figures mean, who really answered, what went wrong."""
    return [LEGEND, *dict.fromkeys(_notes(results))]


def _notes(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        where = f"{result.label}, {result.when}"
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
            level = f"{where}, {named(run.concurrency, run.context)}"
            for failure in run.failures:
                yield f"{level}: a request failed: {failure}"
            if run.client_load and run.client_load > BUSY:
                yield (
                    f"{level}: this program used {run.client_load:.0%} of a processor "
                    "core, so its times may be late; measure with fewer streams, or from another machine."
                )
            if hidden := sum(one.hidden for one in run.samples):
                yield (
                    f"{level}: {hidden} of {run.requests.ok} answers held tokens that were counted and not shown, "
                    "such as hidden reasoning: how fast those were made is not known, so TPOT, decode, prefill and MBU "
                    "leave these answers out."
                )
            if run.early_ends:
                yield (
                    f"{level}: {run.early_ends} of {run.requests.ok} answers ended before "
                    f"{result.workload.output_tokens} tokens; rates are of the tokens that came."
                )


def spread(summary: Summary | None) -> str:
    """Median and extremes, p95 if there is one; one number where they are the same to the digits shown."""
    if summary is None:
        return "–"
    digits = _digits(summary.median)
    median, low, high = (f"{value:.{digits}f}" for value in (summary.median, summary.min, summary.max))
    p95 = f", p95 {summary.p95:.{digits}f}" if summary.p95 is not None else ""
    return median if low == high else f"{median} ({low}–{high}{p95})"


def short(value: float | None) -> str:
    """Three digits or more; a dash for nothing."""
    return "–" if value is None else f"{value:.{_digits(value)}f}"


def _digits(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 2


def _title(engine: str) -> str:
    """An engine's name as people write it; a recorded one may be unknown by now."""
    return ENGINES[engine].title if engine in ENGINES else engine
