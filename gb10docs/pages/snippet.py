"""A file under `snippets/` read as a Snippet: its header, and the text that is shown and run."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shlex
import stat
import tokenize
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from gb10docs.errors import GB10DocsError
from gb10docs.pages.bash_text import read_bash
from gb10docs.pages.header import BadHeader, Block, Header, read_block

Language = Literal["bash", "python"]
LANGUAGES: dict[str, Language] = {".sh": "bash", ".py": "python"}

LARGEST = 10**7
"""Bytes of a page or a snippet: more is no text that anybody reads."""
_OPENING = "# /// script"
_CLOSING = "# ///"
_MAY_HIDE_FAILURES = re.compile(r"\b(?:trap|set|shopt)\b")
_HIDING_OPTIONS = frozenset({("+", "errtrace"), ("+", "pipefail"), ("-", "noexec")})
_HIDING_LETTERS = frozenset({("+", "E"), ("-", "n")})


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
    body_line: int
    """Line of the file on which the shown text begins, counted from 1."""
    requires_python: str = ""
    """PEP 723 `requires-python`: versions of Python, as in `>=3.11`."""
    dependencies: tuple[str, ...] = ()
    """PEP 723 `dependencies`: packages, as in `openai>=2`."""

    @property
    def place(self) -> str:
        """How messages name it: `snippets/lesson-03/serve-trtllm.sh`."""
        return f"snippets/{self.name}"

    @cached_property
    def body(self) -> str:
        """The text that the page shows: the file less its header."""
        if self.body_line == 1:
            return self.text
        return "\n".join(self.text.split("\n")[self.body_line - 1 :])

    @cached_property
    def sha256(self) -> str:
        """The hash of the shown text: a changed header does not make a different command."""
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
    header, body_line = _split(text, path)
    declared = _declared(header, path) if header.lines else _NOTHING
    wanted = declared.requires_python, declared.dependencies
    snippet = Snippet(path, name, language, text, declared.tool, body_line, *wanted)
    if not snippet.body.strip():
        raise BadSnippet(f"{path}:{body_line}: the snippet is empty: write it, or take it off the page")
    if language == "bash":
        _refuse_hidden_failures(snippet)
    return snippet


def read_text(path: Path) -> str:
    """The text of a page or a snippet.

    Raises:
        BadSnippet: It is missing, no regular file, too large, or not UTF-8, with the line of the first bad byte.
    """
    try:
        # Opening a FIFO for reading waits for a writer unless told not to.
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadSnippet(f"{path}: is no file but {_kind(status.st_mode)}: put a file there")
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise BadSnippet(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > LARGEST:
        raise BadSnippet(f"{path}: is larger than {LARGEST // 10**6} MB, too large to be read: split it")
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


class _Header(NamedTuple):
    """The lines of a header between the two that enclose it."""

    lines: list[str]
    line: int
    """On which it opens, counted from 1; 0 where there is none."""


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _kind(mode: int) -> str:
    kinds = {stat.S_ISFIFO: "a FIFO", stat.S_ISSOCK: "a socket", stat.S_ISDIR: "a folder"}
    return next((word for is_one, word in kinds.items() if is_one(mode)), "a device")


def _split(text: str, path: Path) -> tuple[_Header, int]:
    """The header, and the line on which the body begins."""
    lines = text.split("\n")
    for unfit, what in (
        ("\r", "a carriage return: save the file with LF line ends"),
        ("\0", "a NUL byte: take it out"),
    ):
        if unfit in text:
            raise BadSnippet(f"{path}:{text.count(chr(10), 0, text.index(unfit)) + 1}: holds {what}")
    at = _first_line(lines)
    misplaced = next((line for line in _headers(text, path.suffix) if line > at), 0)
    if misplaced:
        raise BadSnippet(
            f"{path}:{misplaced}: '{_OPENING}' opens the header, which stands once, "
            "on the first line or below a shebang"
        )
    if lines[at - 1].rstrip() != _OPENING:
        return _Header([], 0), 1
    for number, line in enumerate(lines[at:], start=at + 1):
        if line.rstrip() == _CLOSING:
            body_line = next(
                (n for n, rest in enumerate(lines[number:], number + 1) if rest.strip()), number + 1
            )
            return _Header(lines[at : number - 1], at), body_line
        if not line.startswith("#"):
            break
    raise BadSnippet(f"{path}:{at}: the '{_OPENING}' block is never closed: end it with a line '{_CLOSING}'")


def _first_line(lines: list[str]) -> int:
    """Return where the header stands if there is one: the first line, or the first with text below a shebang."""
    if not lines[0].startswith("#!"):
        return 1
    return next((n for n, line in enumerate(lines[1:], start=2) if line.strip()), 1)


def _headers(text: str, suffix: str) -> list[int]:
    """The lines on which a header opens, as a comment and not within a string or a here-document."""
    candidates = [n for n, line in enumerate(text.split("\n"), start=1) if line.rstrip() == _OPENING]
    if candidates in ([], [1]):
        return candidates
    comments = _comments_of_bash(text) if suffix == ".sh" else _comments_of_python(text)
    return [line for line in candidates if line in comments]


def _comments_of_bash(text: str) -> set[int]:
    return {comment.line for comment in read_bash(text).comments}


def _comments_of_python(text: str) -> set[int]:
    """Lines with comments, as far as the text can be read as Python."""
    found = set()
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found.add(token.start[0])
    return found


def _declared(header: _Header, path: Path) -> Block:
    try:
        return _block("\n".join(line[2:] if line.startswith("# ") else line[1:] for line in header.lines))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = header.line + (int(at[1]) if at else len(header.lines))
        raise BadSnippet(f"{path}:{line}: the header is no valid TOML: {error}") from error
    except RecursionError as error:
        raise BadSnippet(
            f"{path}:{header.line + 1}: the header is nested too deeply: write it flat"
        ) from error
    except BadHeader as error:
        reason = " ".join(str(error).split())
        raise BadSnippet(f"{path}:{_line(header, error)}: {reason}") from error


@lru_cache(maxsize=1024)
def _block(toml: str) -> Block:
    """Frozen, so that snippets with the same header share one; a site reads each many times."""
    return read_block(tomllib.loads(toml))


def _line(header: _Header, wrong: BadHeader) -> int:
    """The line of the file that is wrong: the one that holds the value, else the innermost key."""
    values = [re.escape(wrong.value)] if isinstance(wrong.value, str) and wrong.value else []
    keys = (rf"(?<![\w-]){re.escape(key)}(?![\w-])" for key in reversed(wrong.keys))
    for wanted in [*values, *keys]:
        lines = enumerate(header.lines, start=header.line + 1)
        line = next((n for n, text in lines if re.search(wanted, text)), 0)
        if line:
            return line
    return header.line


def _refuse_hidden_failures(snippet: Snippet) -> None:
    """A command that would take the runner's eyes off failing ones; what is only written out is text."""
    if not _MAY_HIDE_FAILURES.search(snippet.body):
        return
    for command in read_bash(snippet.body).commands:
        if _hides_failures(command.words):
            raise BadSnippet(
                f"{snippet.path}:{snippet.body_line + command.line - 1}: '{shlex.join(command.words)}' "
                "would hide a failing command: take it out"
            )


def _hides_failures(words: Sequence[str]) -> bool:
    name, *arguments = words
    if name == "trap":
        return "ERR" in map(str.upper, arguments) and arguments[0] not in {"-p", "-l"}
    if name == "set":
        return any(option in _HIDING_OPTIONS | _HIDING_LETTERS for option in _options(arguments))
    if name == "shopt":
        sign = "+" if any(word.startswith("-") and "u" in word for word in arguments) else "-"
        return any((sign, word) in _HIDING_OPTIONS for word in arguments)
    return False


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What `set` is told: each option's sign, and its letter or its name."""
    left = iter(arguments)
    for word in left:
        if word in {"-", "--"} or word[:1] not in {"-", "+"}:
            return
        for letter in word[1:]:
            yield word[0], (next(left, "") if letter == "o" else letter)


_NOTHING = Block()
