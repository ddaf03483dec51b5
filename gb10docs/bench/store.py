"""Where results are kept: JSON lines in the user's data folder, one result a line, only ever appended to."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import NamedTuple

from gb10docs.bench.metrics import Result
from gb10docs.errors import GB10DocsError


class BadLineError(GB10DocsError):
    """A line of the store that is not a result; the message names file and line."""


class Kept(NamedTuple):
    """What a store holds: its results in the order they were made, and the lines that are none."""

    results: list[Result]
    bad: list[BadLineError]


def default_path() -> Path:
    """`bench/results.jsonl` in the user's data folder."""
    from platformdirs import user_data_path

    return user_data_path("gb10docs") / "bench" / "results.jsonl"


def append(result: Result, path: Path | None = None) -> Path:
    """Add one line in one write under a lock, and return the store's path.

    A line that an interrupted writer left unfinished is closed first, so that only that one is lost.

    Raises:
        GB10DocsError: The file cannot be written.
    """
    path = path or default_path()
    line = json.dumps(result.to_json(), ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write((line if _ends_whole(path) else "\n" + line).encode())
            os.fsync(file.fileno())
    except OSError as error:
        raise GB10DocsError(f"cannot keep the result in {path}: {error.strerror}.") from error
    return path


def read(path: Path | None = None) -> Kept:
    """Read every result there is; blank lines are nothing, bad ones are returned beside the rest.

    Raises:
        GB10DocsError: The file is there and cannot be read.
    """
    path = path or default_path()
    kept = Kept([], [])
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise GB10DocsError(f"cannot read the results in {path}: {error.strerror}.") from error
    for number, line in enumerate(lines, start=1):
        try:
            if line.strip():
                kept.results.append(Result.from_json(json.loads(line.decode())))
        except ValueError as error:
            kept.bad.append(
                BadLineError(f"{path}:{number}: no benchmark result: {error}; mend or delete the line.")
            )
    return kept


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
