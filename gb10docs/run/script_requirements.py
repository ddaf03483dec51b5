"""What a Python snippet declares that it requires, against what the interpreter that runs it holds.

`uv run` would make an environment to the declaration; a page's own environment is what its earlier steps have
made, so a declaration that it does not meet is a fault of the page. The interpreter is asked where it looks for
packages; what lies there is read anew for each step, since a step may install something.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any, NamedTuple

from gb10docs.pages.snippet import Snippet
from gb10docs.run import CannotRun
from gb10docs.run.shell_context import ShellContext

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_ASK_S = 60.0
"""Longest that an interpreter may take to say what it is."""
_ASK = """
import json, os, platform, sys
version = sys.implementation.version
release = "{0.major}.{0.minor}.{0.micro}".format(version)
print()
print(json.dumps({
    "path": [os.path.abspath(folder) for folder in sys.path if folder],
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": release,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
}))
"""


class Interpreter(NamedTuple):
    """An interpreter, as it describes itself."""

    python: str
    path: tuple[str, ...]
    """Where it looks for packages."""
    markers: Mapping[str, str]
    """What the markers of a requirement may ask for."""

    @property
    def version(self) -> str:
        """The version of Python, such as `3.11.7`."""
        return self.markers["python_full_version"]


class Interpreters:
    """Those that a run has asked, each once for each set of the variables that it reads at its start."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, tuple[tuple[str, str], ...]], Interpreter] = {}

    def refuse_unmet(self, snippet: Snippet, around: ShellContext) -> None:
        """Refuse to run a snippet whose declaration the `python` around it does not meet.

        Raises:
            CannotRun: Says what is declared, what is there, and what to do.
        """
        if not (snippet.requires_python or snippet.dependencies) or not around.python:
            return
        if self._unmet(snippet, around):
            self._known.clear()  # A step may have changed where an interpreter looks.
            unmet = self._unmet(snippet, around)
            if unmet:
                raise CannotRun(
                    f"{snippet.place}: {'; '.join(unmet)}: have an earlier step install what it declares, "
                    f"or mend the declaration; the step's Python is {around.python}"
                )

    def _unmet(self, snippet: Snippet, around: ShellContext) -> list[str]:
        from packaging.requirements import Requirement
        from packaging.specifiers import SpecifierSet

        interpreter = self._ask(around)
        found = []
        wanted = snippet.requires_python
        if not SpecifierSet(wanted).contains(interpreter.version, prereleases=True):
            found.append(f"declares requires-python {wanted}, and its Python is {interpreter.version}")
        for text in snippet.dependencies:
            found += _unmet(Requirement(text), interpreter, "declares", frozenset())
        return found

    def _ask(self, around: ShellContext) -> Interpreter:
        variables = tuple(sorted((k, v) for k, v in around.environment.items() if k.startswith("PYTHON")))
        key = (around.python, around.cwd, variables)
        if key not in self._known:
            self._known[key] = ask(around)
        return self._known[key]


def ask(around: ShellContext) -> Interpreter:
    """Let an interpreter describe itself.

    Raises:
        CannotRun: It cannot be started, or does not answer.
    """
    try:
        asked = subprocess.run(
            [around.python, "-c", _ASK],
            cwd=around.cwd,
            env=dict(around.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            start_new_session=True,
            check=True,
        )
        told: dict[str, Any] = json.loads(asked.stdout.rstrip().rpartition("\n")[2])
        return Interpreter(around.python, tuple(told["path"]), told["markers"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError) as error:
        raise CannotRun(
            f"{around.python} does not say which packages it holds ({type(error).__name__}): "
            "activate an environment whose Python works"
        ) from error


def _unmet(
    requirement: Requirement, interpreter: Interpreter, why: str, above: frozenset[str], extra: str = ""
) -> Iterator[str]:
    """What is wrong with a requirement, and with those of the extras that it asks for."""
    from packaging.requirements import Requirement

    if requirement.marker and not requirement.marker.evaluate({**interpreter.markers, "extra": extra}):
        return
    there = next(iter(metadata.distributions(name=requirement.name, path=list(interpreter.path))), None)
    if there is None:
        yield f"{why} {_shown(requirement)}, and there is no {requirement.name}"
        return
    if not requirement.specifier.contains(there.version, prereleases=True):
        yield f"{why} {_shown(requirement)}, and there is {requirement.name} {there.version}"
    for name in sorted(requirement.extras - above):
        for text in there.requires or ():
            if re.search(r"\bextra\b", text):
                inner = f"declares {requirement.name}[{name}], which needs"
                yield from _unmet(Requirement(text), interpreter, inner, above | {name}, name)


def _shown(requirement: Requirement) -> str:
    """A requirement less its marker, as a person would install it."""
    return str(requirement).partition(";")[0].strip()
