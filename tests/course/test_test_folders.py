"""The tests themselves: each folder stands alone beside what all of them share."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_folder_uses_a_file_of_another() -> None:
    """What two folders need is beside conftest.py: else it is found or not by which tests ran before."""
    files = sorted(TESTS.rglob("*.py"))
    private = {path.stem: path.parent for path in files if path.parent != TESTS}
    found = [
        f"{path.relative_to(TESTS)} imports {name} of {private[name].name}/"
        for path in files
        for name in imported(path)
        if name in private and not (path.parent / f"{name}.py").exists()
    ]
    assert found == []
