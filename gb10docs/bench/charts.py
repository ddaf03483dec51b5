"""Results as plots: throughput against latency over concurrency, and the share of the ceiling that was reached."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from gb10docs.bench import CannotMeasure, table
from gb10docs.bench.results import Result
from gb10docs.bench.workload import named

THROUGHPUT = "Throughput against latency: a point a level, more streams to the right and up"
SHARE = "Share of the memory bandwidth that decoding used"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f27;"
    "background:#fff}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.875rem}"
    "th,td{border-bottom:1px solid #e2e5ea;padding:.35rem .6rem;text-align:right;white-space:nowrap}"
    "tbody th{padding-top:1.2rem;text-align:left;white-space:normal;font-weight:600}div{overflow-x:auto}"
    "svg{display:block;max-width:44rem;width:100%}"
)
_BAR = 40


class Point(NamedTuple):
    """One level: latency and throughput."""

    streams: int
    tpot_ms: float
    system_tok_s: float


def points(results: Sequence[Result]) -> dict[tuple[str, int], list[Point]]:
    """The levels at which both were measured, by label and context."""
    found: dict[tuple[str, int], list[Point]] = {}
    for result in results:
        for run in result.runs:
            if run.tpot_ms and run.system_tok_s:
                point = Point(run.concurrency, run.tpot_ms.median, run.system_tok_s)
                found.setdefault((_name(result), run.context), []).append(point)
    return found


def shares(results: Sequence[Result]) -> list[tuple[str, float]]:
    """MBU of every run that has one, by label and level."""
    return [
        (f"{_name(result)}, {named(run.concurrency, run.context)}", run.mbu)
        for result in results
        for run in result.runs
        if run.mbu is not None
    ]


def text(results: Sequence[Result]) -> str:
    """Both plots as bars of characters; empty where there is nothing to draw."""
    speeds = [
        (f"{name}, {named(point.streams, context)}, TPOT {point.tpot_ms:.1f} ms", point.system_tok_s)
        for (name, context), levels in points(results).items()
        for point in levels
    ]
    fastest = max((speed for _, speed in speeds), default=0.0)
    throughput = _bars("System tok/s against TPOT, a bar a level", speeds, fastest, "{:.1f}")
    return throughput + _bars(SHARE, shares(results), 1.0, "{:.0%}")


def _bars(title: str, values: Sequence[tuple[str, float]], full: float, form: str) -> str:
    """One line a value: its name, a bar as long as its share of `full`, the value."""
    if not values:
        return ""
    widest = max(len(name) for name, _ in values)
    lines = [
        f"{name:<{widest}}  {'█' * max(1, min(_BAR, round(_BAR * value / full)))} {form.format(value)}"
        for name, value in values
    ]
    return "\n".join(["", title, *lines, ""])


def html(results: Sequence[Result]) -> str:
    """A page of its own: table, notes and plots, without a request to anywhere.

    Raises:
        CannotMeasure: matplotlib is not installed.
    """
    plots = [drawn for drawn in (_throughput(results), _share(results)) if drawn]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.FIGURES)
    body = "".join(map(_group, results))
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes(results))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Benchmark results</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        '<h1>Benchmark results</h1><div role="region" aria-label="Table of results" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead>{body}</table></div>"
        f"{''.join(plots)}<h2>Notes</h2>{notes}</main></body></html>\n"
    )


def _throughput(results: Sequence[Result]) -> str:
    drawn = {
        f"{name}, context {context}" if context else name: levels
        for (name, context), levels in points(results).items()
    }
    if not drawn:
        return ""
    plots = _plots()
    figure, axes = plots.figure(height=260)
    for name, levels in drawn.items():
        _, tpot, speed = zip(*levels, strict=True)
        axes.plot(tpot, speed, marker="o", label=name)
    axes.set(xlabel="TPOT, ms", ylabel="system tok/s", ylim=(0, None))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left")
    said = "; ".join(
        f"{name}: {last.system_tok_s:.0f} tok/s at {last.tpot_ms:.1f} ms"
        for name, (*_, last) in drawn.items()
    )
    return f"<h2>{THROUGHPUT}</h2>{plots.svg(figure, f'{THROUGHPUT}. Last level of each: {said}.')}"


def _share(results: Sequence[Result]) -> str:
    used = shares(results)
    if not used:
        return ""
    plots = _plots()
    figure, axes = plots.figure(height=60 + 28 * len(used))
    axes.barh([name for name, _ in used], [100 * share for _, share in used])
    axes.axvline(100, linestyle="--", color=plots.MUTED)
    axes.invert_yaxis()
    axes.set(xlabel="% of the bandwidth")
    said = "; ".join(f"{name}: {share:.0%}" for name, share in used)
    return f"<h2>{SHARE}</h2>{plots.svg(figure, f'{SHARE}: {said}.')}"


def _plots() -> Any:
    try:
        import matplotlib  # noqa: F401

        from gb10docs.results import plots
    except ImportError as error:
        raise CannotMeasure(
            f"plots need the package {error.name}; install it with: pip install 'gb10docs[bench]'"
        ) from None
    return plots


def _group(result: Result) -> str:
    """A result's heading, and a row a level."""
    head = (
        f'<tr><th scope="rowgroup" colspan="{len(table.FIGURES)}">{escape(table.heading(result))}</th></tr>'
    )
    levels = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in table.figures(run))}</tr>"
        for run in result.runs
    )
    return f"<tbody>{head}{levels}</tbody>"


def _name(result: Result) -> str:
    return f"{result.label} (stand-in)" if result.stand_in else result.label
