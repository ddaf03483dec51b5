"""What the machine was like around a measurement: free memory and, on an NVIDIA GPU, its clocks."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from gb10docs.machine import hardware

_ASKED = {
    "sm_mhz": "clocks.sm",
    "memory_mhz": "clocks.mem",
    "watts": "power.draw",
    "celsius": "temperature.gpu",
}


@dataclass(frozen=True)
class Conditions:
    """One look; null where the machine does not say. A GB10 reports no memory clock."""

    memory_available_bytes: int
    sm_mhz: float | None = None
    memory_mhz: float | None = None
    watts: float | None = None
    celsius: float | None = None


def look() -> Conditions:
    """The conditions now."""
    return Conditions(hardware.memory("MemAvailable"), **_gpu())


def _gpu() -> dict[str, float | None]:
    if not shutil.which("nvidia-smi"):
        return {}
    command = ["nvidia-smi", f"--query-gpu={','.join(_ASKED.values())}", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return {}
    first = asked.stdout.splitlines()[:1] if asked.returncode == 0 else []
    values = [_number(cell) for cell in first[0].split(",")] if first else []
    return dict(zip(_ASKED, values, strict=False))


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
