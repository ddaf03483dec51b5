"""What all pages of one invocation share: the lock, the temporary folder, the environment, the stand-ins."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gb10docs import lock, processes
from gb10docs.lock import Lock
from gb10docs.plan import Plan
from gb10docs.private import this_machine
from gb10docs.redact import Redactor
from gb10docs.targets.real import search_path

if TYPE_CHECKING:
    from gb10docs.standins import nvidia
    from gb10docs.standins.supply import Supply

FetchProgress = Callable[[int, int], None]


class Workplace:
    """Where pages are run; nothing of it is left when it is closed."""

    def __init__(self, root: Path, scratch: Path, identity: str, held: Lock) -> None:
        self.root, self.scratch, self.lock = root, scratch, held
        self.texts = lock.texts_path(identity)
        places = {f"{scratch}/home": "~", f"{scratch}/": "", f"{self.texts}/": "", str(root): "."}
        self.redactor = Redactor.from_environment(os.environ, {**places, **this_machine(os.environ)})
        self.environment: Mapping[str, str] = {}
        self.supply: Supply | nvidia.Supply | None = None
        self._identity = identity
        processes.adopt_orphans()
        self._strangers = processes.descendants(os.getpid())

    def prepare(self, plans: Sequence[Plan], fetching: FetchProgress | None) -> None:
        """Everything that has to be there before the first step."""
        marked = {processes.MARK: self._identity}
        if plans[0].target.name == "cpu":
            from gb10docs.standins.supply import Supply

            self.supply = Supply(plans, self.root, self.scratch, marked, fetching)
        elif plans[0].target.name == "nvidia":
            from gb10docs.standins import nvidia

            self.supply = nvidia.Supply(plans, self.scratch)
        extra = self.supply.environment() if self.supply else {}
        self.environment = {**os.environ, **extra, "PATH": search_path(), **marked}

    def log(self, name: str) -> str:
        """Where an output that is too long for the report is kept whole."""
        from platformdirs import user_state_path

        return f"{user_state_path('gb10docs')}/logs/{self._identity}/{name}"

    def processes(self) -> set[int]:
        """Every process of this invocation that is left."""
        return processes.of_run(self._identity) - self._strangers

    def of_pages(self) -> set[int]:
        """Those that pages have started: all but the stand-ins."""
        return self.processes() - (self.supply.processes() if self.supply else set())

    def close(self) -> None:
        """End the stand-ins, and whatever else is left."""
        if self.supply:
            self.supply.close()
        processes.stop(self.processes)
        if self.lock.holder.labelled:
            print(f"gb10docs: {lock.UNCLEARED}: start it, and run gb10docs clean", file=sys.stderr)


@contextlib.contextmanager
def workplace(root: Path, first_page: str) -> Iterator[Workplace]:
    """Take the machine, and leave it as it was.

    Raises:
        Busy: Another run holds it.
    """
    identity = os.urandom(6).hex()
    with contextlib.ExitStack() as stack:
        held = stack.enter_context(lock.hold(lock.holder(identity, first_page)))
        for folder in {lock.scratch_path(identity), lock.texts_path(identity)}:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        stack.enter_context(processes.marking(identity))
        yield Workplace(root, lock.scratch_path(identity), identity, held)
