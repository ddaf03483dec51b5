"""Number formats as a checkpoint uses them: how many bits each part of a model has, and what stays wide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gb10docs.errors import GB10DocsError
from gb10docs.models.checkpoints.declared import UNQUANTIZED, Declared
from gb10docs.models.roofline.tables import read

CACHES = {"bf16": 2, "fp8": 1}
"""Bytes a value of the KV cache, by the cache's format."""

_BY_SCHEME = {
    "NVFP4": "nvfp4",
    "W4A16_NVFP4": "nvfp4-w4a16",
    "FP8": "fp8",
    "MXFP4": "mxfp4",
    "MXFP8": "mxfp8",
    "INT4": "int4",
    "INT8": "int8",
    "NF4": "nf4",
    "FP4": "nf4",
}
"""The row of `formats.toml` by what a checkpoint's weights are declared to be."""
_GROUPED = {"INT2": 2, "INT3": 3, "INT4": 4, "INT5": 5, "INT6": 6, "INT8": 8}
"""Bits of an element of formats whose groups the configuration sizes."""
_SCALE_BITS = 16


@dataclass(frozen=True, slots=True)
class Format:
    """Bits a value, scales included, of each part of a model."""

    name: str
    title: str
    bits: Mapping[str, float]
    """What each part has; a part that is not named has `others`."""
    others: float
    arithmetic: int
    """Width in bits of what is multiplied while a prompt is read."""
    stays: str
    """What is not quantized, in words."""
    source: str

    def bytes_of(self, part: str, values: float) -> float:
        """Bytes of so many values of a part."""
        return values * self.bits.get(part, self.others) / 8

    def suits(self, experts: int) -> bool:
        """Whether a model with so many experts has what it quantizes; what is for experts alone suits no dense one."""
        return experts > 0 or not self.bits or "mlp" in self.bits


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
"""The formats by their names."""


class UnknownFormat(GB10DocsError):
    """A checkpoint is quantized in a way whose bits are not known here."""


def format_of(said: Declared) -> Format | None:
    """The format that a checkpoint declares; None where it declares none.

    Raises:
        UnknownFormat: It declares one that is not known here, or a mixture, which only its tensors tell.
    """
    if said.word.upper() in UNQUANTIZED:
        return None
    named = (
        f"'{said.word}'" if said.word == said.method or not said.method else f"{said.method}'s '{said.word}'"
    )
    if "mixed" in said.schemes:
        raise UnknownFormat(
            f"it declares {named}, a mixture of formats, and only its tensors tell what has which: give the folder of "
            "the whole checkpoint, or name the nearest with --format"
        )
    scheme = _scheme(said)
    if scheme in _GROUPED:
        return _grouped(scheme, said)
    if scheme not in _BY_SCHEME:
        raise UnknownFormat(
            f"it declares {named}, whose bits gb10docs does not know: name a format with --format, such as "
            "fp8 for 8 bits or int4 for 4"
        )
    experts_only = said.method == "mxfp4"
    return FORMATS["mxfp4-experts" if experts_only else _BY_SCHEME[scheme]]


def _scheme(said: Declared) -> str:
    """The one that the words leave; between NVFP4 with and without activations, the configuration's own word."""
    if said.schemes == {"NVFP4", "W4A16_NVFP4"}:
        return "W4A16_NVFP4" if said.activations is False else "NVFP4"
    return next(iter(said.schemes)) if len(said.schemes) == 1 else ""


def _grouped(scheme: str, said: Declared) -> Format:
    """Integers with a scale of 16 bits for each group, or for each row, which counts for nothing."""
    bits = _GROUPED[scheme]
    stored = bits + (_SCALE_BITS / said.group if said.group else 0)
    whole = scheme == "INT8" and (bool(said.activations) or said.algorithm.upper().startswith("W8A8"))
    base = FORMATS["int8" if scheme == "INT8" else "int4"]
    usual = base.bits["mlp"] == stored and bool(whole) == (base.arithmetic == 8)
    if usual:
        return base
    title = f"{scheme}, group {said.group}" if said.group else f"{scheme}, a scale a row"
    return replace(
        base,
        name="",
        title=title,
        bits=dict.fromkeys(base.bits, stored),
        arithmetic=8 if whole else 16,
        stays=base.stays if whole else FORMATS["int4"].stays,
    )


def leaving(found: Format, shares: Mapping[str, float]) -> Format:
    """The format where shares of some parts stay as they were, in 16 bits."""
    left = {part: share for part, share in shares.items() if part in found.bits}
    if not left:
        return found
    told = " and ".join(f"{share:.0%} of {part}" for part, share in left.items())
    return replace(
        found,
        name="",
        bits={part: bits + left.get(part, 0.0) * (_WIDE - bits) for part, bits in found.bits.items()},
        stays=f"{found.stays}; {told} too, as its configuration says",
    )


_WIDE = 16
