"""What goes into a step's outcome, each with its hash, so that a record can tell whether it still holds."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from gb10docs.errors import GB10DocsError
from gb10docs.pages.header import Checks
from gb10docs.pages.snippet import LANGUAGES, BadSnippet, Snippet, read_snippet

if TYPE_CHECKING:
    from gb10docs.pages.page import Step
    from gb10docs.plan.plan import Plan, PlannedStep

CONTRACTS, ABLE = "gb10docs/engines/contracts", "gb10docs/standins/fields.json"
"""What the stand-in knows of the engines that it stands in for, and what of that it can carry out."""
_MENTIONED = re.compile(r"\bsnippets/[\w./-]*\w")
"""Other files of the course that a snippet reads or runs."""
MISSING, CHANGED = "missing", "changed while it ran"
"""What a record holds in the place of a hash: of an input that was not there, and of one that nobody can tell."""
IMAGES, MODELS = "compose/images.lock.toml", "compose/models.lock.toml"


class BadLockFile(GB10DocsError):
    """A file of pinned images or models that cannot be read."""


class Pins:
    """The lock files of a tree: what images and models are pinned to. Each is read once, when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._rows: dict[str, dict[str, dict[str, Any]]] = {}

    def rows(self, file: str) -> dict[str, dict[str, Any]]:
        """The rows of `IMAGES` by image reference, or those of `MODELS` by repository.

        Raises:
            BadLockFile: The file cannot be read, or is no table of such rows.
        """
        if file not in self._rows:
            self._rows[file] = _lock_rows(self.root / file)
        return self._rows[file]

    def refuse_bad(self) -> None:
        """Read both files.

        Raises:
            BadLockFile: One of them cannot be read, or is no table of such rows.
        """
        for file in (IMAGES, MODELS):
            self.rows(file)


def inputs_of(planned: PlannedStep, plan: Plan, pins: Pins) -> dict[str, str]:
    """What a step's outcome depends on, with the SHA-256 of each; what starts its servers included.

    To be asked when the plan is made. Of snippets it is the text that the plan holds and that will run, whatever
    becomes of the file; of all else it is what lies on disk now.
    """
    starts = {one.step.key: one.step for one in plan.steps if one.step.snippet.header.server}
    servers = {one.step.key: one for one in plan.steps if one.step.key in starts}
    needed = [planned, *(servers[key] for key in planned.after if key in servers)]
    held = {name: sha256 for one in needed for name, sha256 in _of_snippet(one.step.snippet).items()}
    on_disk = {name for one in needed for name in _on_disk(one, pins.root)}
    found = {name: input_hash(name, pins) or MISSING for name in on_disk} | held
    return {name: found[name] for name in sorted(found)}


def after_the_run(inputs: Mapping[str, str], planned: PlannedStep, plan: Plan, pins: Pins) -> dict[str, str]:
    """The inputs of a step that has ended, those that somebody changed on disk meanwhile marked as `CHANGED`.

    Nobody can tell which text the step has met there; so its record is stale, and stays so. `pins` are read anew
    after the run: those of the plan tell what the lock files were before it.
    """
    held = {name for one in plan.steps for name in _of_snippet(one.step.snippet)} - {
        *_on_disk(planned, pins.root)
    }
    return {
        name: was if name in held or was == (input_hash(name, pins) or MISSING) else CHANGED
        for name, was in inputs.items()
    }


def _of_snippet(snippet: Snippet) -> dict[str, str]:
    """The text of a snippet and its expectations, as they were read."""
    return {snippet.place: snippet.sha256, f"{snippet.place}#expect": _hash_of_checks(snippet.header.expect)}


def _on_disk(planned: PlannedStep, root: Path) -> Iterator[str]:
    """What a step reads itself as it runs: a path below the root, and after a `#` the part of it that counts."""
    step = planned.step
    if planned.service:
        yield from (path.relative_to(root).as_posix() for path in planned.service.files)
        yield f"{IMAGES}#{planned.service.image}"
    yield from (f"{MODELS}#{name}" for name in models_of(step))
    yield from (name for name in _MENTIONED.findall(step.snippet.body) if (root / name).is_file())
    from gb10docs.standins import catalog  # not by those who only read evidence, such as a page

    engines = (catalog.ENGINES[one.name] for one in planned.stand_ins if one.kind == "engine")
    if any(one.contract for one in engines):
        yield from (CONTRACTS, ABLE)


def models_of(step: Step) -> list[str]:
    """Names of the models that a step needs or makes."""
    header = step.snippet.header
    return [need.value for need in dict.fromkeys([*header.needs, *header.makes]) if need.kind == "model"]


def input_hash(name: str, pins: Pins) -> str | None:
    """SHA-256 of an input of the tree of these pins as it is today, None where it is gone.

    Raises:
        BadLockFile: It is a row of a lock file that cannot be read.
    """
    path, _, part = name.partition("#")
    if not path or path.startswith("/") or ".." in path.split("/"):
        return None
    if name in {CONTRACTS, ABLE}:
        return _hash_of_files(Path(__file__).parents[2] / path)
    if path.startswith("snippets/") and PurePosixPath(path).suffix in LANGUAGES:
        return _hash_of_snippet(pins.root / path, path.removeprefix("snippets/"), part)
    if path in {IMAGES, MODELS}:
        row = pins.rows(path).get(part)
        return _sha256(json.dumps(row, sort_keys=True, default=str).encode()) if row else None
    return _hash_of_files(pins.root / path)


def _hash_of_snippet(path: Path, name: str, part: str) -> str | None:
    try:
        snippet = read_snippet(path, name)
    except BadSnippet:
        return None
    return _hash_of_checks(snippet.header.expect) if part else snippet.sha256


def _hash_of_checks(checks: Checks) -> str:
    declared = json.dumps(_declared(checks), separators=(",", ":"), ensure_ascii=False, default=str)
    return _sha256(declared.encode())


def _declared(checks: Checks) -> dict[str, Any]:
    """The keys of a table of checks that say something."""
    values = {one.name: getattr(checks, one.name) for one in fields(checks)}
    said = {name: value for name, value in values.items() if value not in ((), None, False)}
    return {name: _declared(value) if name == "real" else value for name, value in said.items()}


def _hash_of_files(path: Path) -> str | None:
    """The hash of a file, or of the names and contents of all files in a folder."""
    if path.is_file():
        return _sha256(path.read_bytes())
    if not path.is_dir():
        return None
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = (f"{_sha256(file.read_bytes())}  {file.relative_to(path).as_posix()}\n" for file in files)
    return _sha256("".join(lines).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _lock_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Rows of a lock file by image reference or repository; none where there is no such file."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadLockFile(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLockFile(f"{path}: no valid TOML: {error}: mend it") from error
    rows: dict[str, dict[str, Any]] = {}
    for table, key in (("image", "reference"), ("model", "repository")):
        listed = tables.get(table, [])
        for row in listed if isinstance(listed, list) else [listed]:
            name = row.get(key) if isinstance(row, dict) else None
            if not isinstance(name, str):
                raise BadLockFile(f'{path}: a row is no [[{table}]] with {key} = "…": write it so')
            rows[name] = row
    return rows
