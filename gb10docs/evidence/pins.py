"""The lock files under compose/: which images and models the pages name, and what each is pinned to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gb10docs.atomic import write_text
from gb10docs.evidence.inputs import IMAGES, MODELS, BadLockFile, Pins
from gb10docs.evidence.registry import image_digest, model_revision

_KINDS = {"image": (IMAGES, "reference", "digest"), "model": (MODELS, "repository", "revision")}
"""For each kind: the lock file, its key for the name, and the one for what it is pinned to."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One row of a lock file."""

    kind: str
    name: str
    pinned: str
    """Digest or revision; empty where nobody has resolved it."""

    def today(self) -> str:
        """What upstream has under the name.

        Raises:
            UnknownUpstream: It does not tell.
        """
        return image_digest(self.name) if self.kind == "image" else model_revision(self.name)


def read(root: Path) -> Iterator[Pin]:
    """Every image and model that is pinned, or ought to be.

    Raises:
        BadLockFile: A lock file is no valid TOML.
    """
    locked = Pins(root)
    for kind, (file, _, key) in _KINDS.items():
        for name, row in locked.rows(file).items():
            yield Pin(kind, name, str(row.get(key, "")))


def write(root: Path, pin: Pin, value: str) -> None:
    """Pin it to a digest or revision; every other line of the lock file stays as it is.

    Raises:
        BadLockFile: The row is not written as one line for each key.
    """
    file, naming, key = _KINDS[pin.kind]
    text = (root / file).read_text(encoding="utf-8")
    row = re.compile(
        rf'^(?P<name>{naming} *= *"{re.escape(pin.name)}" *\n)(?P<rest>(?:(?!\[).*\n)*)', re.MULTILINE
    )
    found = row.search(text)
    if not found:
        raise BadLockFile(f'{file}: no line {naming} = "{pin.name}": write it on a line of its own')
    rest = re.sub(rf"^{key} *=.*\n", "", found["rest"], flags=re.MULTILINE)
    new = f'{found["name"]}{key} = "{value}"\n{rest}'
    write_text(root / file, text[: found.start()] + new + text[found.end() :])
