"""A file under `snippets/` read as a Snippet: its header, and the text that is shown and run."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

from gb10docs.errors import GB10DocsError
from gb10docs.header import BadHeader, Block, Header, read_block

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

    @property
    def place(self) -> str:
        """As messages name it: `snippets/lesson-03/serve-trtllm.sh`."""
        return f"snippets/{self.name}"

    @cached_property
    def body(self) -> str:
        """The text that the page shows: the file less its header."""
        if self.body_line == 1:
            return self.text
        return "\n".join(self.text.split("\n")[self.body_line - 1 :])

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
    declared = _declared(block, path) if block else _NOTHING
    snippet = Snippet(path, name, language, text, declared.tool, declared.dependencies, body_line)
    if not snippet.body.strip():
        raise BadSnippet(f"{path}:{body_line}: the snippet is empty: write it, or take it off the page")
    if language == "bash":
        _refuse_hidden_failures(snippet)
    return snippet


def read_text(path: Path) -> str:
    """A UTF-8 file's text; BadSnippet with the line of the first bad byte otherwise."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  a site has thousands, and a Path takes longer
            data = file.read()
    except OSError as error:
        raise BadSnippet(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSnippet(
            f"{path}:{line}: not UTF-8 (byte 0x{data[error.start]:02x}): save it as UTF-8"
        ) from error
    if text.startswith("\ufeff"):
        raise BadSnippet(f"{path}:1: begins with a byte order mark: save it as UTF-8 without one")
    return text


def _split(text: str, path: Path) -> tuple[list[str], int]:
    """The header's lines between its fences, and the line on which the body begins."""
    lines = text.split("\n")
    for unfit, what in (
        ("\r", "a carriage return: save the file with LF line ends"),
        ("\0", "a NUL byte: take it out"),
    ):
        if unfit in text:
            raise BadSnippet(f"{path}:{text.count(chr(10), 0, text.index(unfit)) + 1}: holds {what}")
    misplaced = next((n for n, line in enumerate(lines[1:], start=2) if line.rstrip() == _OPENING), 0)
    if misplaced:
        raise BadSnippet(
            f"{path}:{misplaced}: '{_OPENING}' opens the header, which stands once, on the first line"
        )
    if lines[0].rstrip() != _OPENING:
        return [], 1
    for number, line in enumerate(lines[1:], start=2):
        if line.rstrip() == _CLOSING:
            body_line = next(
                (n for n, rest in enumerate(lines[number:], number + 1) if rest.strip()), number + 1
            )
            return lines[1 : number - 1], body_line
        if not line.startswith("#"):
            break
    raise BadSnippet(f"{path}:1: the '{_OPENING}' block is never closed: end it with a line '{_CLOSING}'")


def _declared(block: list[str], path: Path) -> Block:
    try:
        return _block("\n".join(line[2:] if line.startswith("# ") else line[1:] for line in block))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) + 1 if at else len(block) + 1
        raise BadSnippet(f"{path}:{line}: the header is no valid TOML: {error}") from error
    except RecursionError as error:
        raise BadSnippet(f"{path}:2: the header is nested too deeply: write it flat") from error
    except BadHeader as error:
        reason = " ".join(str(error).split())
        raise BadSnippet(f"{path}:{_line(block, error)}: {reason}") from error


@lru_cache(maxsize=1024)
def _block(toml: str) -> Block:
    """Frozen, so that snippets with the same header share one; a site reads each many times."""
    return read_block(tomllib.loads(toml))


def _line(block: list[str], wrong: BadHeader) -> int:
    """The line of the file that is wrong: the one that holds the value, else the innermost key."""
    values = [re.escape(wrong.value)] if isinstance(wrong.value, str) and wrong.value else []
    keys = (rf"(?<![\w-]){re.escape(key)}(?![\w-])" for key in reversed(wrong.keys))
    for wanted in [*values, *keys]:
        line = next((n for n, text in enumerate(block, start=2) if re.search(wanted, text)), 0)
        if line:
            return line
    return 1


def _refuse_hidden_failures(snippet: Snippet) -> None:
    for number, line in enumerate(snippet.body.split("\n"), start=snippet.body_line):
        found = _HIDES_FAILURES.search(line)
        if found:
            raise BadSnippet(
                f"{snippet.path}:{number}: '{found[1].strip()}' would hide a failing command: take it out"
            )


_NOTHING = Block()
