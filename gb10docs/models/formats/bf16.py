"""BF16: float32 without its lower 16 bits; what checkpoints and activations are kept in.

numpy has no such dtype: `ml_dtypes.bfloat16` adds it, and `x.astype(bf16.DTYPE)` makes an array of it. A quantizer
given such an array does its arithmetic as its library does on a BF16 tensor.
Source: https://docs.cloud.google.com/tpu/docs/bfloat16
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gb10docs.models.formats import blocks
from gb10docs.models.formats.blocks import BFLOAT16, Array, BadTensor, Bytes, Floats

DTYPE = BFLOAT16
BITS_PER_VALUE = 16.0


@dataclass(frozen=True, eq=False)
class Quantized:
    """A tensor in BF16."""

    codes: NDArray[np.uint16]
    """The upper half of a float32, uint16, the tensor's shape."""

    @property
    def bits_per_value(self) -> float:
        """Bits that a value costs."""
        return BITS_PER_VALUE

    def pack(self) -> Bytes:
        """The bytes of a checkpoint, the lower one first: uint8, last axis 2K."""
        return np.ascontiguousarray(self.codes.astype("<u2")).view(np.uint8)

    def dequantize(self) -> Floats:
        """The values: float32, the tensor's shape."""
        return (self.codes.astype(np.uint32) << 16).view(np.float32)


def quantize(x: Array) -> Quantized:
    """The nearest BF16 value of each, ties to even; magnitudes from 3.396e38 become infinite.

    Args:
        x: float32 or BF16, at least one axis. May be empty, and may hold NaN and infinity, which BF16 can say.

    Raises:
        BadTensor: another dtype, or no axis.
    """
    blocks.check(x, "BF16")
    with np.errstate(over="ignore"):
        return Quantized(x.astype(DTYPE).view(np.uint16))


def unpack(packed: Bytes) -> Quantized:
    """Read what a checkpoint holds: uint8, last axis 2K.

    Raises:
        BadTensor: not uint8, or an odd number of bytes a row.
    """
    if packed.dtype != np.uint8 or packed.ndim == 0 or packed.shape[-1] % 2:
        raise BadTensor(
            f"BF16: expected rows of byte pairs as uint8, got {packed.dtype} of shape {packed.shape}."
        )
    return Quantized(np.ascontiguousarray(packed).view("<u2").astype(np.uint16))


def round(x: Array) -> Floats:  # noqa: A001 - that is what it does, and it is called as bf16.round
    """The nearest BF16 value of each, as float32, shape of x: `quantize(x).dequantize()`."""
    return quantize(x).dequantize()
