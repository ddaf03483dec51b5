"""What runs the commands of one page: its sessions, its warm Python, and the texts as they were when it was read."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from functools import partial

from gb10docs.pages.page import Step
from gb10docs.plan.plan import Action, Plan
from gb10docs.run.execution import Execution
from gb10docs.run.python import Scripts
from gb10docs.run.script_requirements import Interpreters
from gb10docs.run.session import Session
from gb10docs.run.shell_context import ShellContext
from gb10docs.run.streams import Capture, Pump
from gb10docs.run.workspace import Workplace


class Commands:
    """Starts the commands of a page's steps, each in its session.

    Args:
        plan: The page's steps.
        place: Where they run.
        pump: What reads their output.
    """

    def __init__(self, plan: Plan, place: Workplace, pump: Pump) -> None:
        self._plan, self._place, self._pump = plan, place, pump
        self._sessions: dict[str, Session] = {}
        self._scripts: Scripts | None = None
        self._interpreters = Interpreters()
        self._folders: set[str] = set()
        self._before_python = {
            one.step.id
            for one, following in itertools.pairwise(plan.steps)
            if following.step.snippet.language == "python"
        }

    def warm_up(self) -> None:
        """Have Python ready, if a step is to run it."""
        snippets = [one.step.snippet for one in self._plan.steps if one.action is Action.RUN]
        if any(snippet.language == "python" for snippet in snippets):
            declared = (name for snippet in snippets for name in snippet.dependencies)
            self._scripts = Scripts(self._pump, self._place.environment, declared)

    def captures(self, step: Step) -> tuple[Capture, Capture]:
        """For the standard output and error of a step."""
        out, err = (
            Capture(self._place.redactor, partial(self._place.log, f"{step.key.replace('/', '-')}.{stream}"))
            for stream in ("stdout", "stderr")
        )
        return out, err

    def freeze(self, step: Step) -> str:
        """The path of the text that runs, out of reach of an editor; its line numbers are those of the file."""
        copy = f"{self._place.texts}/{step.snippet.place}"
        folder = copy.rpartition("/")[0]
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103  a page has hundreds, and a Path takes longer
            self._folders.add(folder)
        with open(copy, "wb", buffering=0) as file:  # noqa: PTH123
            file.write(step.snippet.text.encode())
        return copy

    def begin(self, step: Step, copy: str, out: Capture, err: Capture) -> Execution:
        """Start the frozen copy of a step."""
        self.settle()
        name = step.snippet.header.session
        if name not in self._sessions:
            self._sessions[name] = Session(self._place.root, self._place.environment, self._pump)
        session = self._sessions[name]
        if step.snippet.language == "bash":
            return session.begin(copy, out, err, tells=step.id in self._before_python)
        assert self._scripts
        around = _with_packages(step, session.surroundings())
        self._interpreters.refuse_unmet(step.snippet, around)
        return self._scripts.begin(copy, around, out, err)

    def settle(self) -> None:
        """Wait until nothing is left of the Python step before, whose end is known a little earlier."""
        if self._scripts:
            self._scripts.settle()

    def endings(self, *, interrupt: bool) -> Iterator[partial[None]]:
        """What ends them, one after the other."""
        for session in self._sessions.values():
            yield partial(session.close, interrupt=interrupt)
        if self._scripts:
            yield partial(self._scripts.close)


def _with_packages(step: Step, around: ShellContext) -> ShellContext:
    """What a Python step inherits, with an interpreter that has the packages it declares."""
    packages = step.snippet.header.packages
    if not packages:
        return around
    from gb10docs.machine import environments

    python = environments.python_for(packages, around.python, around.environment)
    variables = environments.variables_for(python, around.python, around.environment)
    return around._replace(python=python, environment=variables)
