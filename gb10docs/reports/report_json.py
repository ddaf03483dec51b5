"""The report as JSON, for programs; `gb10docs/schemas/report.schema.json` describes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gb10docs.atomic import write_text
from gb10docs.results import Report


def write(path: Path, reports: Sequence[Report]) -> None:
    """One page's report as an object, those of several pages as a list of such objects."""
    texts = [report.model_dump_json(by_alias=True, indent=2) for report in reports]
    write_text(path, f"{texts[0]}\n" if len(texts) == 1 else f"[{', '.join(texts)}]\n")
