"""INT4 in groups (W4A16, the format of AWQ and GPTQ): integers −8 to 7, one scale a group, and maybe a zero point.

A value is (code − zero point) · scale. With groups of 128 and BF16 scales: 4.125 bits, with 4-bit zero points 4.156.
Rounding to the nearest, as here, is the format; AWQ and GPTQ are ways to choose better codes for it.
Source: calculate_qparams and quantize of
https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/quantization
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from gb10docs.models.formats import blocks, e2m1
from gb10docs.models.formats.bf16 import DTYPE as BFLOAT16
from gb10docs.models.formats.blocks import Array, BadTensor, Bytes, Floats

GROUP = 128
ZERO = 8
"""The code of 0 where there is no zero point: a code is the integer + 8."""

SCALE_DTYPES = (BFLOAT16, np.dtype(np.float16), np.dtype(np.float32))


@dataclass(frozen=True, eq=False)
class Quantized:
    """A tensor in INT4."""

    codes: Bytes
    """The integer + 8, uint8 0–15, the tensor's shape."""

    scales: Array
    """BF16, or what was asked for; last axis K/group."""

    zero_points: Bytes | None
    """The code that stands for 0, uint8 0–15, shape of scales; None where it is 8 everywhere."""

    group: int
    """Neighbours along the last axis that share a scale."""

    @property
    def bits_per_value(self) -> float:
        """Bits that a value costs, its share of scale and zero point included."""
        return 4 + (8 * self.scales.itemsize + (0 if self.zero_points is None else 4)) / self.group

    def pack(self) -> Bytes:
        """Two codes a byte, even column in the low nibble: uint8, last axis K/2.

        The bytes of compressed-tensors' `weight_packed`: int32 there, eight codes each, the first in the lowest bits.
        """
        return e2m1.pack(self.codes)

    def dequantize(self) -> Floats:
        """The values: float32, the tensor's shape."""
        integers = np.arange(16, dtype=np.float32)
        if self.zero_points is None:
            return blocks.scaled(self.codes, integers - ZERO, self.scales.astype(np.float32))
        groups = self.codes.reshape(-1, self.group)
        zero = self.zero_points.reshape(-1, 1).astype(np.float32)
        return ((groups - zero) * self.scales.astype(np.float32).reshape(-1, 1)).reshape(self.codes.shape)


def quantize(
    x: Array, *, group: int = GROUP, symmetric: bool = True, scale_dtype: DTypeLike = BFLOAT16
) -> Quantized:
    """Quantize to the nearest code, as compressed-tensors does: bit for bit where it keeps scales in scale_dtype.

    It keeps them in the dtype of x, so for a float32 x pass `scale_dtype=np.float32`, at 4.25 bits a value. A BF16 x,
    told by its dtype `bf16.DTYPE`, is divided by its scales in BF16.

    Args:
        x: float32 or BF16; at least one axis, the last (K) a multiple of the group. May be empty.
        group: neighbours along the last axis that share a scale.
        symmetric: scale = largest magnitude / 7.5, so the largest value itself may be clipped to 7. Otherwise
            scale = (largest − smallest) / 15, zero counted among the values, and a zero point.
        scale_dtype: bfloat16, float16 or float32.

    Raises:
        BadTensor: another dtype, K no multiple of the group, NaN or infinity, or scales beyond scale_dtype.
    """
    dtype = np.dtype(scale_dtype)
    if dtype not in SCALE_DTYPES or group < 1:
        raise BadTensor(
            f"INT4: groups of {group} with {dtype} scales; expected a group of at least 1, and "
            "bfloat16, float16 or float32."
        )
    split = blocks.split(x, group, "INT4")
    low, high = (
        np.clip(end, *bounds).astype(x.dtype)
        for end, bounds in zip(blocks.extremes(split, "INT4"), ((None, 0), (0, None)), strict=True)
    )
    with np.errstate(all="ignore"):
        exact = np.maximum(-low, high) / x.dtype.type(7.5) if symmetric else (high - low) / x.dtype.type(15)
        scales = exact.astype(dtype)
    if not np.isfinite(scales.astype(np.float32)).all():
        raise BadTensor(f"INT4: a scale of {exact.max()} is beyond {dtype}.")
    scales[scales == 0] = blocks.EPSILONS[dtype]
    zero = np.zeros(len(split), x.dtype) if symmetric else _zeros(low, exact)
    codes = np.empty(split.shape, np.uint8)
    for chunk in blocks.chunks(split):
        integers = split[chunk] / scales[chunk, None] + zero[chunk, None]
        codes[chunk] = np.rint(np.clip(integers.astype(np.float32), -ZERO, 7)) + ZERO
    shape = (*x.shape[:-1], x.shape[-1] // group)
    points = None if symmetric else (zero.astype(np.float32) + ZERO).astype(np.uint8).reshape(shape)
    return Quantized(codes.reshape(x.shape), scales.reshape(shape), points, group)


def _zeros(low: Array, scales: Array) -> Array:
    """The integers that stand for 0, in the dtype of low; 0 where the scale is."""
    with np.errstate(all="ignore"):
        zero = np.clip((low.dtype.type(-ZERO) - low / scales).astype(np.float32), -ZERO, 7)
    zeros: Array = np.rint(np.nan_to_num(zero)).astype(low.dtype)
    return zeros


def unpack(
    packed: Bytes, scales: Array, zero_points: Bytes | None = None, *, group: int = GROUP
) -> Quantized:
    """Read codes and scales.

    Args:
        packed: uint8, last axis K/2, even column in the low nibble; `weight_packed.view(np.uint8)` of
            compressed-tensors.
        scales: BF16, float16 or float32, last axis K/group, the other axes those of packed.
        zero_points: uint8 0–15, shape of scales, or None.
        group: neighbours along the last axis that share a scale.

    Raises:
        BadTensor: dtypes or shapes that do not fit each other.
    """
    blocks.fit(packed, scales, group, "INT4")
    if scales.dtype not in SCALE_DTYPES:
        raise BadTensor(f"INT4: expected scales in bfloat16, float16 or float32, got {scales.dtype}.")
    if zero_points is not None and (zero_points.shape != scales.shape or zero_points.dtype != np.uint8):
        raise BadTensor(
            f"INT4: expected zero points of {scales.shape} as uint8, got {zero_points.dtype} {zero_points.shape}."
        )
    return Quantized(e2m1.unpack(packed), scales, zero_points, group)
