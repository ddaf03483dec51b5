"""What a Python step inherits from its session, as bash tells it: working directory, umask, interpreter, exports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple


class ShellContext(NamedTuple):
    """What a Python step inherits from its session."""

    cwd: str
    """A path that leads to the shell's working directory, even where that has been deleted."""
    umask: int
    python: str
    """Path of `python` on the session's PATH, empty if there is none."""
    environment: Mapping[str, str]


@lru_cache(maxsize=1)
def shell_context(answer: bytes, pid: int) -> ShellContext:
    """Most steps leave them as they were."""
    told = _TOLD.fullmatch(answer.decode(errors="surrogateescape"))
    assert told
    umask, python, exports = told.groups()
    environment = {}
    for name, double, ansi in _EXPORT.findall(exports):
        environment[name] = _ansi(ansi) if ansi else re.sub(r'\\([$`"\\])', r"\1", double)
    return ShellContext(f"/proc/{pid}/cwd", int(umask, 8), python.removesuffix("\n"), environment)


def _ansi(text: str) -> str:
    """The value of a bash `$'…'` word: `declare -p` writes one where a value holds control characters."""
    simple = {
        "n": "\n",
        "t": "\t",
        "r": "\r",
        "a": "\a",
        "b": "\b",
        "f": "\f",
        "v": "\v",
        "e": "\x1b",
        "E": "\x1b",
    }

    def value(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "01234567":
            return bytes([int(code, 8) & 0xFF]).decode(errors="surrogateescape")
        return simple.get(code, code)

    return re.sub(r"\\([0-7]{1,3}|.)", value, text, flags=re.S)


_TOLD = re.compile(r"(\d+)\n(.*?)((?:^declare -.*)?)", re.DOTALL | re.MULTILINE)
_EXPORT = re.compile(
    r'^declare -\S+ (\w+)=(?:"((?:[^"\\]|\\.)*)"|\$\'((?:[^\'\\]|\\.)*)\')$', re.MULTILINE | re.DOTALL
)
