"""Files written whole or not at all, and whether they can be."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gb10docs.errors import GB10DocsError


class CannotWrite(GB10DocsError):
    """A file that the user asked for cannot be written."""


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text beside `path` and move it there; a device or pipe is written to as it is.

    Raises:
        CannotWrite: The folder cannot be made, or the file not be written.
    """
    data = text.encode("utf-8", "replace")
    try:
        if is_stream(path):
            path.write_bytes(data)
            return
        path = Path(os.path.realpath(path))
        _make(path.parent)
        remove_left(path)
        beside = _beside(path)
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be written: {error.strerror}") from error


def remove_left(path: Path) -> None:
    """Remove what a process that was killed while it wrote there has left beside it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        writer = left.name.rpartition(".")[2]
        if writer.isdigit() and not Path(f"/proc/{writer}").exists():
            with contextlib.suppress(OSError):
                left.unlink()


def write_inside(root: Path, name: str, text: str) -> None:
    """Write UTF-8 text to a file below a folder, whole or not at all, and through no link.

    Raises:
        CannotWrite: A link is in the way, something else than a file is there, or it cannot be written.
    """
    data, last = text.encode("utf-8", "replace"), name.rpartition("/")[2]
    beside = f".{last}.{os.getpid()}"
    with _told(root, name), _folder_inside(root, name, make=True) as folder:
        _refuse_no_file(last, folder)
        try:
            _write_new(beside, folder, data)
            os.rename(beside, last, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=folder)


def read_inside(root: Path, name: str) -> bytes | None:
    """What a file below a folder holds, read through no link; None where there is none.

    Raises:
        CannotWrite: A link is in the way, something else than a file is there, or it cannot be read.
    """
    last = name.rpartition("/")[2]
    missing = contextlib.suppress(FileNotFoundError)
    with _told(root, name), missing, _folder_inside(root, name, make=False) as folder:
        _refuse_no_file(last, folder)
        with os.fdopen(
            os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb"
        ) as file:
            return file.read()
    return None


def remove_inside(root: Path, name: str) -> None:
    """Remove a file below a folder, through no link.

    Raises:
        CannotWrite: A link is in the way, or it cannot be removed.
    """
    with _told(root, name), _folder_inside(root, name, make=False) as folder:
        os.unlink(name.rpartition("/")[2], dir_fd=folder)


@contextlib.contextmanager
def _folder_inside(root: Path, name: str, *, make: bool) -> Iterator[int]:
    """A descriptor of the folder that a file lies in, gone to step by step and through no link."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in name.split("/")[:-1]:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


@contextlib.contextmanager
def _told(root: Path, name: str) -> Iterator[None]:
    """Whatever goes wrong, told of this file."""
    try:
        yield
    except OSError as error:
        links = [one for one in (Path(name), *Path(name).parents) if (root / one).is_symlink()]
        why = f"{links[-1]} is a link, and nothing is written through one" if links else error.strerror
        raise CannotWrite(f"{root / name}: cannot be written: {why}") from error


def _refuse_no_file(name: str, folder: int) -> None:
    """Whatever is there is a file, and neither a link nor a folder."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
            raise OSError(errno.EEXIST, "something is there that is no file")


def _write_new(name: str, folder: int, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o666, dir_fd=folder), "wb") as file:
        file.write(data)


def is_stream(path: Path) -> bool:
    """Whether it is a device or a pipe, which takes text but cannot be replaced by another file."""
    return path.exists() and not path.is_file() and not path.is_dir()


def refuse_unwritable(path: Path) -> None:
    """Find out whether `write_text` could write there, by doing as it does; nothing is left of that.

    Raises:
        CannotWrite: It could not.
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
        raise CannotWrite(f"{path}: cannot be written: {error.strerror}") from error


def refuse_unappendable(path: Path) -> None:
    """Find out whether text could be added to the end of a file; one that is not there yet is not made.

    Raises:
        CannotWrite: It could not.
    """
    try:
        if is_stream(path):
            _refuse_closed(path)
            return
        path = Path(
            os.path.realpath(path)
        )  # else a link to nowhere would go in place of the file that it made
        new = not path.exists()
        path.open("ab").close()
        if new:
            path.unlink()
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be written: {error.strerror}") from error


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
