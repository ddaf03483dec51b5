"""An inspection for a reader: a table drawn on a terminal, aligned text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gb10docs.models.inspection.model import Inspection, Row
from gb10docs.pages.printing import behind, printable

COLUMNS = ("layer", "count", "shape", "format", "one scale for", "bits/value", "MB", "of BF16")
_FIGURES = {"count", "bits/value", "MB", "of BF16"}


def render(inspection: Inspection) -> str:
    """The whole as text, lines as long as they need to be."""
    table = [COLUMNS, *map(_cells, inspection.rows)]
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column in _FIGURES else cell.ljust(width)
            for cell, width, column in zip(cells, widths, COLUMNS, strict=True)
        ).rstrip()
        for cells in table
    ]
    return "\n".join([*_head(inspection), "", *lines, "", *_tail(inspection)])


def show(inspection: Inspection) -> None:
    """Print it."""
    if not sys.stdout.isatty():
        print(render(inspection))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in _FIGURES else "left", overflow="fold")
    for row in inspection.rows:
        table.add_row(*map(printable, _cells(row)))
    console = Console(file=behind(sys.stdout), markup=False, highlight=False)
    console.print(printable("\n".join(_head(inspection))))
    console.print(table)
    console.print(printable("\n".join(_tail(inspection))))


def size(count: int) -> str:
    """Bytes in GB, MB or kB, decimal."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.2f} {name}"
    return f"{count / 1e3:.2f} kB"


def _head(inspection: Inspection) -> Iterator[str]:
    yield f"{inspection.source} {inspection.revision}".strip()
    declared = f"declared as {inspection.declared}" if inspection.declared else "nothing declared"
    by = f"by {inspection.producer}" if inspection.producer else "by an unnamed program"
    files = f"{inspection.files} file{'s' * (inspection.files != 1)}"
    yield ", ".join(filter(None, [inspection.scheme, inspection.architecture, declared, by, files]))


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.layer,
        str(row.count),
        " × ".join(map(str, row.shape)),
        row.format,
        _scale(row),
        f"{row.bits_per_value:.2f}",
        f"{row.bytes / 1e6:.2f}",
        f"{row.bytes / (2 * row.values):.1%}" if row.values else "",
    )


def _scale(row: Row) -> str:
    """What shares a scale, in words where it is all of a row or of the weight."""
    if not row.block:
        return ""
    rows, columns = row.block
    if not rows:
        return "does not fit"
    if columns == row.shape[-1]:
        return "the weight" if rows == row.shape[-2] else "a row" if rows == 1 else f"{rows} rows"
    return f"{columns} values" if rows == 1 else f"{rows} × {columns}"


def _tail(inspection: Inspection) -> Iterator[str]:
    parameters = inspection.parameters
    per_value = 8 * inspection.bytes / parameters if parameters else 0
    share = f"{inspection.bytes / inspection.bf16_bytes:.0%}" if parameters else "–"
    yield (
        f"{size(inspection.bytes)} for {parameters:,} parameters: {share} of the "
        f"{size(inspection.bf16_bytes)} of BF16, {per_value:.2f} bits a parameter"
    )
    if inspection.unquantized_bytes < inspection.bytes:
        part = f"{inspection.unquantized_bytes / inspection.bytes:.0%}"
        yield f"not quantized: {size(inspection.unquantized_bytes)}, {part} of its bytes"
    yield f"KV cache: {inspection.kv_cache}"
    yield from (f"trap: {trap}" for trap in inspection.traps)
    yield from (f"fault: {fault}" for fault in inspection.faults)
