"""E4M3 (the "fn" kind), the eight-bit float of NVFP4's block scales and of FP8 weights.

Largest 448 (0x7E), smallest normal 2⁻⁶ (0x08), smallest 2⁻⁹ (0x01); 0x7F and 0xFF are NaN, there is no infinity.
Source: FP8 Formats for Deep Learning, https://arxiv.org/abs/2209.05433
"""

from __future__ import annotations

import ml_dtypes
import numpy as np

from gb10docs.models.formats.blocks import Array, Bytes, Floats

DTYPE = np.dtype(ml_dtypes.float8_e4m3fn)
MAX = np.float32(448)
SMALLEST = np.float32(2.0**-9)
SMALLEST_NORMAL = np.float32(2.0**-6)

VALUES: Floats = np.arange(256, dtype=np.uint8).view(DTYPE).astype(np.float32)
"""The number that each byte stands for, float32 [256]."""


def encode(x: Array) -> Bytes:
    """The nearest byte of each value, ties to the even one, uint8, shape of x; NaN stays NaN.

    Magnitudes above 448, infinity included, become 448: torch's cast on the CPU does so since 2.12, that of
    ml_dtypes gives NaN above 464. So they are clipped first, and both agree.

    Args:
        x: float32 or bfloat16.
    """
    return np.clip(x.astype(np.float32, copy=False), -MAX, MAX).astype(DTYPE).view(np.uint8)


def decode(encoded: Bytes) -> Floats:
    """The value of each byte, float32, shape of encoded; 0x7F and 0xFF give NaN."""
    return VALUES[encoded]
