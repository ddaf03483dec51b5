"""The page on reliability names a test for each fault: every one is there, and every fault has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [re.split(r"(?<!\\)\|", line)[1:-1] for line in PAGE.splitlines() if line.startswith("| ")]
FAULTS = [
    "C1",
    *(f"H{n}" for n in range(1, 8)),
    *(f"M{n}" for n in range(1, 12)),
    *(f"L{n}" for n in range(1, 12)),
]


def functions(path: Path) -> set[str]:
    return {one.name for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef)}


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", PAGE)
    assert len(named) > 50
    missing = [f"{path}::{name}" for path, name in named if name not in functions(ROOT / path)]
    assert missing == []


def test_every_row_has_a_test() -> None:
    rows = [row for row in ROWS if row[1].strip() != "What happens" and not row[0].strip().startswith("-")]
    assert [row for row in rows if not re.fullmatch(r" `tests/\S+\.py::\w+` ", row[-1])] == []


def test_every_fault_has_a_row() -> None:
    told = {fault for row in ROWS for fault in row[0].replace(" ", "").split(",")}
    assert [fault for fault in FAULTS if fault not in told] == []
    assert [f"B{n}" for n in range(1, 15) if f"B{n}" not in told] == []
