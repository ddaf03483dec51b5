"""Where the files of a checkpoint lie, and the one place that touches them: a folder here, or a hub."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import Protocol

from gb10docs.models.checkpoints.documents import BadCheckpoint, IncompleteCheckpoint, Table, parse

DOCUMENT_BYTES = 64 << 20
"""Longest JSON document that is read: the index of a model with a trillion weights has some 30 MB."""


class Files(Protocol):
    """The files of one checkpoint, by their names below it."""

    def where(self, name: str = "") -> str:
        """How a message names a file, or the whole."""

    def names(self) -> list[str]:
        """The files that are there, sorted; those in folders below only where that costs nothing."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none of that name."""

    def read(self, name: str, start: int, length: int) -> bytes:
        """Exactly these bytes of a file that is there."""


def place(text: str) -> Path:
    """The path that a user wrote; `~name` of a user that there is none of stays as it is."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def check_name(name: str, where: str) -> None:
    """Refuse a file name that leads out of the checkpoint.

    Raises:
        BadCheckpoint: The name is absolute, has `..` in it, or characters that no file should have.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or not name.isprintable() or "\\" in name:
        raise BadCheckpoint(f"{where}: {name[:200]!r} is no name of a file of this checkpoint")


def document(files: Files, name: str) -> Table | None:
    """A JSON document of a checkpoint; None where there is none of that name.

    Raises:
        BadCheckpoint: It is too long, or no JSON object.
    """
    size = files.size(name)
    if size is None:
        return None
    if size > DOCUMENT_BYTES:
        raise BadCheckpoint(f"{files.where(name)}: {size} bytes: too long for a checkpoint's JSON")
    return parse(files.read(name, 0, size), files.where(name))


class LocalFiles:
    """A folder on this machine. Links may lead to files within it, or into the Hugging Face cache it is part of."""

    def __init__(self, folder: Path) -> None:
        self._shown = folder
        self._folder = folder.resolve()
        self._roots = [self._folder]
        if self._folder.parent.name == "snapshots":
            self._roots.append(self._folder.parent.parent / "blobs")

    def where(self, name: str = "") -> str:
        """The path as the user gave it."""
        return str(self._shown / name)

    def names(self) -> list[str]:
        """The names right in the folder."""
        try:
            return sorted(entry.name for entry in os.scandir(self._folder))
        except OSError as error:
            raise BadCheckpoint(f"{self.where()}: cannot be read: {error.strerror}") from error

    def size(self, name: str) -> int | None:
        """Bytes of a regular file."""
        check_name(name, self.where())
        try:
            found = (self._folder / name).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadCheckpoint(f"{self.where(name)}: cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(found.st_mode):
            raise BadCheckpoint(f"{self.where(name)}: not a file that can be read in pieces")
        path = (self._folder / name).resolve()
        if not any(path.is_relative_to(root) for root in self._roots):
            raise BadCheckpoint(
                f"{self.where(name)}: a link that leads out of the checkpoint: put the file itself there"
            )
        return found.st_size

    def read(self, name: str, start: int, length: int) -> bytes:
        """Each is read at once; the file is not mapped, so that one cut off meanwhile is an error and no crash."""
        if self.size(name) is None:
            raise IncompleteCheckpoint(f"{self.where(name)}: not there")
        try:
            with (self._folder / name).open("rb", buffering=0) as file:
                file.seek(start)
                return _exactly(file.read, length, self.where(name))
        except OSError as error:
            raise BadCheckpoint(f"{self.where(name)}: cannot be read: {error.strerror}") from error


class _Read(Protocol):
    def __call__(self, size: int, /) -> bytes: ...


def _exactly(read: _Read, length: int, where: str) -> bytes:
    """Linux gives at most 2 GiB at once."""
    parts = []
    left = length
    while left:
        part = read(left)
        if not part:
            raise IncompleteCheckpoint(f"{where}: ended {left} bytes too soon while it was read")
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
