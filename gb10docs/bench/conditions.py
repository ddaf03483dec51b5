"""What the machine was like around a measurement: free memory and, on an NVIDIA GPU, its clocks."""

from __future__ import annotations

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
    cells = hardware.ask_gpu(*_ASKED.values())
    return dict(zip(_ASKED, map(_number, cells), strict=False))


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
