"""NVFP4: E2M1 codes in blocks of 16, one E4M3 scale a block, one float32 scale a tensor.

A value is E2M1(code) · E4M3(scale) · tensor_scale: 4 + 8/16 = 4.5 bits, and 4 bytes a tensor.
Source: https://arxiv.org/abs/2509.25149 (appendix on quantization), and
https://github.com/NVIDIA/Model-Optimizer/blob/main/modelopt/torch/quantization/qtensor/nvfp4_tensor.py

Exporters agree on the format, and on float32 weights on all but one byte in a million. On BF16 weights, where values
lie on ties, the order of operations shows: against Model Optimizer, torchao and vLLM differ in one code in a thousand,
compressed-tensors, which takes its scales in BF16, in one in a hundred, and the error is the same to 0.4 %. What a
block of zeros gets differs too. `VARIANTS` holds each one's order of operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from gb10docs.errors import did_you_mean
from gb10docs.models.formats import blocks, e2m1, e4m3
from gb10docs.models.formats.blocks import Array, BadTensor, Bytes, Floats

BLOCK = 16
BITS_PER_VALUE = 4.5
RANGE = np.float32(e2m1.MAX * e4m3.MAX)
"""2688: the largest magnitude that codes and block scales reach together, before the tensor scale."""

SMALLEST_NORMAL = 2.0**-126
"""The smallest normal number of float32, and of BF16."""

Variant: TypeAlias = Literal["modelopt", "compressed-tensors", "torchao", "vllm"]


@dataclass(frozen=True, eq=False)
class Quantized:
    """A tensor in NVFP4."""

    codes: Bytes
    """E2M1 codes 0–15, uint8, the tensor's shape."""

    scales: Bytes
    """E4M3 bytes, uint8, last axis K/16: one for each block of 16 neighbours along the last axis."""

    tensor_scale: np.float32
    """Multiplies every block scale: `weight_scale_2` in a Model Optimizer checkpoint."""

    global_scale: np.float32 | None = None
    """Divides every block scale, in the place of tensor_scale: `weight_global_scale` of compressed-tensors.

    Kept, since 1/(1/g) need not be g.
    """

    @property
    def bits_per_value(self) -> float:
        """Bits that a value costs, its share of the block scale included."""
        return BITS_PER_VALUE

    def pack(self) -> Bytes:
        """Two codes a byte, even column in the low nibble: uint8, last axis K/2."""
        return e2m1.pack(self.codes)

    def steps(self) -> Floats:
        """What one unit of a code is worth in each block: float32, last axis K/16."""
        scales = e4m3.decode(self.scales)
        return scales * self.tensor_scale if self.global_scale is None else scales / self.global_scale

    def dequantize(self) -> Floats:
        """The values: float32, the tensor's shape."""
        return blocks.scaled(self.codes, e2m1.VALUES, self.steps())


class Order(NamedTuple):
    """One exporter's order of operations; amax is in the dtype of x, everything else float32."""

    tensor_scale: Callable[[Array], np.float32]
    """From the tensor's amax, shape []: tensor_scale, or global_scale where `divides`."""

    block_scales: Callable[[Array, np.float32], Bytes]
    """From the blocks' amax and the tensor's scale: E4M3 bytes."""

    scaled: Callable[[Floats, Floats, np.float32], Floats]
    """Values, their block scales and the tensor's scale: what is rounded to E2M1."""

    encode: Callable[[Floats], Bytes] = lambda scaled: e2m1.encode(scaled, negative=scaled < 0)
    """To E2M1 codes; of most, −0 gets code 0, and a negative value that rounds to zero code 8."""

    divides: bool = False
    """Whether the tensor's scale divides block scales."""


