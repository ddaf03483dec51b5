"""Text made fit to be shown: nothing in it moves a cursor, sets a title, reorders or hides what stands around it.

File names, titles, arguments, headers and what servers say come from outside. They reach a terminal only through
`Printing`, which stands before standard output and error, so that no place that prints has to think of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, TextIO

_SEQUENCE = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # as for colours
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # as for titles and links
    r"|\x1b[ -/]*[0-~]"
)
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_SEQUENCES = re.compile(_SEQUENCE)
_REORDERS = r"[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
_NOT_FIT = re.compile(f"{_SEQUENCE}|{_CONTROL}|{_REORDERS}")
_UNSEEN = (
    (0x80, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xD800, 0xDFFF), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFF), (0xE0000, 0xE01EF),
)  # fmt: skip
"""Code points beyond ASCII that draw nothing, reorder what is around them, or are none: first and last of a range."""


def without_sequences(text: str) -> str:
    """Text as it stands on a terminal, less what colours it, titles its window or moves its cursor."""
    return _SEQUENCES.sub("", text)


def printable(text: str) -> str:
    """Text less terminal control sequences, control characters and what reorders it, tabs and line ends kept."""
    return text if text.isascii() and text.isprintable() else _NOT_FIT.sub("", text.replace("\r\n", "\n"))


def on_one_line(text: str) -> str:
    r"""Printable text of one line: a line end in it is shown as `\n`, since what follows could be a command."""
    return printable(text.replace("\r\n", "\n").replace("\n", r"\n").replace("\r", r"\r"))


def is_fit(name: str) -> bool:
    """Whether a name can be shown as it is, on one line, and written as UTF-8."""
    return name == on_one_line(name) and not any("\ud800" <= letter <= "\udfff" for letter in name)


CONTROL = bytes((*range(0x09), *range(0x0B, 0x20), 0x7F))
"""Control characters, in UTF-8, but for tabs and line ends."""


@cache
def controls() -> re.Pattern[bytes]:
    """Terminal control sequences and control characters, in UTF-8."""
    return re.compile(_SEQUENCE.encode() + rb"|[\x00-\x08\x0b-\x1f\x7f]")


@cache
def unseen() -> re.Pattern[bytes]:
    """Whatever else is taken out of a text before it is shown anywhere, in UTF-8, and all that nobody sees."""
    lasts: dict[bytes, bytearray] = {}
    for first, last in _UNSEEN:
        for code in range(first, last + 1):
            *head, end = chr(code).encode("utf-8", "surrogatepass")
            lasts.setdefault(bytes(head), bytearray()).append(end)
    classed = (
        re.escape(head) + b"[" + b"".join(rb"\x%02x" % end for end in ends) + b"]"
        for head, ends in lasts.items()
    )
    return re.compile(b"|".join(classed))


class Printing:
    """A stream of text in front of another, to which it hands on only what is fit to be shown.

    In a job of GitHub Actions no line of it is a command either: those are written by who means them, see `behind`.
    """

    def __init__(self, stream: TextIO, *, in_a_job: bool) -> None:
        self.stream = stream
        """What is behind it, for who draws on a terminal or gives commands."""
        self._in_a_job = in_a_job
        self._is_within_a_line = False

    def write(self, text: str) -> int:
        """Write what is fit of a text; returns the length of the text, as all streams do."""
        shown = printable(text)
        if self._in_a_job:
            before = "x" if self._is_within_a_line else ""
            shown = _COMMAND.sub(r"\1| ", before + shown)[len(before) :].replace("##[", "## [")
            self._is_within_a_line = bool((before + shown).rpartition("\n")[2].strip())
        self.stream.write(shown)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


_COMMAND = re.compile(r"^(\s*)(?=::)", re.MULTILINE)
"""Where a line begins that GitHub takes for a command."""


def install(env: Mapping[str, str]) -> None:
    """Put it before standard output and error."""
    in_a_job = env.get("GITHUB_ACTIONS") == "true"
    for name in ("stdout", "stderr"):
        setattr(sys, name, Printing(getattr(sys, name), in_a_job=in_a_job))


def behind(stream: TextIO) -> TextIO:
    """The stream itself where one of ours stands before it."""
    return getattr(stream, "stream", stream) if isinstance(stream, Printing) else stream


def took(seconds: float) -> str:
    """A duration for a reader: `0.02 s`, `12.3 s`, `2 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
