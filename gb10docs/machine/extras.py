"""What of gb10docs is not in a plain install: the packages of each extra, and what to install where one is missing.

The lists are those of the installed package itself, so that `pyproject.toml` is the only place that has them.
"""

from __future__ import annotations

import re
from importlib import metadata

from gb10docs.machine import Unavailable

PROJECT = "gb10docs"
_REQUIRED = re.compile(r"""(?P<name>[\w.-]+).*;\s*extra\s*==\s*["'](?P<extra>[\w.-]+)["']""")


def require(extra: str) -> None:
    """Whatever an extra brings is here.

    Raises:
        Unavailable: It is not; the message says what to install.
    """
    if told := missing(extra):
        raise Unavailable(told)


def missing(extra: str) -> str:
    """What to install for an extra, in a sentence; empty where all of it is here."""
    absent = [name for name in _packages().get(extra, ()) if not _installed(name)]
    return _told(absent, extra) if absent else ""


def lacking(error: ModuleNotFoundError) -> Unavailable | None:
    """What to tell of an import that failed; None where no extra has such a package.

    Of several extras that have it, the one with the fewest packages is named.
    """
    module = (error.name or "").partition(".")[0]
    having = {
        extra: names
        for extra, names in _packages().items()
        if _normal(module) in map(_normal, names) and not _installed(module)
    }
    smallest = min(having, key=lambda extra: (len(having[extra]), extra), default="")
    return Unavailable(_told([module], smallest)) if smallest else None


def _told(absent: list[str], extra: str) -> str:
    what = (
        f"the package {absent[0]}, which is"
        if len(absent) == 1
        else f"the packages {', '.join(absent)}, which are"
    )
    return f"this needs {what} not installed: pip install '{PROJECT}[{extra}]'"


def _packages() -> dict[str, list[str]]:
    """The names of the packages of each extra."""
    found: dict[str, list[str]] = {}
    try:
        required = metadata.requires(PROJECT) or []
    except metadata.PackageNotFoundError:  # run from a folder that was never installed
        return found
    for line in required:
        if match := _REQUIRED.match(line):
            found.setdefault(match["extra"], []).append(match["name"])
    return found


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    """A package's and a module's name in one spelling."""
    return re.sub(r"[-_.]+", "_", name).lower()
