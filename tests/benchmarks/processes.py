"""One whole process tree, timed from spawn to exit."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """What one process tree took."""

    seconds: float
    """Wall time, from spawn to exit."""

    peak_mb: float
    """Largest resident set of any one process of the tree that was waited for, in MB of 10^6 bytes.

    Never below this harness's own, which a child is accounted for until it becomes another program.
    """

    status: int
    output: str


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Run:
    """Run a command in `folder` with nothing but `environment`, no terminal and an empty standard input."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Run(seconds, usage.ru_maxrss * 1024 / 1e6, process.returncode, text)


def clean_environment(home: Path, *programs: Path) -> dict[str, str]:
    """A bare environment: these programs' folders and the system's on PATH, a home of its own, UTF-8."""
    path = [*(str(program.parent) for program in programs), "/usr/local/bin", "/usr/bin", "/bin"]
    return {"PATH": ":".join(path), "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb"}
