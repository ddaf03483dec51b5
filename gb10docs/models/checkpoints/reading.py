"""From the tensors of a weight, as a checkpoint keeps them, to an object of `gb10docs.models.formats`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gb10docs.models.checkpoints.documents import BadCheckpoint
from gb10docs.models.checkpoints.weights import FLOATS, PLAIN, Weight
from gb10docs.models.formats import e2m1, fp8, int4, mxfp4, nvfp4
from gb10docs.models.formats.blocks import BadTensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WHOLE = ("I32", "I64", "U32", "U64")

Read: TypeAlias = Callable[[str], "NDArray[Any]"]
"""A tensor by its name."""

Held: TypeAlias = "nvfp4.Quantized | mxfp4.Quantized | int4.Quantized | fp8.Quantized | Unquantized"


@dataclass(frozen=True, eq=False)
class Unquantized:
    """A weight in BF16, FP16 or FP32, so that one need not ask which kind a weight is."""

    values: NDArray[Any]
    """In the dtype of the file."""

    @property
    def bits_per_value(self) -> float:
        """16 or 32."""
        return 8.0 * self.values.itemsize

    def dequantize(self) -> NDArray[np.float32]:
        """The values: float32, the tensor's shape."""
        return self.values.astype(np.float32)


def load(weight: Weight, read: Read) -> Held:
    """Read a weight's tensors and put them together.

    Model Optimizer's INT4 layers may have a `pre_quant_scale`, which a layer multiplies its *input* by: it is no part
    of the weight, and stays a tensor of its own.

    Raises:
        BadCheckpoint: A part is missing or does not fit, or the format is not read here.
    """
    if weight.faults:
        raise BadCheckpoint(weight.faults[0])
    if weight.format in PLAIN.values():
        return Unquantized(read(weight.parts["weight"].name))
    if weight.format not in _LOADERS or not weight.parts.keys() & _SCALES[weight.format]:
        raise BadCheckpoint(f"{weight.name}: {weight.format} is named here, but not read")
    try:
        return _LOADERS[weight.format](weight, read)
    except BadTensor as error:
        raise BadCheckpoint(f"{weight.name}: {error}") from error


_SCALES = {
    "NVFP4": {"weight_scale"},
    "MXFP4": {"weight_scale", "blocks"},
    "INT4": {"weight_scale"},
    "FP8": {"weight_scale", "weight_scale_inv"},
}
"""A role for each format that tells the layouts that are read from those of other makers."""


def _nvfp4(weight: Weight, read: Read) -> nvfp4.Quantized:
    scales = _bytes(weight, "weight_scale", read)
    if "weight_packed" in weight.parts:
        divisor = _number(weight, "weight_global_scale", read)
        return nvfp4.unpack(_bytes(weight, "weight_packed", read), scales, global_scale=divisor)
    factor = _number(weight, "weight_scale_2", read)
    return nvfp4.unpack(_bytes(weight, "weight", read), scales, factor)


def _mxfp4(weight: Weight, read: Read) -> mxfp4.Quantized:
    elements = next(role for role in ("weight", "weight_packed", "blocks") if role in weight.parts)
    scales = _bytes(weight, "scales" if elements == "blocks" else "weight_scale", read)
    packed = _bytes(weight, elements, read).reshape(*weight.shape[:-1], weight.shape[-1] // 2)
    return mxfp4.unpack(packed, scales)


def _int4(weight: Weight, read: Read) -> int4.Quantized:
    """Model Optimizer puts two rows into a byte, in two's complement; compressed-tensors 8 columns into a word."""
    scales = read(weight.parts["weight_scale"].name)
    if "weight_packed" not in weight.parts:
        signed = _bytes(weight, "weight", read)
        codes = np.swapaxes(e2m1.unpack(np.swapaxes(signed ^ 0x88, -1, -2)), -1, -2)
        return int4.unpack(e2m1.pack(codes), scales, group=_group(codes, scales))
    if weight.parts.keys() & {"weight_zero_point", "weight_g_idx"}:
        raise BadCheckpoint(f"{weight.name}: INT4 with zero points or reordered groups is not read here")
    codes = _cut(e2m1.unpack(_bytes(weight, "weight_packed", read)), weight, read)
    return int4.unpack(e2m1.pack(codes), scales, group=_group(codes, scales))


def _group(codes: NDArray[np.uint8], scales: NDArray[Any]) -> int:
    """Columns that share a scale; 0, which no weight has, where the scales are not laid out in rows."""
    return math.ceil(codes.shape[-1] / scales.shape[-1]) if scales.ndim == codes.ndim else 0


def _cut(codes: NDArray[np.uint8], weight: Weight, read: Read) -> NDArray[np.uint8]:
    """Without what fills up the last word of each row."""
    if "weight_shape" not in weight.parts:
        return codes
    part = weight.parts["weight_shape"]
    if part.dtype not in _WHOLE or part.shape != (codes.ndim,):
        raise BadCheckpoint(f"{weight.name}: its weight_shape is {part.dtype} of shape {list(part.shape)}")
    *above, columns = (int(size) for size in read(part.name))
    if tuple(above) != codes.shape[:-1] or not 0 <= codes.shape[-1] - columns < 8:
        raise BadCheckpoint(
            f"{weight.name}: its weight_shape {[*above, columns]} does not fit {codes.shape} codes"
        )
    return codes[..., :columns]


def _fp8(weight: Weight, read: Read) -> fp8.Quantized:
    rows, columns = weight.block or (0, 0)
    *above, height, width = weight.shape
    if columns != width or rows not in (1, height):
        raise BadCheckpoint(f"{weight.name}: FP8 with a scale for {rows} × {columns} values is not read here")
    if weight.parts["weight"].dtype != "F8_E4M3":
        raise BadCheckpoint(f"{weight.name}: {weight.parts['weight'].dtype} is not read here")
    role = next(role for role in ("weight_scale", "weight_scale_inv") if role in weight.parts)
    scales = read(weight.parts[role].name)
    fitted = scales.reshape(()) if scales.size == 1 else scales.reshape(*above, height // rows, 1)
    return fp8.unpack(_bytes(weight, "weight", read), fitted)


_LOADERS: dict[str, Callable[[Weight, Read], Held]] = {
    "NVFP4": _nvfp4,
    "MXFP4": _mxfp4,
    "INT4": _int4,
    "FP8": _fp8,
}


def _bytes(weight: Weight, role: str, read: Read) -> NDArray[np.uint8]:
    """A tensor as the bytes it is made of."""
    return read(weight.parts[role].name).view(np.uint8)


def _number(weight: Weight, role: str, read: Read) -> float:
    """A tensor of one number."""
    part = weight.parts[role]
    if part.dtype not in FLOATS or math.prod(part.shape) != 1:
        raise BadCheckpoint(
            f"{weight.name}: {role} should be one number, and is {part.dtype} of shape {list(part.shape)}"
        )
    return float(read(part.name).reshape(()))
