"""The tables that the package holds as data, each figure in them with its source."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read(name: str) -> dict[str, Any]:
    """The table `gb10docs/data/NAME.toml`."""
    return tomllib.loads((files("gb10docs") / "data" / f"{name}.toml").read_text(encoding="utf-8"))
