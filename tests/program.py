"""The real program on a small page, in a temporary folder of its own, and what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from driving import write
from trees import page_of

PATIENCE = 60.0
"""Seconds after which whatever is waited for will not happen any more."""


def in_memory() -> list[str]:
    """Folders of runs where Linux keeps files in memory."""
    return [str(path) for path in Path("/dev/shm").glob("gb10docs-*")]


@dataclass
class Program:
    """`gb10docs` with its own lock, temporary folder, logs and tree."""

    folder: Path
    environment: dict[str, str]
    token: str = field(default_factory=lambda: f"9{uuid.uuid4().int % 10**15:015}")
    """A number of seconds that only our own `sleep` processes sleep for."""
    entry: tuple[str, ...] = ("-m", "gb10docs")
    """What of it Python runs."""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    of_others: set[str] = field(default_factory=lambda: set(in_memory()))
    """Folders of runs that were in memory before."""

    @property
    def root(self) -> Path:
        """The tree that holds docs/ and snippets/."""
        return self.folder / "tree"

    @property
    def temporary(self) -> Path:
        """What TMPDIR names."""
        return self.folder / "tmp"

    def page(self, *texts: str) -> None:
        """Write the page."""
        write(self.root, *texts)

    def tree(self, files: Mapping[str, str | list[str]]) -> None:
        """Write files, named by their path below the root; a page given as a list of snippets shows those."""
        for folder in ("docs", "snippets"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page_of(content) if isinstance(content, list) else content)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the program on the page."""
        command = arguments or (
            "run",
            "page",
            "--root",
            str(self.root),
            "--target",
            "gb10",
            "--json",
            str(self.json),
        )
        process = subprocess.Popen(
            [sys.executable, *self.entry, *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[bytes], patience: float = PATIENCE) -> tuple[int, str, str]:
        """Its exit status and what it printed."""
        out, err = process.communicate(timeout=patience)
        return process.returncode, out.decode(), err.decode()

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Start it and wait."""
        return self.finish(self.start(*arguments))

    @property
    def json(self) -> Path:
        """Where the report is written."""
        return self.folder / "report.json"

    def steps(self) -> list[dict[str, Any]]:
        """The steps of the report."""
        steps: list[dict[str, Any]] = json.loads(self.json.read_text())["steps"]
        return steps

    def signals_from(self, name: str) -> Signal:
        """A FIFO at `$NAME` that a snippet writes to when it has come so far."""
        path = self.folder / name
        os.mkfifo(path)
        self.environment[name] = str(path)
        return Signal(os.open(path, os.O_RDWR | os.O_NONBLOCK))

    def notes(self) -> list[Path]:
        """What runs have noted that they would leave."""
        return [*(self.folder / "state" / "gb10docs").glob("runs-*/*")]

    def left(self) -> list[str]:
        """What is still there of a run: processes that sleep for our token, and temporary folders."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if self.token.encode() in command and state != "Z":
                found.append(f"{entry.name} {command!r}")
        found += [path.name for path in self.temporary.iterdir()]
        return found + [name for name in in_memory() if name not in self.of_others]


def broken(program: Program, module: str, more: str) -> None:
    """From now on, a program of which one module has a fault: these lines at its end."""
    copy = program.folder / "broken"
    package = Path(__file__).resolve().parents[1] / "gb10docs"
    shutil.copytree(package, copy / "gb10docs", ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "gb10docs" / module).open("a") as file:
        file.write(more)
    program.environment |= {"PYTHONPATH": str(copy), "PYTHONSAFEPATH": "1"}


def with_constant(program: Program, module: str, name: str, value: float) -> None:
    """From now on, the program with another value of a constant, such as a shorter time that it waits."""
    text = f"import {module} as module; module.{name} = {value}; from gb10docs.__main__ import program; program()"
    subprocess.run(
        [sys.executable, "-c", f"from {module} import {name}"], check=True, env=program.environment
    )
    program.entry = ("-c", text)


@dataclass
class Signal:
    """Something that a snippet says."""

    descriptor: int

    def wait(self) -> str:
        """Until it is said."""
        ready, _, _ = select.select([self.descriptor], [], [], PATIENCE)
        assert ready, "the snippet never came so far"
        return os.read(self.descriptor, 4096).decode().strip()


@contextlib.contextmanager
def own_program(folder: Path) -> Iterator[Program]:
    """A program of its own in that folder; whatever it has started is killed afterwards."""
    (folder / "tmp").mkdir()
    environment = {
        **os.environ,
        "TMPDIR": str(folder / "tmp"),
        "XDG_STATE_HOME": str(folder / "state"),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    program = Program(folder, environment)
    environment["TOKEN"] = program.token
    try:
        yield program
    finally:
        for process in program.started:
            process.kill()
            process.communicate()
        for line in program.left():
            if line[0].isdigit():
                os.kill(int(line.split()[0]), signal.SIGKILL)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """A program of the test's own."""
    with own_program(tmp_path) as program:
        yield program
