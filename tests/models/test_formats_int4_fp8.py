"""INT4 and FP8 by hand, and what must hold of them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from gb10docs.models.formats import e4m3, fp8, int4
from gb10docs.models.formats.blocks import BadTensor

Array = NDArray[Any]
MODERATE = st.floats(2.0**-30, 2.0**30, width=32)
MATRICES = arrays.arrays(np.float32, (2, 64), elements=MODERATE | MODERATE.map(lambda x: -x) | st.just(0.0))


def test_symmetric_int4_by_hand() -> None:
    """Largest 7.5, so the scale is 1: 7.5 rounds to 8, which is clipped to 7; −7.5 rounds to −8."""
    x = np.array([[7.5, -7.5, 0.5, 1.5, -0.5, 0, 3, -1]], np.float32)
    quantized = int4.quantize(x, group=8)
    assert quantized.scales.tolist() == [[1]]
    assert quantized.codes.tolist() == [[15, 0, 8, 10, 8, 8, 11, 7]]
    assert quantized.pack().tolist() == [[0x0F, 0xA8, 0x88, 0x7B]]
    assert quantized.dequantize().tolist() == [[7, -8, 0, 2, 0, 0, 3, -1]]
    assert quantized.zero_points is None


def test_asymmetric_int4_by_hand() -> None:
    """From 0 to 15: the scale is 1, and the least code stands for 0."""
    quantized = int4.quantize(np.arange(16, dtype=np.float32)[None], group=16, symmetric=False)
    assert quantized.scales.tolist() == [[1]]
    assert quantized.zero_points is not None
    assert quantized.zero_points.tolist() == [[0]]
    assert quantized.codes[0].tolist() == list(range(16))
    assert quantized.dequantize()[0].tolist() == list(range(16))


@pytest.mark.parametrize(
    ("group", "symmetric", "scale_dtype", "bits"),
    [
        (128, True, ml_dtypes.bfloat16, 4.125),
        (128, False, np.float16, 4.15625),
        (128, True, np.float32, 4.25),
        (32, True, ml_dtypes.bfloat16, 4.5),
    ],
)
def test_what_int4_costs(group: int, symmetric: bool, scale_dtype: Any, bits: float) -> None:
    x = np.ones((2, 256), np.float32)
    quantized = int4.quantize(x, group=group, symmetric=symmetric, scale_dtype=scale_dtype)
    assert quantized.bits_per_value == bits
    assert quantized.scales.dtype == scale_dtype
    assert quantized.scales.shape == (2, 256 // group)


def test_bf16_is_divided_in_bf16() -> None:
    """8.25/2.359375 is 3.4967, but 3.5 in BF16, which rounds to 4."""
    x = np.array([[17.75, 8.25] + [0] * 30], np.float32)
    assert int4.quantize(x, group=32).scales.tolist() == [[2.359375]]
    assert int4.quantize(x, group=32).codes[0, 1] == 3 + int4.ZERO
    assert int4.quantize(x.astype(ml_dtypes.bfloat16), group=32).codes[0, 1] == 4 + int4.ZERO


@pytest.mark.parametrize("symmetric", [True, False])
@settings(max_examples=25)
@given(x=MATRICES)
def test_no_int4_value_is_further_off_than_one_scale(symmetric: bool, x: Array) -> None:
    """Half a scale by rounding; half a scale more by clipping, or by a zero point that is rounded."""
    quantized = int4.quantize(x, group=32, symmetric=symmetric, scale_dtype=np.float32)
    scales = quantized.scales.repeat(32, axis=-1)
    assert (np.abs(quantized.dequantize() - x) <= scales * np.float32(1.0001)).all()


@pytest.mark.parametrize("symmetric", [True, False])
@settings(max_examples=25)
@given(x=MATRICES)
def test_unpacking_int4_gives_back_the_same_values(symmetric: bool, x: Array) -> None:
    one = int4.quantize(x, group=32, symmetric=symmetric)
    other = int4.unpack(one.pack(), one.scales, one.zero_points, group=32)
    np.testing.assert_array_equal(other.dequantize(), one.dequantize())
    assert other.bits_per_value == one.bits_per_value


@pytest.mark.parametrize(
    ("group", "scale_dtype"), [(0, np.float32), (-1, np.float32), (32, np.int8), (32, np.float64)]
)
def test_int4_groups_and_scales_that_are_none(group: int, scale_dtype: Any) -> None:
    with pytest.raises(BadTensor, match="expected a group of at least 1, and bfloat16, float16 or float32"):
        int4.quantize(np.ones((2, 64), np.float32), group=group, scale_dtype=scale_dtype)


def test_an_int4_scale_beyond_its_dtype() -> None:
    with pytest.raises(BadTensor, match="beyond float16"):
        int4.quantize(np.full((1, 32), 1e6, np.float32), group=32, scale_dtype=np.float16)


@pytest.mark.parametrize(
    ("scales", "zero_points"),
    [
        (np.ones((2, 2), np.float32), None),
        (np.ones((2, 1), np.float64), None),
        (np.ones((2, 1), np.float32), np.zeros((2, 2), np.uint8)),
        (np.ones((2, 1), np.float32), np.zeros((2, 1), np.int32)),
    ],
)
def test_what_does_not_fit_cannot_be_unpacked_as_int4(scales: Array, zero_points: Array | None) -> None:
    with pytest.raises(BadTensor):
        int4.unpack(np.zeros((2, 16), np.uint8), scales, zero_points, group=32)


def test_fp8_by_hand() -> None:
    quantized = fp8.quantize(np.array([[448, -1, 0.3], [2, 0, -0.0]], np.float32))
    assert quantized.scales.shape == ()
    assert quantized.scales == 1
    assert quantized.codes.tolist() == [[0x7E, 0xB8, 0x2A], [0x40, 0x00, 0x80]]
    assert quantized.dequantize().tolist() == [[448, -1, 0.3125], [2, 0, 0]]
    assert quantized.bits_per_value == fp8.BITS_PER_VALUE == 8


def test_fp8_of_a_row_has_the_scale_of_the_row() -> None:
    quantized = fp8.quantize(np.array([[448, 1], [44.8, 44.8]], np.float32), axis=-1)
    np.testing.assert_array_equal(quantized.scales, np.array([[1], [0.1]], np.float32))
    assert quantized.codes.tolist() == [[0x7E, 0x38], [0x7E, 0x7E]]
    assert quantized.bits_per_value == 8 + 32 / 2


def test_fp8_scales_are_in_the_dtype_of_the_tensor() -> None:
    x = np.ones((4, 64), ml_dtypes.bfloat16)
    assert fp8.quantize(x, axis=-1).scales.dtype == ml_dtypes.bfloat16
    assert fp8.quantize(x, axis=-1).bits_per_value == 8 + 16 / 64


@pytest.mark.parametrize("axis", [None, -1, 0])
@settings(max_examples=25)
@given(x=MATRICES)
def test_fp8_is_off_by_a_sixteenth_at_most(axis: int | None, x: Array) -> None:
    quantized = fp8.quantize(x, axis=axis)
    allowed = np.maximum(np.abs(x) / 16, quantized.scales * e4m3.SMALLEST / 2) * np.float32(1.001)
    assert (np.abs(quantized.dequantize() - x) <= allowed).all()


@settings(max_examples=25)
@given(x=MATRICES)
def test_unpacking_fp8_gives_back_the_same_values(x: Array) -> None:
    one = fp8.quantize(x, axis=-1)
    other = fp8.unpack(one.pack(), one.scales)
    np.testing.assert_array_equal(other.dequantize(), one.dequantize())


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_there_is_not(axis: int) -> None:
    with pytest.raises(BadTensor, match=f"no axis {axis}"):
        fp8.quantize(np.ones((2, 2), np.float32), axis=axis)


@pytest.mark.parametrize(
    ("packed", "scales"),
    [
        (np.zeros((2, 4), np.uint8), np.ones((3, 1), np.float32)),
        (np.zeros((2, 4), np.uint8), np.ones((5, 2, 4), np.float32)),
        (np.zeros((2, 4), np.int8), np.ones((), np.float32)),
    ],
)
def test_what_does_not_fit_cannot_be_unpacked_as_fp8(packed: Array, scales: Array) -> None:
    with pytest.raises(BadTensor):
        fp8.unpack(packed, scales)
