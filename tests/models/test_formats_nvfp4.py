"""NVFP4 by hand, and what must hold of it."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from gb10docs.models.formats import e4m3, nvfp4
from gb10docs.models.formats.blocks import BadTensor

Array = NDArray[Any]
VARIANTS = pytest.mark.parametrize("variant", nvfp4.VARIANTS)
MODERATE = st.floats(2.0**-12, 2.0**12, width=32)
MATRICES = arrays.arrays(np.float32, (2, 64), elements=MODERATE | MODERATE.map(lambda x: -x) | st.just(0.0))


def row(*values: float) -> Array:
    """One block of 16, the rest zeros."""
    return np.array([[*values, *[0.0] * (16 - len(values))]], np.float32)


def test_a_block_by_hand() -> None:
    """Largest 6, so tensor_scale = 6/2688 and the block's scale 448: a code's unit is 1."""
    quantized = nvfp4.quantize(row(6, -3, 0.5, 1.25, 2.5, -0.25, -0.0, 5))
    assert quantized.tensor_scale == np.float32(6) / np.float32(2688)
    assert quantized.scales.tolist() == [[0x7E]]
    assert quantized.steps().tolist() == [[1]]
    assert quantized.codes[0, :8].tolist() == [7, 13, 1, 2, 4, 8, 0, 6]
    assert quantized.pack()[0, :4].tolist() == [0xD7, 0x21, 0x84, 0x60]
    assert quantized.dequantize()[0, :8].tolist() == [6, -3, 0.5, 1, 2, 0, 0, 4]


def test_it_costs_four_and_a_half_bits() -> None:
    assert nvfp4.quantize(row(1)).bits_per_value == nvfp4.BITS_PER_VALUE == 4 + 8 / nvfp4.BLOCK


def test_a_second_block_has_its_own_scale() -> None:
    x = np.hstack([row(2688), row(6 * 1.5)])
    quantized = nvfp4.quantize(x)
    assert e4m3.decode(quantized.scales).tolist() == [[448, 1.5]]
    assert quantized.dequantize()[0, [0, 16]].tolist() == [2688, 9]


def test_scales_go_down_to_two_to_the_minus_nine() -> None:
    x = np.hstack([row(2688), row(6 * 2.0**-9), row(6 * 2.0**-12)])
    assert nvfp4.quantize(x).scales[0, 1:].tolist() == [0x01, 0x01]
    assert nvfp4.quantize(x, variant="torchao").scales[0, 1:].tolist() == [0x08, 0x08]
    assert nvfp4.quantize(x, variant="compressed-tensors").scales[0, 1:].tolist() == [0x01, 0x20]
    assert nvfp4.quantize(x, variant="vllm").scales[0, 1:].tolist() == [0x01, 0x00]


@pytest.mark.parametrize(
    ("variant", "scale"),
    [("modelopt", 0x38), ("compressed-tensors", 0x20), ("torchao", 0x08), ("vllm", 0x00)],
)
def test_what_scale_a_block_of_zeros_gets(variant: nvfp4.Variant, scale: int) -> None:
    quantized = nvfp4.quantize(np.hstack([row(1), row()]), variant=variant)
    assert quantized.scales[0, 1] == scale
    assert not quantized.dequantize()[0, 16:].any()


@pytest.mark.parametrize("variant", ["modelopt", "torchao", "vllm"])
def test_a_tensor_of_zeros_is_nan_in_three_of_them(variant: nvfp4.Variant) -> None:
    assert np.isnan(nvfp4.quantize(row(), variant=variant).dequantize()).all()


def test_a_tensor_of_zeros_is_zeros_in_compressed_tensors() -> None:
    quantized = nvfp4.quantize(row(), variant="compressed-tensors")
    assert quantized.global_scale == 1
    assert not quantized.dequantize().any()


@pytest.mark.parametrize(
    ("variant", "code"), [("modelopt", 0), ("compressed-tensors", 0), ("torchao", 8), ("vllm", 0)]
)
def test_negative_zero(variant: nvfp4.Variant, code: int) -> None:
    quantized = nvfp4.quantize(row(1, -0.0, -0.01), variant=variant)
    assert quantized.codes[0, 1:3].tolist() == [code, 8]


@VARIANTS
def test_the_block_with_the_largest_value_has_the_largest_scale_and_code(variant: nvfp4.Variant) -> None:
    x = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    quantized = nvfp4.quantize(x, variant=variant)
    at = np.unravel_index(np.abs(x).argmax(), x.shape)
    assert quantized.scales[at[0], at[1] // 16] == 0x7E
    assert quantized.codes[at] & 7 == 7


@VARIANTS
@settings(max_examples=25)
@given(x=MATRICES.filter(lambda x: bool(x.any())))
def test_no_value_is_further_off_than_one_step(variant: nvfp4.Variant, x: Array) -> None:
    """Codes are at most 2 apart, so rounding costs a unit; a scale rounded down by 1/16 clips less than that."""
    quantized = nvfp4.quantize(x, variant=variant)
    steps = quantized.steps().repeat(nvfp4.BLOCK, axis=-1)
    error = np.abs(quantized.dequantize() - x)
    held = steps > 0
    assert (error[held] <= steps[held] * np.float32(1.0001)).all()
    assert not quantized.dequantize()[~held].any()


@VARIANTS
@settings(max_examples=25)
@given(x=MATRICES.filter(lambda x: bool(x.any())), exponent=st.integers(-20, 20))
def test_a_power_of_two_moves_the_tensor_scale_only(variant: nvfp4.Variant, x: Array, exponent: int) -> None:
    one, other = nvfp4.quantize(x, variant=variant), nvfp4.quantize(np.ldexp(x, exponent), variant=variant)
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_array_equal(one.scales, other.scales)
    assert other.tensor_scale == np.ldexp(one.tensor_scale, exponent)


@VARIANTS
@settings(max_examples=25)
@given(x=MATRICES.filter(lambda x: bool(x.any())))
def test_unpacking_gives_back_the_same_values(variant: nvfp4.Variant, x: Array) -> None:
    one = nvfp4.quantize(x, variant=variant)
    scale = (
        {"tensor_scale": float(one.tensor_scale)}
        if one.global_scale is None
        else {"global_scale": float(one.global_scale)}
    )
    other = nvfp4.unpack(one.pack(), one.scales, **scale)
    np.testing.assert_array_equal(other.codes, one.codes)
    np.testing.assert_array_equal(other.dequantize(), one.dequantize())
    assert other.tensor_scale == one.tensor_scale


def test_bf16_is_told_by_its_dtype() -> None:
    """compressed-tensors takes the scales of a BF16 weight in BF16: 2688/5 = 537.6 becomes 540."""
    x = row(5).astype(ml_dtypes.bfloat16)
    assert nvfp4.quantize(x, variant="compressed-tensors").global_scale == 540
    exact = nvfp4.quantize(x.astype(np.float32), variant="compressed-tensors").global_scale
    assert exact == pytest.approx(537.6, rel=1e-6)
    assert nvfp4.quantize(x).tensor_scale == nvfp4.quantize(x.astype(np.float32)).tensor_scale


@VARIANTS
def test_a_given_tensor_scale_saturates_what_is_beyond_it(variant: nvfp4.Variant) -> None:
    quantized = nvfp4.quantize(row(5376, 2688, 1), variant=variant, tensor_scale=1)
    assert quantized.tensor_scale == 1
    assert quantized.dequantize()[0, :2].tolist() == [2688, 2688]


@pytest.mark.parametrize("tensor_scale", [0, -1, np.nan, np.inf, 1e-60])
def test_a_tensor_scale_is_positive(tensor_scale: float) -> None:
    with pytest.raises(BadTensor, match="a tensor scale is a positive float32"):
        nvfp4.quantize(row(1), tensor_scale=tensor_scale)


def test_either_scale_of_the_tensor_is_given() -> None:
    packed, scales = np.zeros((1, 8), np.uint8), np.zeros((1, 1), np.uint8)
    for scale in ({}, {"tensor_scale": 1.0, "global_scale": 1.0}):
        with pytest.raises(BadTensor, match="give either tensor_scale"):
            nvfp4.unpack(packed, scales, **scale)


@pytest.mark.parametrize(
    ("packed", "scales"),
    [
        (np.zeros((2, 8), np.uint8), np.zeros((2, 2), np.uint8)),
        (np.zeros((2, 8), np.uint8), np.zeros((1, 1), np.uint8)),
        (np.zeros((2, 8), np.uint8), np.zeros(2, np.uint8)),
        (np.zeros((2, 8), np.int8), np.zeros((2, 1), np.uint8)),
        (np.zeros((2, 8), np.uint8), np.zeros((2, 1), np.float32)),
        (np.zeros((), np.uint8), np.zeros((), np.uint8)),
    ],
)
def test_what_does_not_fit_cannot_be_unpacked(packed: Array, scales: Array) -> None:
    with pytest.raises(BadTensor):
        nvfp4.unpack(packed, scales, 1.0)


def test_nothing_of_it_can_be_replaced() -> None:
    with pytest.raises(AttributeError):
        nvfp4.quantize(row(1)).tensor_scale = np.float32(2)  # type: ignore[misc]
