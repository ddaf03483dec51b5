"""What the site holds besides its pages, on disk: only in its tree, through no link, and over no file of yours.

Which files are ours is remembered in `.cache/gb10docs/written.txt`, by name and by what was written. It is noted before
anything is written, so that a program that is killed meanwhile still knows its own files.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from gb10docs.atomic import CannotWrite, read_inside, remove_inside, write_inside

CACHE = ".cache/gb10docs"
MEMORY = f"{CACHE}/written.txt"
Files = dict[str, str]
"""Text by path below `docs/`, with forward slashes."""
_LINE = re.compile(r"^(?:([0-9a-f]{64})  )?(.+)$", re.MULTILINE)
_ANY = ""
"""In the place of a hash: an earlier version noted names only."""


class Output:
    """The generated files below the `docs/` of a tree."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ours = _noted(read_inside(root, MEMORY) or b"")

    def write(self, files: Files, go_on: Callable[[], None]) -> Iterator[str]:
        """Write what is not so already, remove what was written before and is no longer; says what it does.

        Args:
            files: All that there shall be.
            go_on: Called before each file; may raise.

        Raises:
            CannotWrite: Something else is in a file's place; nothing is written then.
            CannotWrite: A file cannot be written, or lies behind a link.
        """
        now = {name: read_inside(self._root, f"docs/{name}") for name in files}
        new = {name: text.encode() for name, text in sorted(files.items()) if now[name] != text.encode()}
        others = [name for name in new if (was := now[name]) is not None and not self._is_ours(name, was)]
        if others:
            raise CannotWrite(
                f"{', '.join(f'{self._root}/docs/{name}' for name in others)}: not written, since 'site prepare' did "
                "not make what is there: move it away, or delete it if an earlier gb10docs has made it"
            )
        left = {name: was for name in {*self._ours} - {*files} if (was := self._there(name)) is not None}
        made = {name: {_hash(text.encode())} for name, text in files.items()}
        self._note(
            {name: self._ours.get(name, set()) | made.get(name, set()) for name in {*self._ours, *made}}
        )
        for name in new:
            go_on()
            write_inside(self._root, f"docs/{name}", files[name])
            yield f"wrote docs/{name}"
        for name in sorted(left):
            go_on()
            if self._is_ours(name, left[name]):
                remove_inside(self._root, f"docs/{name}")
                yield f"removed docs/{name}"
            else:
                yield f"left docs/{name}, which has been changed since it was written"
        self._note(made)

    def _there(self, name: str) -> bytes | None:
        """What is in the place of a file that is to go; None where nothing is that we could have written."""
        with contextlib.suppress(CannotWrite):
            return read_inside(self._root, f"docs/{name}")
        return None

    def _is_ours(self, name: str, data: bytes) -> bool:
        return bool({_ANY, _hash(data)} & self._ours.get(name, set()))

    def _note(self, ours: dict[str, set[str]]) -> None:
        lines = sorted(
            f"{one}  {name}\n" if one else f"{name}\n" for name, hashes in ours.items() for one in hashes
        )
        text = "".join(lines)
        if text.encode() != read_inside(self._root, MEMORY):
            write_inside(self._root, MEMORY, text)
        self._ours = ours


def _noted(memory: bytes) -> dict[str, set[str]]:
    """Names with the hashes of what was written under them; names that lead anywhere else are passed over."""
    found: dict[str, set[str]] = {}
    for known, name in _LINE.findall(memory.decode(errors="replace")):
        if not name.startswith("/") and ".." not in name.split("/"):
            found.setdefault(name, set()).add(known)
    return found


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
