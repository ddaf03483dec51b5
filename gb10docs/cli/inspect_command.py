"""What `gb10docs inspect` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gb10docs.atomic import write_text
from gb10docs.models.checkpoints import files
from gb10docs.models.checkpoints.checkpoint import Checkpoint, open_checkpoint, open_repository
from gb10docs.models.checkpoints.documents import IncompleteCheckpoint
from gb10docs.models.inspection import report
from gb10docs.models.inspection.expectation import Scheme, unmet
from gb10docs.models.inspection.look import look


def inspect(place: str, revision: str | None, expected: Scheme | None, json_file: Path | None) -> int:
    """Print what a checkpoint is; the exit status.

    Raises:
        BadCheckpoint: There is none, or it cannot be true.
        NoHub: The hub does not answer, or does not have it.
    """
    try:
        inspection = look(_open(place, revision), place)
    except IncompleteCheckpoint as error:
        if expected is None:
            raise
        return _refuse(place, expected, [str(error)])
    if json_file:
        text = inspection.model_dump_json(by_alias=True, indent=2) + "\n"
        if json_file == Path("-"):
            sys.stdout.write(text)
        else:
            write_text(json_file, text)
    if json_file != Path("-"):
        report.show(inspection)
    if expected and (reasons := unmet(inspection, expected)):
        return _refuse(place, expected, reasons)
    return 0


def _open(place: str, revision: str | None) -> Checkpoint:
    """A path where there is one, or where it can be nothing else."""
    path = files.place(place)
    if os.path.lexists(path) or place.count("/") != 1 or place.startswith((".", "~", "/")):
        return open_checkpoint(path)
    return open_repository(place, revision)


def _refuse(place: str, expected: Scheme, reasons: list[str]) -> int:
    print(f"gb10docs: {place} is not {expected}:", *reasons, sep="\n- ", file=sys.stderr)
    return 1
