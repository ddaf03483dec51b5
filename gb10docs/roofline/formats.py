"""Number formats as a checkpoint uses them: how many bits each part of a model has, and what stays wide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gb10docs.roofline.tables import read

if TYPE_CHECKING:
    from gb10docs.roofline.models import Model

CACHES = {"bf16": 2, "fp8": 1}
"""Bytes a value of the KV cache, by the cache's format."""

_BY_SCHEME = {
    "nvfp4-pack-quantized": "nvfp4",
    "mxfp4-pack-quantized": "mxfp4",
    "pack-quantized": "int4",
    "float-quantized": "fp8",
}
_BY_METHOD = {"mxfp4": "mxfp4-experts", "fp8": "fp8", "awq": "int4", "gptq": "int4"}


@dataclass(frozen=True, slots=True)
class Format:
    """Bits a value, scales included, of each part of a model."""

    name: str
    title: str
    bits: Mapping[str, float]
    """By part; a part that is not named has `others`."""
    others: float
    arithmetic: int
    """Width in bits of what is multiplied while a prompt is read."""
    stays: str
    """What is not quantized, in words."""
    source: str

    def bytes_of(self, part: str, values: float) -> float:
        """Bytes of so many values of a part."""
        return values * self.bits.get(part, self.others) / 8

    def suits(self, model: Model) -> bool:
        """Whether the model has what the format quantizes: one for experts alone is none for a dense model."""
        return model.experts > 0 or not self.bits or "mlp" in self.bits


def format_of(config: Mapping[str, Any]) -> str | None:
    """The format that a `config.json` says its checkpoint has; None where it does not say, or says another."""
    told = config.get("quantization_config")
    if not isinstance(told, Mapping):
        return None
    method, scheme = str(told.get("quant_method", "")), str(told.get("format", ""))
    algorithm = str(told.get("quant_algo", "")).upper()
    if method == "modelopt":
        return {"NVFP4": "nvfp4", "W4A16_NVFP4": "nvfp4-w4a16", "FP8": "fp8"}.get(algorithm)
    return _BY_SCHEME.get(scheme) if method == "compressed-tensors" else _BY_METHOD.get(method)


FORMATS = {
    name: Format(
        name,
        row["title"],
        row["bits"],
        row.get("others", 16),
        row["arithmetic"],
        row["stays"],
        row["source"],
    )
    for name, row in read("formats").items()
}
"""By name."""
