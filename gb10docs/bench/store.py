"""Where results are kept: JSON lines in the user's data folder, one result a line, only ever appended to."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import NamedTuple

from gb10docs import atomic
from gb10docs.bench import CannotMeasure
from gb10docs.bench.results import Result, from_json, to_json
from gb10docs.errors import GB10DocsError


class Kept(NamedTuple):
    """What a store holds: its results in the order they were made, and the lines that are none."""

    results: list[Result]
    bad: list[CannotMeasure]


def default_path() -> Path:
    """`bench/results.jsonl` in the user's data folder."""
    from platformdirs import user_data_path

    return user_data_path("gb10docs") / "bench" / "results.jsonl"


def _file(named: Path | None) -> Path:
    """The file that is meant: where a folder is named, the one in it."""
    path = named or default_path()
    return path / "results.jsonl" if path.is_dir() else path


def append(result: Result, path: Path | None = None) -> Path:
    """Add one line in one write under a lock, and return the store's path.

    A line that an interrupted writer left unfinished is closed first, so that only that one is lost.

    Raises:
        GB10DocsError: The file cannot be written.
    """
    path = _file(path)
    line = json.dumps(to_json(result), ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write((line if _ends_whole(path) else "\n" + line).encode())
            os.fsync(file.fileno())
    except OSError as error:
        raise GB10DocsError(f"cannot keep the result in {path}: {error.strerror}.") from error
    return path


def refuse_unwritable(path: Path | None = None) -> None:
    """Find out before a measurement whether its result could be kept.

    Raises:
        CannotWrite: It could not.
    """
    file = _file(path)
    (atomic.refuse_unappendable if file.exists() else atomic.refuse_unwritable)(file)


def read(path: Path | None = None) -> Kept:
    """Read every result there is; blank lines are nothing, bad ones are returned beside the rest.

    Raises:
        GB10DocsError: The file is there and cannot be read.
    """
    named, path = path, _file(path)
    kept = Kept([], [])
    try:
        lines = path.read_bytes().splitlines() if path.exists() or path.parent == named else []
    except OSError as error:
        raise GB10DocsError(f"cannot read the results in {path}: {error.strerror}.") from error
    for number, line in enumerate(lines, start=1):
        try:
            if line.strip():
                kept.results.append(from_json(json.loads(line.decode())))
        except (ValueError, RecursionError) as error:
            kept.bad.append(
                CannotMeasure(f"{path}:{number}: no benchmark result: {error}; mend or delete the line.")
            )
    return kept


def find(name: str, results: list[Result]) -> Result:
    """The result that a user means: in a JSON file, at a place (`1` is the first, `-1` the last), or a label's last.

    Raises:
        CannotMeasure: There is none, or the file is no result.
    """
    if name.endswith(".json"):
        return _from_file(Path(name))
    if name.lstrip("-").isdigit() and 0 < abs(int(name)) <= len(results):
        place = int(name)
        return results[place if place < 0 else place - 1]
    labelled = [result for result in results if result.label == name]
    if labelled:
        return labelled[-1]
    labels = ", ".join(dict.fromkeys(result.label for result in results)) or "nothing"
    raise CannotMeasure(
        f"no result is called '{name}'; kept are: {labels}. `gb10docs bench report` lists them."
    )


def _from_file(path: Path) -> Result:
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CannotMeasure(f"cannot read {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise CannotMeasure(f"{path} is no benchmark result: {error}.") from None


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
