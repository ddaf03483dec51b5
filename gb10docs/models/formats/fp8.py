"""FP8 weights: E4M3 with one scale for the tensor, or one for each row (a layer's output channel).

A value is E4M3(code) · scale, and scale = largest magnitude / 448: 8 bits, and the scales.
Source: https://github.com/NVIDIA/Model-Optimizer/blob/main/modelopt/torch/quantization/qtensor/fp8_tensor.py
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gb10docs.models.formats import blocks, e4m3
from gb10docs.models.formats.blocks import Array, BadTensor, Bytes, Floats

BITS_PER_VALUE = 8.0


@dataclass(frozen=True, eq=False)
class Quantized:
    """A tensor in FP8."""

    codes: Bytes
    """E4M3 bytes, uint8, the tensor's shape."""

    scales: Array
    """In the dtype that was quantized, broadcast against codes: shape () for the whole tensor, else 1 along axis."""

    @property
    def bits_per_value(self) -> float:
        """Bits that a value costs, its share of the scale included where the tensor has more than one."""
        return (
            BITS_PER_VALUE + 8 * self.scales.nbytes / self.codes.size if self.scales.ndim else BITS_PER_VALUE
        )

    def pack(self) -> Bytes:
        """The bytes of a checkpoint: the codes as they are."""
        return self.codes

    def dequantize(self) -> Floats:
        """The values: float32, the tensor's shape."""
        return e4m3.decode(self.codes) * self.scales.astype(np.float32)


def quantize(x: Array, *, axis: int | None = None) -> Quantized:
    """Quantize to the nearest code, bit for bit as Model Optimizer's FP8QTensor and compressed-tensors do.

    Save that compressed-tensors writes +0 for −0, and that Model Optimizer makes NaN of a tensor of zeros: here, as in
    compressed-tensors, a scale of zero becomes the dtype's epsilon. A BF16 x, told by its dtype `bf16.DTYPE`, has BF16
    scales and is divided by them in BF16.

    Args:
        x: float32 or BF16, at least one axis. May be empty.
        axis: None for one scale (Model Optimizer); −1 for one for each row, taken over the last axis
            (compressed-tensors, FP8_DYNAMIC).

    Raises:
        BadTensor: another dtype, NaN or infinity, or no such axis.
    """
    blocks.check(x, "FP8")
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise BadTensor(f"FP8: there is no axis {axis} in a tensor of shape {x.shape}.")
    with np.errstate(invalid="ignore"):
        sizes = np.abs(x)
        amax = sizes.max(initial=0) if axis is None else sizes.max(axis=axis, keepdims=True, initial=0)
    if not np.isfinite(amax.astype(np.float32)).all():
        raise blocks.not_finite(x, "FP8")
    scales = np.asarray(amax / x.dtype.type(e4m3.MAX))
    scales[scales == 0] = blocks.EPSILONS[x.dtype]
    return Quantized(e4m3.encode(x / scales), scales)


def unpack(packed: Bytes, scales: Array) -> Quantized:
    """Read what a checkpoint holds.

    Args:
        packed: uint8 bytes of E4M3.
        scales: float32 or BF16, a shape that broadcasts against packed.

    Raises:
        BadTensor: packed is not bytes, or the shapes do not fit.
    """
    if packed.dtype != np.uint8:
        raise BadTensor(f"FP8: expected uint8 bytes, got {packed.dtype}; see packed.view(np.uint8).")
    try:
        fits = np.broadcast_shapes(packed.shape, scales.shape) == packed.shape
    except ValueError:
        fits = False
    if not fits:
        raise BadTensor(
            f"FP8: scales of shape {scales.shape} do not broadcast against codes of {packed.shape}."
        )
    return Quantized(packed, scales)
