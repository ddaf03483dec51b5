"""Temporary folders of this program: what they are called, and whether a process that lives still uses one."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

PREFIX = "gb10docs-"
"""Names of our temporary folders begin with it."""


@contextlib.contextmanager
def in_use(folder: str | Path) -> Iterator[None]:
    """Mark a temporary folder as that of a process that lives, so that `gb10docs clean` leaves it alone.

    Raises:
        OSError: There is no such folder, or it may not be read.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def is_in_use(folder: Path) -> bool:
    """Whether a process that lives uses it; a folder that cannot be opened counts as used."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Lock an open file or folder for this process alone; False where somebody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
