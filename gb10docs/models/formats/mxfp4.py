"""MXFP4: E2M1 codes in blocks of 32, one E8M0 scale a block: 4 + 8/32 = 4.25 bits a value.

The scale is a power of two, and exporters differ in which: the OCP rule takes the largest power of two in the
block's largest magnitude and divides it by 4, so scaled maxima lie in [4, 8) and those above 6 are clipped. The other
rules round up, always or sometimes, and waste range in place of clipping. `VARIANTS` holds each.
Source: OCP Microscaling Formats (MX) v1.0, section 6.3,
https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from gb10docs.errors import did_you_mean
from gb10docs.models.formats import blocks, e2m1, e8m0
from gb10docs.models.formats.blocks import Array, BadTensor, Bytes, Floats

BLOCK = 32
BITS_PER_VALUE = 4.25

Variant: TypeAlias = Literal[
    "ocp", "rceil", "even", "ceil", "modelopt", "compressed-tensors", "torchao", "vllm"
]


@dataclass(frozen=True, eq=False)
class Quantized:
    """A tensor in MXFP4."""

    codes: Bytes
    """E2M1 codes 0–15, uint8, the tensor's shape."""

    scales: Bytes
    """E8M0 bytes, uint8, last axis K/32: one for each block of 32 neighbours along the last axis."""

    @property
    def bits_per_value(self) -> float:
        """Bits that a value costs, its share of the block scale included."""
        return BITS_PER_VALUE

    def pack(self) -> Bytes:
        """Two codes a byte, even column in the low nibble: uint8, last axis K/2."""
        return e2m1.pack(self.codes)

    def steps(self) -> Floats:
        """What one unit of a code is worth in each block: float32, last axis K/32."""
        return e8m0.decode(self.scales)

    def dequantize(self) -> Floats:
        """The values: float32, the tensor's shape."""
        return blocks.scaled(self.codes, e2m1.VALUES, self.steps())


class Rule(NamedTuple):
    """How an exporter takes a block's scale, and what it does with what that leaves."""

    exponents: Callable[[Floats], Bytes]
    """From the blocks' amax: E8M0 bytes."""

    encode: Callable[[Floats], Bytes] = e2m1.encode
    """To E2M1 codes."""

    divide: Callable[[Array, Floats], Array] = lambda x, scales: x.astype(np.float32, copy=False) / scales
    """Values by their block's scale."""


def quantize(x: Array, *, variant: Variant = "ocp") -> Quantized:
    """Quantize a tensor by one of the scale rules, or as an exporter does, bit for bit.

    Args:
        x: float32, or BF16 told by its dtype `bf16.DTYPE`; at least one axis, the last (K) a multiple of 32. An
            empty tensor gives empty codes and scales.
        variant: a rule: `ocp` (floor; the specification's), `rceil`, `even`, `ceil`; or an exporter: `modelopt`
            (MXFP4QTensor), `compressed-tensors`, `torchao` (to_mx by default), `vllm`.

    Raises:
        BadTensor: another dtype, K no multiple of 32, NaN or infinity, or an unknown variant.
    """
    if variant not in VARIANTS:
        raise BadTensor(f"MXFP4: no variant '{variant}'; {did_you_mean(variant, VARIANTS)}")
    rule = VARIANTS[variant]
    split = blocks.split(x, BLOCK, "MXFP4")
    scales = rule.exponents(blocks.largest(split, "MXFP4"))
    codes = np.empty(split.shape, np.uint8)
    for chunk in blocks.chunks(split):
        scaled = rule.divide(split[chunk], e8m0.decode(scales[chunk, None]))
        codes[chunk] = rule.encode(scaled.astype(np.float32, copy=False))
    return Quantized(codes.reshape(x.shape), scales.reshape(*x.shape[:-1], x.shape[-1] // BLOCK))


def unpack(packed: Bytes, scales: Bytes) -> Quantized:
    """Read what a checkpoint holds.

    Args:
        packed: uint8, last axis K/2, even column in the low nibble.
        scales: uint8 bytes of E8M0, last axis K/32, the other axes those of packed.

    Raises:
        BadTensor: dtypes or shapes that do not fit each other.
    """
    blocks.fit(packed, scales, BLOCK, "MXFP4")
    blocks.fit_bytes(scales, "MXFP4")
    return Quantized(e2m1.unpack(packed), scales)


def _floor(amax: Floats) -> Bytes:
    """floor(log2(amax)) − 2, read from the exponent's bits."""
    return _bytes((amax.view(np.uint32) >> 23).astype(np.int32) - 2)


def _even(amax: Floats) -> Bytes:
    """The floor rule after amax is rounded to one mantissa bit: from 1.75 · 2ⁿ on, n + 1."""
    return _bytes(((amax.view(np.uint32) + (1 << 21)) >> 23).astype(np.int32) - 2)


def _vllm(amax: Floats) -> Bytes:
    """The even rule, save that what rounds up to 2¹²⁸ gets the largest scale."""
    return np.where(amax < 1.75 * 2.0**127, _even(amax), 254).astype(np.uint8)


def _ceil(amax: Floats) -> Bytes:
    """ceil(log2(amax)) − 2."""
    bits = amax.view(np.uint32)
    return _bytes((bits >> 23).astype(np.int32) + ((bits & 0x7FFFFF) > 0) - 2)


def _rceil(amax: Floats) -> Bytes:
    """ceil(log2(amax / 6)): the least power of two that clips nothing, but for what float32 loses of the logarithm.

    It is rounded to float32 first, as the libraries' is: up to 23 steps of amax above a power of two count as it.
    """
    with np.errstate(divide="ignore"):
        logarithm = np.log2((amax / e2m1.MAX).astype(np.float64)).astype(np.float32)
    return _bytes(np.ceil(logarithm) + e8m0.BIAS)


def _bytes(biased: Array) -> Bytes:
    return np.clip(biased, 0, 254).astype(np.uint8)


def _modelopt_codes(scaled: Floats) -> Bytes:
    """Ties toward zero, and any zero becomes −0."""
    return e2m1.encode(scaled, ties="zero", negative=~(scaled > 0))


def _compressed_tensors_codes(scaled: Floats) -> Bytes:
    """−0 becomes +0."""
    return e2m1.encode(scaled, negative=scaled < 0)


def _torchao_divide(x: Array, scales: Floats) -> Floats:
    """Its smallest divisor is normal, so blocks of a smaller scale get smaller codes."""
    return np.divide(x, np.maximum(scales, np.float32(2.0**-126)), dtype=np.float32)


VARIANTS: dict[str, Rule] = {
    "ocp": Rule(_floor),
    "rceil": Rule(_rceil),
    "even": Rule(_even),
    "ceil": Rule(_ceil),
    "modelopt": Rule(_rceil, _modelopt_codes),
    "compressed-tensors": Rule(
        _even, _compressed_tensors_codes, lambda x, scales: x / scales.astype(x.dtype)
    ),
    "torchao": Rule(_floor, divide=_torchao_divide),
    "vllm": Rule(_vllm),
}
