"""Docstrings of the program: each says what a thing is or does, in words that have a subject."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "gb10docs"
HALVES = ("Of ", "Until ", "None: ", "As ", "By ")
"""How half a sentence begins, whose other half is the name above it."""


def test_none_is_half_a_sentence() -> None:
    """Those of modules, classes and functions, and those below attributes."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value.value.splitlines()[0]}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and node.value.value.startswith(HALVES)
    ]
    assert found == [], "\n".join(found)
