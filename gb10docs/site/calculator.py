"""The fit-and-speed calculator: what its script computes with, out of the same tables as `gb10docs fit`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from gb10docs.models.roofline import (
    BAND,
    CACHES,
    FORMATS,
    MACHINES,
    MODELS,
    OVERHEAD_BYTES,
    Machine,
    Model,
    bundled,
)
from gb10docs.models.roofline.estimate import TIGHT
from gb10docs.models.roofline.shown import ROUTING
from gb10docs.site import figures

ABOUT = "Choose a model, a format, a machine, a batch and a context: see what fits, and how fast it can be."
MOST = {"batch": 4096, "context": 1_048_576}


def show() -> None:
    """Put the calculator under a notebook's cell."""
    figures.show("fit-and-speed", ABOUT, tables=json.dumps(tables(), separators=(",", ":")))


def tables() -> dict[str, Any]:
    """Models, formats and machines, as `docs/assets/figures/fit-and-speed.js` reads them."""
    formats = {
        name: {
            "title": one.title,
            "bits": dict(one.bits),
            "others": one.others,
            "arithmetic": one.arithmetic,
            "stays": one.stays,
        }
        for name, one in FORMATS.items()
    }
    return {
        "models": {name: _model(bundled(name)) for name in MODELS},
        "formats": formats,
        "machines": {name: _machine(machine) for name, machine in MACHINES.items()},
        "caches": CACHES,
        "band": BAND,
        "tight": TIGHT,
        "overhead": OVERHEAD_BYTES,
        "routing": ROUTING,
        "most": MOST,
    }


_COMPUTED_WITH = (
    "format", "values", "tied", "experts", "experts_used", "full_layers", "window_layers", "window", "cache_values",
    "attention_width", "positions", "state_bytes", "notes",
)  # fmt: skip
"""What of a model the script needs."""


def _model(model: Model) -> dict[str, Any]:
    told = asdict(model)
    return {name: told[name] for name in _COMPUTED_WITH}


def _machine(machine: Machine) -> dict[str, Any]:
    bandwidth = machine.bandwidth_gb_s
    notes = [f"Bandwidth: {bandwidth.value:g} GB/s ({bandwidth.note}).", f"{machine.note}.".capitalize()]
    return {
        "title": machine.title,
        "devices": machine.devices,
        "memory_gb": machine.memory_gb.value,
        "reserved_gb": machine.reserved_gb.value,
        "bandwidth_gb_s": bandwidth.value,
        "tflops": {bits: figure.value for bits, figure in machine.tflops.items()},
        "notes": [note for note in notes if note != "."],
    }
