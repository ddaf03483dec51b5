"""Files written whole or not at all, and whether they can be."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
from pathlib import Path

from gb10docs.errors import GB10DocsError


class CannotWriteError(GB10DocsError):
    """A file that the user asked for cannot be written."""


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text beside `path` and move it there; a device or pipe is written to as it is.

    Raises:
        CannotWriteError: The folder cannot be made, or the file not be written.
    """
    data = text.encode("utf-8", "replace")
    try:
        if is_stream(path):
            path.write_bytes(data)
            return
        path = Path(os.path.realpath(path))
        _make(path.parent)
        _remove_stale(path)
        beside = _beside(path)
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWriteError(f"{path}: cannot be written: {error.strerror}") from error


def remove_left(path: Path) -> None:
    """Remove what a process that was killed while it wrote there has left beside it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        writer = left.name.rpartition(".")[2]
        if writer.isdigit() and not Path(f"/proc/{writer}").exists():
            with contextlib.suppress(OSError):
                left.unlink()


def is_stream(path: Path) -> bool:
    """Whether it is a device or a pipe, which takes text but cannot be replaced by another file."""
    return path.exists() and not path.is_file() and not path.is_dir()


def refuse_unwritable(path: Path) -> None:
    """Find out whether `write_text` could write there, by doing as it does; nothing is left of that.

    Raises:
        CannotWriteError: It could not.
    """
    try:
        if is_stream(path):
            _refuse_closed(path)
            return
        path = Path(os.path.realpath(path))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        missing = [folder for folder in path.parents if not folder.exists()]
        try:
            _make(path.parent)
            beside = _beside(path)
            beside.touch()
            beside.unlink()
        finally:
            for folder in missing:
                if folder.exists():
                    folder.rmdir()
    except OSError as error:
        raise CannotWriteError(f"{path}: cannot be written: {error.strerror}") from error


def refuse_unappendable(path: Path) -> None:
    """Find out whether text could be added to the end of a file; one that is not there yet is not made.

    Raises:
        CannotWriteError: It could not.
    """
    try:
        if is_stream(path):
            _refuse_closed(path)
            return
        new = not path.exists()
        path.open("ab").close()
        if new:
            path.unlink()
    except OSError as error:
        raise CannotWriteError(f"{path}: cannot be written: {error.strerror}") from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error


def _refuse_closed(stream: Path) -> None:
    """A device or pipe that we may not write to; whether it takes what is written shows only then."""
    if not os.access(stream, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _remove_stale(path: Path) -> None:
    """What processes that were killed while they wrote there have left beside it."""
    start = f".{path.name}."
    for name in os.listdir(path.parent):  # noqa: PTH208  a folder of a site has hundreds
        writer = name.removeprefix(start)
        if (
            name != writer
            and writer.isascii()
            and writer.isdecimal()
            and not Path(f"/proc/{writer}").exists()
        ):
            path.with_name(name).unlink(missing_ok=True)
