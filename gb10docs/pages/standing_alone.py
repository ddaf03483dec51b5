"""A snippet stands alone: what runs is its text, and nothing that lies in its folder is beside it then.

A reader copies a snippet, or fetches its address; the runner runs a copy that no editor reaches. A file that
it reads it can name by its path from the root, which makes the file an input of its evidence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from gb10docs.pages.bash_text import read_bash
from gb10docs.pages.fences import BadPage
from gb10docs.pages.snippet import Snippet

_WORD = re.compile(r"[\w-][\w.-]*")
_OWN_PATH = re.compile(r"\bBASH_SOURCE\b|\$0\b|\$\{0\b")
_NOT_FOUND = re.compile(
    r"No such file|No module named|FileNotFoundError|not found|cannot (?:open|find|access)"
)


def names_beside(folder: Path) -> dict[str, list[str]]:
    """What lies in a folder, by its name less all suffixes; no caches and hidden files, nothing if unreadable."""
    found: dict[str, list[str]] = {}
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return {}
    for name in names:
        if not name.startswith((".", "__")):
            found.setdefault(_stem(name), []).append(name)
    return found


def refuse_neighbours(snippet: Snippet, beside: Mapping[str, list[str]], root: Path) -> None:
    """Refuse a snippet that would find what lies beside it only in its own folder.

    Args:
        snippet: Any.
        beside: What lies in its folder, as `names_beside` tells it.
        root: Where its session begins.

    Raises:
        BadPage: It imports a neighbour, sources one, or names one together with its own path.
    """
    words = {_stem(word) for word in _WORD.findall(snippet.body)}
    named = [name for word in words & beside.keys() for name in beside[word] if name != snippet.path.name]
    if not named:
        return
    taken = (
        _taken_by_python(snippet, named)
        if snippet.language == "python"
        else _taken_by_bash(snippet, named, root)
    )
    for line, name in taken:
        at = f"{snippet.path}:{snippet.body_line + line - 1}"
        raise BadPage(f"{at}: '{name}' lies beside this snippet, but {_rule(snippet, name)}")


def explain(snippet: Snippet, stderr: str) -> str:
    """What a snippet that failed did not find since it stands alone; empty if nothing."""
    lines = [line for line in stderr.splitlines() if _NOT_FOUND.search(line)]
    names = chain.from_iterable(names_beside(snippet.path.parent).values()) if lines else ()
    for name in names:
        by_its_path = f"{snippet.place.rpartition('/')[0]}/{name}" in snippet.body
        if name != snippet.path.name and not by_its_path and any(_mentions(line, name) for line in lines):
            return f"'{name}' lies beside the snippet, but {_rule(snippet, name)}"
    return ""


def _mentions(line: str, name: str) -> bool:
    """Whether a message names a file, or a module by what its file is called."""
    words = {name, _stem(name)} if "No module" in line else {name}
    return any(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", line) for word in words)


def _rule(snippet: Snippet, name: str) -> str:
    place = f"{snippet.place.rpartition('/')[0]}/{name}"
    return (
        "a snippet stands alone: its text is copied and run without its folder; write what it needs into it, "
        f"or name the file by its path from the root, {place}"
    )


def _taken_by_python(snippet: Snippet, named: list[str]) -> Iterator[tuple[int, str]]:
    """Imports of a neighbour, and names of one where the script asks for its own path."""
    try:
        tree = ast.parse(snippet.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    modules = {_stem(name): name for name in named if name == _stem(name) or name.endswith((".py", ".so"))}
    nodes = list(ast.walk(tree))
    knows_its_path = any(isinstance(node, ast.Name) and node.id == "__file__" for node in nodes)
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for whole in [module, *(alias.name for alias in node.names if not module)]:
                if whole.partition(".")[0] in modules:
                    yield node.lineno, modules[whole.partition(".")[0]]
        elif knows_its_path and isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name in set(node.value.split("/")) & set(named):
                yield node.lineno, name


def _taken_by_bash(snippet: Snippet, named: list[str], root: Path) -> Iterator[tuple[int, str]]:
    """Names of a neighbour where the script asks for its own path, and neighbours that it sources."""
    commands = read_bash(snippet.body).commands
    asks = _OWN_PATH.search(snippet.body) is not None
    moves = any(command.words[0] in {"cd", "pushd"} for command in commands)
    for line, (first, *arguments) in commands:
        sources = first in {"source", "."} and not moves
        for word in arguments:
            name = word.rpartition("/")[2]
            expands = "$" in word
            if name in named and not (root / word).exists() and (asks or (sources and not expands)):
                yield line, name


def _stem(name: str) -> str:
    return name.partition(".")[0]