def quantize(x: Array, *, variant: Variant = "modelopt", tensor_scale: float | None = None) -> Quantized:
    """Quantize a tensor as an exporter does, bit for bit.

    Args:
        x: float32, or BF16 told by its dtype `bf16.DTYPE`; at least one axis, the last (K) a multiple of 16. An
            empty tensor gives empty codes and scales.
        variant: whose order of operations: `modelopt` (NVFP4QTensor), `compressed-tensors`, `torchao`
            (nvfp4_quantize with a tensor scale), `vllm` (ref_nvfp4_quant).
        tensor_scale: where it is known, as that of an activation is from calibration, or that which q, k and v
            share; otherwise x's largest magnitude / 2688. Values beyond 2688 · tensor_scale saturate.

    Raises:
        BadTensor: another dtype, K no multiple of 16, NaN or infinity, an unknown variant, or a tensor scale that is
            no positive number.

    A tensor of zeros leaves nothing to divide by. compressed-tensors makes zeros of it; the three others 0/0, hence
    NaN scales, and so does this.
    """
    order = _order(variant)
    split = blocks.split(x, BLOCK, "NVFP4")
    amax = blocks.largest(split, "NVFP4")
    with np.errstate(all="ignore"):
        if tensor_scale is None:
            scale = order.tensor_scale(amax.max(initial=0).astype(x.dtype))
        else:
            scale = _given(tensor_scale, divides=order.divides)
        scales = order.block_scales(amax.astype(x.dtype), scale)
        codes = np.empty(split.shape, np.uint8)
        for chunk in blocks.chunks(split):
            values = split[chunk].astype(np.float32, copy=False)
            codes[chunk] = order.encode(order.scaled(values, e4m3.decode(scales[chunk, None]), scale))
    shape = (*x.shape[:-1], x.shape[-1] // BLOCK)
    return _quantized(codes.reshape(x.shape), scales.reshape(shape), scale, divides=order.divides)


def _order(variant: str) -> Order:
    if variant not in VARIANTS:
        raise BadTensor(f"NVFP4: no variant '{variant}'; {did_you_mean(variant, VARIANTS)}")
    return VARIANTS[variant]


def _given(tensor_scale: float, *, divides: bool) -> np.float32:
    scale = np.float32(tensor_scale)
    if not (np.isfinite(scale) and scale > 0):
        raise BadTensor(f"NVFP4: a tensor scale is a positive float32, not {tensor_scale}.")
    return np.float32(1) / scale if divides else scale


def _quantized(codes: Bytes, scales: Bytes, scale: np.float32, *, divides: bool) -> Quantized:
    if not divides:
        return Quantized(codes, scales, scale)
    with np.errstate(all="ignore"):
        return Quantized(codes, scales, np.float32(1) / scale, global_scale=scale)


def unpack(
    packed: Bytes, scales: Bytes, tensor_scale: float | None = None, *, global_scale: float | None = None
) -> Quantized:
    """Read what a checkpoint holds.

    Args:
        packed: uint8, last axis K/2, even column in the low nibble.
        scales: uint8 bytes of E4M3, last axis K/16, the other axes those of packed.
        tensor_scale: the multiplier of Model Optimizer's layout (`weight_scale_2`).
        global_scale: the divisor of compressed-tensors' layout (`weight_global_scale`), in the place of tensor_scale.

    Raises:
        BadTensor: dtypes or shapes that do not fit each other, or not exactly one of the two tensor scales.
    """
    blocks.fit(packed, scales, BLOCK, "NVFP4")
    blocks.fit_bytes(scales, "NVFP4")
    if (tensor_scale is None) == (global_scale is None):
        raise BadTensor("NVFP4: give either tensor_scale, which multiplies, or global_scale, which divides.")
    divides = tensor_scale is None
    scale = np.float32(global_scale if tensor_scale is None else tensor_scale)
    return _quantized(e2m1.unpack(packed), scales, scale, divides=divides)


def _modelopt_blocks(amax: Array, tensor_scale: np.float32) -> Bytes:
    scales = amax.astype(np.float32) / (e2m1.MAX * tensor_scale)
    scales[scales == 0] = 1
    return e4m3.encode(np.maximum(scales, e4m3.SMALLEST))


def _torchao_blocks(amax: Array, tensor_scale: np.float32) -> Bytes:
    scales = amax.astype(np.float32) / e2m1.MAX / tensor_scale
    return e4m3.encode(np.maximum(scales, e4m3.SMALLEST_NORMAL))


def _torchao_codes(scaled: Floats) -> Bytes:
    """−0 keeps its sign, and NaN (0 times the overflowed reciprocal of a tiny tensor scale) becomes code 3."""
    codes = e2m1.encode(scaled)
    codes[np.isnan(scaled)] -= 4
    return codes


def _compressed_tensors_divisor(amax: Array) -> np.float32:
    number = amax.dtype.type
    divisor = np.float32(number(1) / np.maximum(amax, number(SMALLEST_NORMAL)) * number(RANGE))
    return divisor if np.isfinite(divisor) else np.float32(1)


def _compressed_tensors_blocks(amax: Array, divisor: np.float32) -> Bytes:
    scales = e4m3.encode(divisor * (amax / amax.dtype.type(e2m1.MAX)).astype(np.float32))
    scales[scales == 0] = 0x20
    return scales


def _vllm_blocks(amax: Array, divisor: np.float32) -> Bytes:
    return e4m3.encode(divisor * (amax.astype(np.float32) * np.float32(1 / 6)))


def _vllm_scaled(x: Floats, scales: Floats, divisor: np.float32) -> Floats:
    steps = scales * (np.float32(1) / divisor)
    steps[steps == 0] = 1e8
    return x * (np.float32(1) / steps)


VARIANTS: dict[str, Order] = {
    "modelopt": Order(
        tensor_scale=lambda amax: np.float32(amax) / RANGE,
        block_scales=_modelopt_blocks,
        scaled=lambda x, scales, tensor_scale: x / (scales * tensor_scale),
    ),
    "compressed-tensors": Order(
        tensor_scale=_compressed_tensors_divisor,
        block_scales=_compressed_tensors_blocks,
        scaled=lambda x, scales, divisor: x / (scales / divisor),
        divides=True,
    ),
    "torchao": Order(
        tensor_scale=lambda amax: np.float32(amax) / RANGE,
        block_scales=_torchao_blocks,
        scaled=lambda x, scales, tensor_scale: x * (np.float32(1) / tensor_scale / scales),
        encode=_torchao_codes,
    ),
    "vllm": Order(
        tensor_scale=lambda amax: np.float32(1) / np.float32(amax) * RANGE,
        block_scales=_vllm_blocks,
        scaled=_vllm_scaled,
        divides=True,
    ),
}
