"""E2M1, the four-bit float of NVFP4 and MXFP4: sign, two exponent bits, one mantissa bit.

Codes 0–7 are 0, 0.5, 1, 1.5, 2, 3, 4, 6; bit 3 is the sign, so code 8 is −0. No infinity, no NaN.
Source: OCP Microscaling Formats (MX) v1.0, section 5.3.3,
https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gb10docs.models.formats.blocks import Array, BadTensor, Bytes, Floats

Ties: TypeAlias = Literal["even", "zero"]

VALUES: Floats = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
"""The number that each code stands for, float32 [16]."""

MAX = np.float32(6)

MIDPOINTS: Floats = (VALUES[:7] + VALUES[1:8]) / np.float32(2)
"""Halfway between neighbours: 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5."""

_ABOVE = np.nextafter(MIDPOINTS, np.float32(np.inf))
_FIRST: dict[Ties, Floats] = {
    "even": np.where(np.arange(7) % 2 == 0, _ABOVE, MIDPOINTS),
    "zero": _ABOVE,
}
"""The smallest magnitude that reaches codes 1 to 7."""


def encode(x: Array, *, ties: Ties = "even", negative: NDArray[np.bool_] | None = None) -> Bytes:
    """The nearest code of each value, uint8 0–15, shape of x.

    Magnitudes above 6 become 6; NaN, which E2M1 lacks, becomes code 7.

    Args:
        x: float32.
        ties: where a value halfway between two codes goes: to the even code (IEEE 754, and the PTX instruction
            `cvt.rn.satfinite.e2m1x2.f32`), or to the one nearer zero.
        negative: where to set the sign bit; if not given, where x has it, −0 included.
    """
    magnitudes = np.abs(x)
    codes = np.full(x.shape, 7, np.uint8)
    below = np.empty(x.shape, np.bool_)
    for first in _FIRST[ties]:
        np.less(magnitudes, first, out=below)
        codes -= below.view(np.uint8)
    codes |= (np.signbit(x) if negative is None else negative).view(np.uint8) << 3
    return codes


def decode(codes: Bytes) -> Floats:
    """The value of each code, float32, shape of codes.

    Raises:
        IndexError: a code above 15.
    """
    return VALUES[codes]


def pack(codes: Bytes) -> Bytes:
    """Two codes a byte, the even column in the low nibble: uint8, the last axis half as long.

    Source: measured equal in Model Optimizer, torchao, compressed-tensors and vLLM (tests/oracles).

    Raises:
        BadTensor: not uint8, a code above 15, or an odd number of columns.
    """
    if codes.dtype != np.uint8 or codes.max(initial=0) > 15:
        raise BadTensor(
            f"codes to pack are uint8 from 0 to 15, not {codes.dtype} up to {codes.max(initial=0)}."
        )
    if codes.ndim == 0 or codes.shape[-1] % 2:
        raise BadTensor(
            f"two codes share a byte, so the last axis is even, but codes have shape {codes.shape}."
        )
    packed: Bytes = np.left_shift(codes[..., 1::2], 4, dtype=np.uint8)
    packed |= codes[..., 0::2]
    return packed


def unpack(packed: Bytes) -> Bytes:
    """The codes in packed bytes: uint8 0–15, the last axis twice as long.

    Raises:
        BadTensor: not uint8, or no axis.
    """
    if packed.dtype != np.uint8 or packed.ndim == 0:
        raise BadTensor(f"packed codes are rows of uint8, not {packed.dtype} of shape {packed.shape}.")
    codes = np.empty((*packed.shape[:-1], 2 * packed.shape[-1]), np.uint8)
    np.bitwise_and(packed, 15, out=codes[..., 0::2])
    np.right_shift(packed, 4, out=codes[..., 1::2])
    return codes
