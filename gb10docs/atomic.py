"""Files written whole or not at all."""

from __future__ import annotations

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
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWriteError(f"{path}: cannot be written: {error.strerror}") from error
