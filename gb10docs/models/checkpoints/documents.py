"""JSON documents that somebody else wrote: bounded in size, in number of values and in depth."""

from __future__ import annotations

import json
from typing import Any

from gb10docs.errors import GB10DocsError

VALUES = 2_000_000
"""Most values in a document: a header with as many has 250,000 tensors, and takes at most 200 MB in memory."""

Table = dict[str, Any]


class BadCheckpoint(GB10DocsError):
    """A checkpoint that cannot be read, or that says what cannot be so."""


class IncompleteCheckpoint(BadCheckpoint):
    """A checkpoint of which a part is not there: a file, or the end of one."""


def parse(raw: bytes, where: str) -> Table:
    """The JSON object in UTF-8 bytes; `where` begins the message of an error.

    Raises:
        BadCheckpoint: Not JSON, no object, a key twice in one object, or too much of it.
    """
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > VALUES:
        raise BadCheckpoint(f"{where}: more than {VALUES} values of JSON: no checkpoint has that many")
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_table)
    except RecursionError:
        raise BadCheckpoint(f"{where}: JSON nested too deep to be a checkpoint's") from None
    except ValueError as error:
        raise BadCheckpoint(f"{where}: not the JSON of a checkpoint: {error}") from error
    if not isinstance(found, dict):
        raise BadCheckpoint(f"{where}: expected a JSON object, found {type(found).__name__}")
    return found


def table(value: object) -> Table:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """The value where it is a short text without anything that a terminal would act on, else nothing."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 200 else ""


def _table(pairs: list[tuple[str, Any]]) -> Table:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:200]!r} stands twice in one object")
    return found
