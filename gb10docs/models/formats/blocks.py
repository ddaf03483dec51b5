"""A tensor as rows of blocks that share a scale, and the tensors that cannot be that."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from gb10docs.errors import GB10DocsError

Array: TypeAlias = NDArray[Any]
Bytes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
EPSILONS = {BFLOAT16: 2.0**-7, np.dtype(np.float16): 2.0**-10, np.dtype(np.float32): 2.0**-23}
"""From 1 to the next number: what compressed-tensors takes for a scale that would be zero."""

VALUES_AT_ONCE = 1 << 16
"""What is worked on at once: 256 KiB of float32, so that temporaries stay in a core's cache."""


class BadTensor(GB10DocsError, ValueError):
    """A tensor that cannot be quantized, packed or unpacked as asked."""


def split(x: Array, size: int, name: str) -> Array:
    """See a tensor as blocks of `size` neighbours along its last axis: shape [blocks, size], the dtype of x.

    Args:
        x: float32 or `ml_dtypes.bfloat16`, at least one axis, the last a multiple of `size`. May be empty.
        size: values that share a scale.
        name: of the format, for errors.

    Raises:
        BadTensor: another dtype, no axis, or a last axis that does not divide into blocks.
    """
    check(x, name)
    if x.shape[-1] % size:
        raise BadTensor(
            f"{name}: the last axis of {x.shape} holds {x.shape[-1]} values, which is no multiple of the "
            f"block of {size}. Blocks run along the last axis (K, the one a layer sums over): pad it with zeros "
            f"to {-(-x.shape[-1] // size) * size}, or leave this tensor unquantized."
        )
    return np.ascontiguousarray(x).reshape(math.prod(x.shape) // size, size)


def check(x: Array, name: str) -> None:
    """Refuse what is not a tensor of float32 or bfloat16 with at least one axis.

    Raises:
        BadTensor: says what x is.
    """
    if not isinstance(x, np.ndarray):
        raise BadTensor(f"{name}: expected a numpy array, got {type(x).__name__}.")
    if x.dtype not in (np.float32, BFLOAT16):
        raise BadTensor(
            f"{name}: expected float32 or bfloat16 values, got {x.dtype}. "
            "Convert it yourself, so that the rounding is yours: x.astype(np.float32)."
        )
    if x.ndim == 0:
        raise BadTensor(f"{name}: expected at least one axis, got a single number.")


def chunks(blocks: Array) -> Iterator[slice]:
    """Slices of the first axis that hold about `VALUES_AT_ONCE` values each."""
    step = max(1, VALUES_AT_ONCE // max(1, math.prod(blocks.shape[1:])))
    return (slice(start, start + step) for start in range(0, len(blocks), step))


def extremes(blocks: Array, name: str) -> tuple[Floats, Floats]:
    """The smallest and the largest value of each block, float32, shape [blocks].

    Raises:
        BadTensor: a value is NaN or infinite.
    """
    low, high = np.empty((2, len(blocks)), np.float32)
    for chunk in chunks(blocks):
        values = blocks[chunk].astype(np.float32, copy=False)
        with np.errstate(invalid="ignore"):
            values.min(axis=1, out=low[chunk])
            values.max(axis=1, out=high[chunk])
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise not_finite(blocks, name)
    return low, high


def not_finite(x: Array, name: str) -> BadTensor:
    """The error that says where x first holds NaN or infinity."""
    at = int(np.argmin(np.isfinite(x.astype(np.float32)).reshape(-1)))
    return BadTensor(
        f"{name}: the value at flat index {at} is {x.reshape(-1)[at]}. NaN and infinity have no scale: "
        "mend the tensor (a broken download, or an overflow in training)."
    )


def largest(blocks: Array, name: str) -> Floats:
    """The largest magnitude of each block, float32, shape [blocks].

    Raises:
        BadTensor: a value is NaN or infinite.
    """
    low, high = extremes(blocks, name)
    return np.maximum(np.abs(low), np.abs(high))


def scaled(codes: Bytes, values: Floats, steps: Floats) -> Floats:
    """The value of each code times its block's step, float32, shape of codes; infinite where that is beyond it.

    Args:
        codes: shape [..., K].
        values: what each code stands for.
        steps: one a block, last axis the blocks of K.
    """
    out = np.empty((steps.size, codes.size // max(1, steps.size)), np.float32)
    by_block = codes.reshape(out.shape)
    steps = steps.reshape(-1, 1)
    with np.errstate(all="ignore"):
        for chunk in chunks(out):
            np.multiply(values[by_block[chunk]], steps[chunk], out=out[chunk])
    return out.reshape(codes.shape)


def fit(packed: Array, scales: Array, size: int, name: str) -> None:
    """Refuse packed codes, two a byte, and scales that are not those of blocks of `size` values.

    Raises:
        BadTensor: says what does not fit.
    """
    if packed.dtype != np.uint8:
        raise BadTensor(f"{name}: expected packed codes as uint8, got {packed.dtype}.")
    if packed.ndim == 0 or scales.ndim == 0:
        raise BadTensor(f"{name}: expected at least one axis, got a single number.")
    values, scaled = (*packed.shape[:-1], 2 * packed.shape[-1]), (*scales.shape[:-1], size * scales.shape[-1])
    if values != scaled:
        raise BadTensor(
            f"{name}: the packed codes of shape {packed.shape} hold values of shape {values}, "
            f"but the scales of shape {scales.shape}, one for each {size}, are those of {scaled}."
        )


def fit_bytes(scales: Array, name: str) -> None:
    """Refuse scales that are not bytes.

    Raises:
        BadTensor: another dtype.
    """
    if scales.dtype != np.uint8:
        raise BadTensor(
            f"{name}: expected scales as uint8 bytes, got {scales.dtype}; see scales.view(np.uint8)."
        )
