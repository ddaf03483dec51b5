"""The glossary: the nouns, and every public class by room, read from the program's source without importing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import gb10docs
from gb10docs.site.tables import table

NOUNS = {
    "page": (
        "A Markdown file under `docs/`. The page is the plan: what a reader does from top to bottom is what the runner "
        "does. It is named by its path below `docs/` without its suffix, such as `lessons/lesson-03`"
    ),
    "snippet": "One bash or Python file under `snippets/`. A page shows it whole, without its header",
    "step": "One snippet at its place on a page",
    "header": (
        "The `# /// script` block at the top of a snippet ([PEP 723](https://peps.python.org/pep-0723/)), with a "
        "`[tool.gb10docs]` table"
    ),
    "session": (
        "A named bash process that lives as long as the page's run, or until a step ends it. A step runs in `main` "
        "unless its header names another"
    ),
    "engine": "A program that serves a model, such as vLLM",
    "target": "A kind of machine: `gb10`, `nvidia` or `cpu`",
    "stand-in": "What a target supplies in place of an engine, a model or a hub that the machine cannot have",
    "need": "What a step declares that it needs. It is met for real, met by a named stand-in, or unmet",
    "outcome": (
        "`passed`, `failed`, `replaced` (the command did not run, the runner supplied its effect) or `skipped` "
        "(always with the reason)"
    ),
    "evidence": "The record of a step's last run on one target",
    "ledger": (
        "The committed evidence of one page on one target: `docs/evidence/PAGE/TARGET.json`, or "
        "`TARGET-FLAVOUR.json`"
    ),
}
"""The words that code, pages and messages use, and what each means."""
ROOMS = (
    "cli",
    "site",
    "evidence",
    "run",
    "plan",
    "bench",
    "standins",
    "privacy",
    "engines",
    "machine",
    "models",
    "results",
    "pages",
)
"""The packages, from the top of the house to its ground."""
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")


def nouns() -> str:
    """The nouns as a table."""
    return table(("Noun", "Meaning"), NOUNS.items())


def rooms() -> str:
    """The rooms as a table, each with the first line of its package."""
    return table(("Room", "What is in it, and what is not"), ((f"`{room}`", about(room)) for room in ROOMS))


def about(room: str) -> str:
    """The first line of a room."""
    return _told(_read(_package() / room / "__init__.py"))


def body() -> str:
    """The page below its title."""
    parts = [f"## Nouns\n\n{nouns()}"]
    for room in ROOMS:
        classes = table(("Class", "Module", "Meaning"), _classes(room))
        parts.append(f"## {room}\n\n{about(room)}\n\n{classes}")
    return "\n".join(parts)


def _classes(room: str) -> Iterator[tuple[str, str, str]]:
    """Name, module and first sentence of each public class of a room."""
    for path in sorted((_package() / room).rglob("*.py")):
        module = path.relative_to(_package() / room).with_suffix("").as_posix().removesuffix("__init__")
        for found in _read(path).body:
            if isinstance(found, ast.ClassDef) and not found.name.startswith("_"):
                told = _SENTENCE_ENDS.split(" ".join(_paragraph(found).split()))[0]
                yield f"`{found.name}`", f"`{module.replace('/', '.').rstrip('.') or room}`", _plain(told)


def _plain(text: str) -> str:
    """Text in which Markdown and HTML find nothing to draw outside of its code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(one if one.startswith("`") else re.sub(r"([<*_\[])", r"\\\1", one) for one in parts)


def _paragraph(node: ast.Module | ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n\n")[0]


def _told(module: ast.Module) -> str:
    return _paragraph(module).partition("\n")[0]


def _read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _package() -> Path:
    return Path(gb10docs.__file__).parent
