"""A file under `snippets/` read as a Snippet: its header, and the text that is shown and run."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from gb10docs.errors import GB10DocsError, did_you_mean
from gb10docs.header import Header

Language = Literal["bash", "python"]
LANGUAGES: dict[str, Language] = {".sh": "bash", ".py": "python"}

_OPENING = "# /// script"
_CLOSING = "# ///"
_HIDES_FAILURES = re.compile(
    r"^(?!\s*#)[^#]*?\b(trap\b[^#\n]*\bERR\b"
    r"|set\s+(?:-\S+\s+)*\+[a-zA-Z]*E"
    r"|set\s+\+o\s+(?:errtrace|pipefail)\b"
    r"|set\s+-[a-mo-zA-Z]*n\b|set\s+-o\s+noexec\b)"
)


class BadSnippet(GB10DocsError):
    """A snippet that cannot be read; the message begins with file:line."""


@dataclass(frozen=True)
class Snippet:
    """One bash or Python file below `snippets/`."""

    path: Path
    name: str
    """Path below `snippets/`, with forward slashes: `lesson-03/serve-trtllm.sh`."""
    language: Language
    text: str
    """The whole file."""
    header: Header
    dependencies: tuple[str, ...]
    """PEP 723 `dependencies`, for `uv run`."""
    body_line: int
    """Line of the file on which the shown text begins, counted from 1."""

    @cached_property
    def body(self) -> str:
        """The text that the page shows: the file less its header."""
        if self.body_line == 1:
            return self.text
        return "".join(self.text.splitlines(keepends=True)[self.body_line - 1 :])

    @cached_property
    def sha256(self) -> str:
        """Of the shown text: a changed header does not make a different command."""
        return hashlib.sha256(self.body.encode()).hexdigest()


def read_snippet(path: Path, name: str) -> Snippet:
    """Read and validate one snippet file.

    Raises:
        BadSnippet: It is missing, unreadable, not UTF-8, empty, of another language, or its header is wrong.
    """
    language = LANGUAGES.get(path.suffix)
    if language is None:
        raise BadSnippet(f"{path}: a snippet is a .sh or a .py file")
    text = read_text(path)
    block, body_line = _split(text, path)
    table = _toml(block, path) if block else {}
    header = _header(table.get("tool", {}).get("gb10docs", {}), block, path) if block else _NO_HEADER
    snippet = Snippet(path, name, language, text, header, tuple(table.get("dependencies", ())), body_line)
    if not snippet.body.strip():
        raise BadSnippet(f"{path}:{body_line}: the snippet is empty")
    if language == "bash":
        _refuse_hidden_failures(snippet)
    return snippet


def read_text(path: Path) -> str:
    """A UTF-8 file's text; BadSnippet with the line of the first bad byte otherwise."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadSnippet(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSnippet(f"{path}:{line}: not UTF-8 (byte 0x{data[error.start]:02x}): save it as UTF-8") from error


def _split(text: str, path: Path) -> tuple[list[str], int]:
    """The header's lines between its fences, and the line on which the body begins."""
    if not text.startswith(_OPENING):
        return [], 1
    lines = text.splitlines()
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == _CLOSING:
            body_line = next((n for n, rest in enumerate(lines[number:], number + 1) if rest.strip()), number + 1)
            return lines[1 : number - 1], body_line
        if not line.startswith("#"):
            break
    raise BadSnippet(f"{path}:1: the '{_OPENING}' block is never closed: end it with a line '{_CLOSING}'")


def _toml(block: list[str], path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads("\n".join(line[2:] if line.startswith("# ") else line[1:] for line in block))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise BadSnippet(f"{path}:{int(at[1]) + 1 if at else 2}: the header is no valid TOML: {error}") from error


def _header(table: dict[str, Any], block: list[str], path: Path) -> Header:
    try:
        return Header.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        keys = [key for key in first["loc"] if isinstance(key, str)]
        lines = (n for key in reversed(keys) for n, text in enumerate(block, start=2) if re.search(rf"\b{key}\b", text))
        line = next(lines, 1)
        raise BadSnippet(f"{path}:{line}: {_reason(first['type'], first['msg'], keys)}") from error


def _reason(kind: str, message: str, keys: list[str]) -> str:
    if kind == "extra_forbidden":
        known = [field.alias or name for name, field in Header.model_fields.items()]
        if keys[0] == "expect" and len(keys) > 1:
            known = ["contains", "matches", "json", "chat", "real"]
        return f"no such header key '{keys[-1]}': {did_you_mean(keys[-1], known)}"
    return message.removeprefix("Value error, ") if kind == "value_error" else f"'{'.'.join(keys)}': {message}"


def _refuse_hidden_failures(snippet: Snippet) -> None:
    for number, line in enumerate(snippet.body.splitlines(), start=snippet.body_line):
        found = _HIDES_FAILURES.search(line)
        if found:
            raise BadSnippet(
                f"{snippet.path}:{number}: '{found[1].strip()}' would hide a failing command from the runner: take it out"
            )


_NO_HEADER = Header()
