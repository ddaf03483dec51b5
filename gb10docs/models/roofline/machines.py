"""Machines: memory, bandwidth and arithmetic, each figure with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gb10docs.models.roofline.tables import read


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and why it is believed."""

    value: float
    kind: str
    """`specification` (the maker's), `derived` (ours, from one), `measured` (by whom the source says), or
    `estimate` (ours)."""
    note: str
    source: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine, or several as if the network between them cost nothing; figures are of one."""

    name: str
    title: str
    devices: int
    memory_gb: Figure
    """Memory that programs see, in 10^9 bytes."""
    reserved_gb: Figure
    """What the system itself needs of it."""
    bandwidth_gb_s: Figure
    tflops: Mapping[int, Figure]
    """Dense arithmetic in 10^12 operations a second, by width in bits."""
    note: str = ""

    @property
    def memory_bytes(self) -> float:
        """What a model and its cache can have, on all devices."""
        return (self.memory_gb.value - self.reserved_gb.value) * 1e9 * self.devices

    @property
    def bytes_s(self) -> float:
        """Bytes read a second, at most, by all devices."""
        return self.bandwidth_gb_s.value * 1e9 * self.devices

    def operations_s(self, bits: int) -> float:
        """Operations a second, at most; numbers too narrow for the machine are widened to 16 bits."""
        return self.tflops.get(bits, self.tflops[16]).value * 1e12 * self.devices


def _machine(name: str, row: Mapping[str, Any], rows: Mapping[str, Any]) -> Machine:
    told = {**rows[row.get("of", name)], **row}
    figures = {key: Figure(**told[key]) for key in ("memory_gb", "reserved_gb", "bandwidth_gb_s")}
    tflops = {int(bits): Figure(**figure) for bits, figure in told["tflops"].items()}
    return Machine(name, row["title"], row["devices"], tflops=tflops, note=row.get("note", ""), **figures)


MACHINES = {name: _machine(name, row, read("machines")) for name, row in read("machines").items()}
"""The machines by their names."""


def of_gpu(name: str) -> Machine | None:
    """The machine with one GPU of the name that its driver gives, such as `NVIDIA GB10`."""
    told = name.lower().replace(" ", "")
    return next((each for each in MACHINES.values() if each.devices == 1 and each.name in told), None)
