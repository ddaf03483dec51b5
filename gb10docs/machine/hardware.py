"""What this machine is and has: looked at, never assumed."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from gb10docs.results.result import Machine

_ANSWER_S = 10.0
"""Longest that nvidia-smi may take: it may have to load the driver first."""

EMULATED = "emulated "
"""How the hardware of a machine begins whose processor is a program on a processor of another kind."""

SLOWER = 20
"""How many times as long as a real processor an emulated one may take."""

_ARCHITECTURES = {"aarch64": "arm64", "x86_64": "x86-64"}


@cache
def look() -> Machine:
    """The machine as a report records it."""
    # Memory is not asked for: a GB10 reports none.
    gpu, driver = [*ask_gpu("name", "driver_version"), "", ""][:2]
    cores = len(os.sched_getaffinity(0))
    return Machine(
        hardware=gpu or f"{_emulated() or _processor()}, {cores} cores",
        os=_os(),
        arch=platform.machine(),
        cores=cores,
        memory_bytes=memory("MemTotal"),
        gpu=gpu,
        driver=driver,
        python=platform.python_version(),
    )


def memory(field: str) -> int:
    """Bytes of a `/proc/meminfo` field, such as MemAvailable; on a GB10 the GPU's memory is the same pool."""
    match = re.search(rf"^{field}: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def ask_gpu(*fields: str) -> list[str]:
    """What nvidia-smi says of the first NVIDIA GPU, a text a field, without units; empty where it does not answer."""
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_S,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        # A driver that does not answer is no GPU that a page could use.
        return []
    first = asked.stdout.splitlines()[:1] if asked.returncode == 0 else []
    return [cell.strip() for line in first for cell in line.split(", ")]


def patience(seconds: float) -> float:
    """How long to wait for what a real processor does in so many seconds."""
    return seconds * SLOWER if emulated() else seconds


def emulated() -> str:
    """The kind of processor that is emulated here, such as `arm64`; empty where the processor is real."""
    return _name(platform.machine()) if _emulated() else ""


def _emulated() -> str:
    """What is emulated, by what and on what: `emulated arm64 (QEMU on x86-64)`; empty where nothing is.

    A program that QEMU runs is shown the file that it wants to be in `/proc/self/exe`, but not in
    `/proc/thread-self/exe`. `/proc/cpuinfo` is of no use: some versions pass on that of the real processor.
    """
    try:
        program = Path("/proc/thread-self/exe").readlink().name
    except OSError:
        return ""
    if not program.startswith("qemu-"):
        return ""
    arch = Path("/proc/sys/kernel/arch")  # Linux 6.1 or newer
    below = f" on {_name(arch.read_text().strip())}" if arch.is_file() else ""
    return f"{EMULATED}{_name(platform.machine())} (QEMU{below})"


def _name(architecture: str) -> str:
    return _ARCHITECTURES.get(architecture, architecture)


def _processor() -> str:
    match = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def _os() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
