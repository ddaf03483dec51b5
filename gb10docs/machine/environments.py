"""Python environments beside the session's own: which one holds a package whose pins clash with ours.

`make engines` makes two of them. A package is looked for by what is installed, without starting an interpreter,
except in a session: what its `python` sees, only that knows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gb10docs.machine import Unavailable

FOLDERS = (".venv-modelopt", ".venv-vllm")
VARIABLE = "GB10DOCS_ENGINES"
"""Names folders of more environments, as PATH names folders."""
_OF_THE_SESSION = frozenset({"PYTHONPATH", "PYTHONHOME"})
_ASK = "import sys\nfrom importlib.metadata import version\n[version(name) for name in sys.argv[1:]]"


def python_for(packages: Sequence[str], session: str, variables: Mapping[str, str]) -> str:
    """The interpreter of a step: the session's own if it has all packages, else the first environment's that has.

    Args:
        packages: Distributions, as pip names them.
        session: Path of the session's `python`, which is the answer too where nothing has them.
        variables: The session's environment.
    """
    return session if _has(session, packages, variables) else (python_with(packages) or session)


def variables_for(python: str, session: str, variables: Mapping[str, str]) -> dict[str, str]:
    """A session's environment for an interpreter: its PYTHONPATH only where that is the session's own."""
    own = python == session
    return {name: value for name, value in variables.items() if own or name not in _OF_THE_SESSION}


def python_with(packages: Sequence[str]) -> str:
    """The first interpreter that has all packages, our own first; empty where none has."""
    return next((python for python, path in _known() if all(_version(name, path) for name in packages)), "")


def insist(packages: Sequence[str]) -> str:
    """The first interpreter that has all packages.

    Raises:
        Unavailable: None has.
    """
    found = python_with(packages)
    if not found:
        raise Unavailable(missing(packages))
    return found


def missing(packages: Sequence[str]) -> str:
    """What to tell a person where no environment has the packages."""
    return f"{', '.join(packages)}: in no Python environment here; make engines installs it, or name one in {VARIABLE}"


def version(package: str) -> str:
    """The version that the first environment which has the package holds; empty where none does."""
    return next(filter(None, (_version(package, path) for _, path in _known())), "")


def folders() -> list[Path]:
    """The environments beside our own, whether they are there or not."""
    tree = Path(__file__).parents[2]
    more = [Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    return [*(tree / name for name in FOLDERS), *more]


def _has(python: str, packages: Sequence[str], variables: Mapping[str, str]) -> bool:
    if not python:
        return False
    command = [python, "-c", _ASK, *packages]
    asked = subprocess.run(
        command, env=dict(variables), capture_output=True, check=False, start_new_session=True
    )
    return asked.returncode == 0


def _known() -> Iterator[tuple[str, list[str]]]:
    """Interpreters, each with the folders of its packages."""
    yield sys.executable, sys.path
    for folder in folders():
        yield str(folder / "bin" / "python"), [str(path) for path in folder.glob("lib/python*/site-packages")]


def _version(package: str, path: list[str]) -> str:
    from importlib import metadata

    found = next(iter(metadata.distributions(name=package, path=path)), None)
    return found.version if found else ""
