"""What this machine is and has: looked at, never assumed."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from gb10docs.results import Machine

_ANSWER_S = 10.0
"""Longest that nvidia-smi may take: it may have to load the driver first."""


@cache
def look() -> Machine:
    """The machine as a report records it."""
    gpu, driver = _gpu()
    cores = len(os.sched_getaffinity(0))
    return Machine(
        hardware=gpu or f"{_processor()}, {cores} cores",
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


def _gpu() -> tuple[str, str]:
    """Name and driver version of the first NVIDIA GPU; its memory is not asked for (a GB10 reports none)."""
    if not shutil.which("nvidia-smi"):
        return "", ""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
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
        return "", ""
    first = asked.stdout.splitlines()[:1] if asked.returncode == 0 else []
    name, _, driver = first[0].partition(", ") if first else ("", "", "")
    return name.strip(), driver.strip()


def _processor() -> str:
    match = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def _os() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
