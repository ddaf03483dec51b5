"""A tree of pages and snippets for a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Tree = Callable[..., Path]


def page_of(snippets: list[str]) -> str:
    """A page that shows these snippets in order."""
    languages = {".sh": "bash", ".py": "python"}
    fences = [f'```{languages[Path(name).suffix]}\n--8<-- "{name}"\n```\n' for name in snippets]
    return "\n".join(["# A page\n", *fences])
