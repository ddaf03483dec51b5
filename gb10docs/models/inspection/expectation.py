"""Whether a checkpoint is what somebody expects: what a lesson asks of a model that it has made."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gb10docs.models.inspection.model import Inspection


class Scheme(StrEnum):
    """What can be expected, for `--expect`."""

    NVFP4 = "nvfp4"
    W4A16_NVFP4 = "w4a16_nvfp4"
    MXFP4 = "mxfp4"
    MXFP8 = "mxfp8"
    FP8 = "fp8"
    INT4 = "int4"
    INT8 = "int8"
    NF4 = "nf4"
    FP4 = "fp4"
    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"
    MIXED = "mixed"


_WHY = {
    "NVFP4": "4-bit weights, with scales for 4-bit activations",
    "W4A16_NVFP4": "4-bit weights, without scales for activations",
    "unknown": "a format that gb10docs does not know",
}

_MIXTURES = {"MIXED_PRECISION", "MIXED-PRECISION"}
"""Words for a mixture, which can be one of layers with and without 4-bit activations."""


def unmet(inspection: Inspection, expected: Scheme) -> list[str]:
    """The reasons why a checkpoint is not what is expected; none if it is."""
    found = inspection.scheme
    reasons = list(inspection.faults)
    mixture = expected is Scheme.MIXED and inspection.declared.upper() in _MIXTURES
    if found.lower() != expected and not mixture:
        why = f" ({_WHY[found]})" if found in _WHY else ""
        reasons.insert(0, f"its weights are {found}{why}")
    return reasons
