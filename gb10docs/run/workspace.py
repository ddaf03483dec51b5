"""What all pages of one invocation share: the lock, the temporary folder, the environment, the stand-ins."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from gb10docs.machine import processes
from gb10docs.machine.folders import in_use
from gb10docs.plan.plan import Plan, stand_ins_of
from gb10docs.plan.targets.real import search_path
from gb10docs.privacy.redactor import Redactor
from gb10docs.run import CannotRun, lock, notes
from gb10docs.run.interrupts import Interrupted, Signals
from gb10docs.run.notes import Note
from gb10docs.run.streams import Pump
from gb10docs.standins.supply import Order, Supply

FetchProgress = Callable[[int, int], None]


class Workplace:
    """Where pages are run; nothing of it is left when it is closed."""

    def __init__(
        self, root: Path, scratch: Path, texts: Path, note: Note, redactor: Redactor, signals: Signals
    ) -> None:
        self.root, self.scratch, self.texts = root, scratch, texts
        self.note, self.signals, self.redactor = note, signals, redactor
        redactor.add_places({f"{scratch}/home": "~", f"{scratch}/": "", f"{self.texts}/": ""})
        self.environment: Mapping[str, str] = {}
        self.supply: Supply | None = None
        self._stand_ins: Mapping[str, str] = {}
        self._identity = note.run
        processes.adopt_orphans()
        self._strangers = processes.descendants(os.getpid())

    def prepare(self, plans: Sequence[Plan], fetching: FetchProgress | None) -> None:
        """Everything that has to be there before the first step; a download may take its time.

        Raises:
            Interrupted: A signal came meanwhile; what has been started is ended by `close`.
        """
        marked = {processes.MARK: self._identity}
        order = Order(
            stand_ins=stand_ins_of(plans),
            texts=tuple(planned.step.snippet.text for plan in plans for planned in plan.steps),
            root=self.root,
            scratch=self.scratch,
            log=Path(self.log("stand-in.log")),
            marked=marked,
            progress=self._or_stop(fetching),
        )
        if start := plans[0].target.supply(order):
            pump = Pump(self.signals)
            try:
                pump.call(lambda: self._obtain(start), math.inf)
            finally:
                pump.close()
        self.environment = {**os.environ, **self._stand_ins, "PATH": search_path(), **marked}

    def _obtain(self, start: Callable[[], Supply]) -> None:
        """Have the stand-ins, and the variables that lead to them."""
        self.supply = start()
        self._stand_ins = self.supply.environment()

    def _or_stop(self, fetching: FetchProgress | None) -> FetchProgress:
        """What ends a download that nobody waits for any more."""

        def told(done: int, total: int) -> None:
            if self.signals.came:
                raise Interrupted
            if fetching:
                fetching(done, total)

        return told

    def log(self, name: str) -> str:
        """Where an output that is too long for the report is kept whole."""
        return notes.log_path(self._identity, name)

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
        processes.stop(self.processes, signals=self.signals)
        if self.note.labelled:
            print(f"gb10docs: {notes.UNCLEARED}: start it, and run gb10docs clean", file=sys.stderr)


@contextlib.contextmanager
def workplace(root: Path, redactor: Redactor, signals: Signals) -> Iterator[Workplace]:
    """Take the machine, clear away what killed runs have left, and leave it as it was.

    Raises:
        CannotRun: Another run holds it.
        CannotRun: There is no place for temporary files.
    """
    identity = os.urandom(6).hex()
    with contextlib.ExitStack() as stack:
        stack.enter_context(lock.hold())
        notes.clear_killed()
        scratch, texts = notes.scratch_path(identity), notes.texts_path(identity)
        note = stack.enter_context(notes.keep(identity, [scratch, texts]))
        for folder in {scratch, texts}:
            stack.enter_context(_made(folder))
        stack.enter_context(processes.marking(identity))
        yield Workplace(root, scratch, texts, note, redactor, signals)


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A temporary folder, for a while."""
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise CannotRun(f"{folder}: {error.strerror}: make room, or name another place in TMPDIR") from error
    try:
        with in_use(folder):
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
