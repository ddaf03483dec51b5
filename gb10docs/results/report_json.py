"""The report as JSON, for programs; `gb10docs/schemas/report.schema.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gb10docs.results.result import Report


def text(reports: Sequence[Report]) -> str:
    """One page's report as an object, those of several pages as a list of such objects."""
    told = reports[0] if len(reports) == 1 else reports
    return json.dumps(told, default=_plain, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    """A record, or a moment, as what JSON knows."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return {name: getattr(value, name) for name in value.__slots__}
