"""MXFP4 by hand: which power of two a block gets, and what that costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from gb10docs.models.formats import e8m0, mxfp4
from gb10docs.models.formats.blocks import BadTensor

Array = NDArray[Any]
VARIANTS = pytest.mark.parametrize("variant", mxfp4.VARIANTS)
MODERATE = st.floats(2.0**-30, 2.0**30, width=32)
MATRICES = arrays.arrays(np.float32, (2, 64), elements=MODERATE | MODERATE.map(lambda x: -x) | st.just(0.0))


def row(*values: float) -> Array:
    """One block of 32, the rest zeros."""
    return np.array([[*values, *[0.0] * (32 - len(values))]], np.float32)


@pytest.mark.parametrize(
    ("amax", "floor", "rceil", "even", "ceil"),
    [
        (4, 1, 1, 1, 1),
        (5, 1, 1, 1, 2),
        (6, 1, 1, 1, 2),
        (6.5, 1, 2, 1, 2),
        (7, 1, 2, 2, 2),
        (7.9, 1, 2, 2, 2),
        (8, 2, 2, 2, 2),
    ],
)
def test_the_four_scale_rules(amax: float, floor: float, rceil: float, even: float, ceil: float) -> None:
    rules = {"ocp": floor, "rceil": rceil, "even": even, "ceil": ceil}
    for factor in (2.0**-40, 1, 2.0**40):
        for rule, scale in rules.items():
            quantized = mxfp4.quantize(row(amax * factor), variant=rule)  # type: ignore[arg-type]
            assert quantized.steps().tolist() == [[scale * factor]], rule


@pytest.mark.parametrize(
    ("exporter", "rule"),
    [("torchao", "ocp"), ("modelopt", "rceil"), ("compressed-tensors", "even"), ("vllm", "even")],
)
@settings(max_examples=25)
@given(x=MATRICES)
def test_each_exporter_follows_one_of_them(exporter: mxfp4.Variant, rule: mxfp4.Variant, x: Array) -> None:
    np.testing.assert_array_equal(
        mxfp4.quantize(x, variant=exporter).scales, mxfp4.quantize(x, variant=rule).scales
    )


def test_the_ocp_rule_clips_what_the_others_do_not() -> None:
    assert mxfp4.quantize(row(7.9)).dequantize()[0, 0] == 6
    assert mxfp4.quantize(row(7.9), variant="rceil").dequantize()[0, 0] == 8
    assert mxfp4.quantize(row(7.9), variant="even").dequantize()[0, 0] == 8
    assert mxfp4.quantize(row(7.9), variant="ceil").dequantize()[0, 0] == 8


def test_a_block_by_hand() -> None:
    quantized = mxfp4.quantize(row(12, -1, 2.5, -0.0, 3, 0.25))
    assert quantized.scales.tolist() == [[128]]
    assert quantized.codes[0, :6].tolist() == [7, 9, 2, 8, 3, 0]
    assert quantized.pack()[0, :3].tolist() == [0x97, 0x82, 0x03]
    assert quantized.dequantize()[0, :6].tolist() == [12, -1, 2, 0, 3, 0]
    assert quantized.bits_per_value == mxfp4.BITS_PER_VALUE == 4 + 8 / mxfp4.BLOCK


def test_modelopt_rounds_ties_toward_zero_and_makes_zero_negative() -> None:
    codes = mxfp4.quantize(row(4, 0.75, 1.75, 3.5, -0.75, 0), variant="modelopt").codes
    assert codes[0, :6].tolist() == [6, 1, 3, 5, 9, 8]


def test_negative_zero() -> None:
    x = row(4, -0.0, -0.01)
    assert mxfp4.quantize(x).codes[0, 1:3].tolist() == [8, 8]
    assert mxfp4.quantize(x, variant="compressed-tensors").codes[0, 1:3].tolist() == [0, 8]


@VARIANTS
def test_a_block_of_zeros_has_the_least_scale(variant: mxfp4.Variant) -> None:
    quantized = mxfp4.quantize(np.array([[0] * 32, [-0.0] * 32], np.float32), variant=variant)
    assert quantized.scales.tolist() == [[0], [0]]
    assert not quantized.dequantize().any()


@VARIANTS
@pytest.mark.parametrize("amax", [2.0**-149, 2.0**-126, 2.0**-125, 2.0**127, 3.4028235e38])
def test_scales_stay_within_e8m0(variant: mxfp4.Variant, amax: float) -> None:
    quantized = mxfp4.quantize(row(amax), variant=variant)
    assert quantized.scales[0, 0] != e8m0.NAN
    assert quantized.codes[0, 0] < 8


def test_subnormals_survive_by_the_rule_but_shrink_in_torchao() -> None:
    x = row(3 * 2.0**-127)
    assert mxfp4.quantize(x).dequantize()[0, 0] == x[0, 0]
    assert mxfp4.quantize(x, variant="torchao").dequantize()[0, 0] == x[0, 0] / 2


def test_the_logarithm_is_a_float32() -> None:
    """Just above 6 · 2⁶⁴ it rounds to 64, and the largest value is clipped after all."""
    amax = np.nextafter(np.float32(6 * 2.0**64), np.float32(np.inf))
    assert mxfp4.quantize(row(float(amax)), variant="rceil").steps().tolist() == [[2.0**64]]
    assert mxfp4.quantize(row(6.000001), variant="rceil").steps().tolist() == [[2]]


@VARIANTS
@settings(max_examples=25)
@given(x=MATRICES)
def test_no_value_is_further_off_than_two_steps(variant: mxfp4.Variant, x: Array) -> None:
    """Codes are at most 2 apart, and the floor rule clips up to 8 to 6."""
    quantized = mxfp4.quantize(x, variant=variant)
    steps = quantized.steps().repeat(mxfp4.BLOCK, axis=-1)
    assert (np.abs(quantized.dequantize() - x) <= 2 * steps).all()


@VARIANTS
@settings(max_examples=25)
@given(x=MATRICES)
def test_unpacking_gives_back_the_same_values(variant: mxfp4.Variant, x: Array) -> None:
    one = mxfp4.quantize(x, variant=variant)
    other = mxfp4.unpack(one.pack(), one.scales)
    np.testing.assert_array_equal(other.codes, one.codes)
    np.testing.assert_array_equal(other.dequantize(), one.dequantize())


def test_what_it_made_it_makes_again() -> None:
    """With a scale that clips nothing, the values are on the grid already."""
    x = np.random.default_rng(0).standard_normal((8, 64)).astype(np.float32)
    once = mxfp4.quantize(x).dequantize()
    np.testing.assert_array_equal(mxfp4.quantize(once).dequantize(), once)


@pytest.mark.parametrize(
    ("packed", "scales"),
    [
        (np.zeros((2, 8), np.uint8), np.zeros((2, 1), np.uint8)),
        (np.zeros((2, 16), np.uint8), np.zeros((2, 1), np.float32)),
        (np.zeros((2, 16), np.int32), np.zeros((2, 1), np.uint8)),
    ],
)
def test_what_does_not_fit_cannot_be_unpacked(packed: Array, scales: Array) -> None:
    with pytest.raises(BadTensor):
        mxfp4.unpack(packed, scales)
