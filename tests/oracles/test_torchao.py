"""torchao's quantizers against ours, bit for bit."""

from __future__ import annotations

import libraries
import numpy as np
import pytest
from libraries import Array
from matrices import inputs, large, matrices

from gb10docs.models.formats import e2m1, e4m3, mxfp4, nvfp4

pytest.importorskip("torchao")


@pytest.mark.parametrize("x", inputs())
def test_nvfp4_codes_scales_and_packing_are_its_own(x: Array) -> None:
    theirs, ours = libraries.torchao_nvfp4(x), nvfp4.quantize(x, variant="torchao")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.tensor_scale, theirs.tensor_scale)
    meant = ~np.isnan(e4m3.decode(theirs.scales)).repeat(nvfp4.BLOCK, axis=1)
    np.testing.assert_array_equal(ours.codes[meant], e2m1.unpack(theirs.packed)[meant])


def test_a_tensor_of_zeros_is_nan_there_and_here() -> None:
    """Under a NaN scale a code means nothing: 12 there, another here."""
    theirs = libraries.torchao_nvfp4(np.zeros((1, 16), np.float32))
    ours = nvfp4.quantize(np.zeros((1, 16), np.float32), variant="torchao")
    assert np.isnan(e4m3.decode(theirs.scales)).all()
    assert np.isnan(ours.dequantize()).all()
    assert (theirs.packed == 0xCC).all()
    assert (ours.pack() != 0xCC).all()


@pytest.mark.parametrize("x", inputs())
def test_mxfp4_codes_scales_and_packing_are_its_own(x: Array) -> None:
    theirs, ours = libraries.torchao_mxfp4(x), mxfp4.quantize(x, variant="torchao")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)


@pytest.mark.parametrize(
    ("rule", "mode"), [("ocp", "FLOOR"), ("rceil", "RCEIL"), ("even", "EVEN"), ("ceil", "CEIL")]
)
@pytest.mark.parametrize("x", inputs())
def test_the_four_scale_rules_are_its_four_modes(x: Array, rule: mxfp4.Variant, mode: str) -> None:
    """Save in blocks whose scale is 2⁻¹²⁷: it divides those by 2⁻¹²⁶, or by 1."""
    theirs, ours = libraries.torchao_mxfp4(x, mode), mxfp4.quantize(x, variant=rule)
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    least = (ours.scales == 0).repeat(mxfp4.BLOCK // 2, axis=1)
    np.testing.assert_array_equal(ours.pack()[~least], theirs.packed[~least])


@pytest.mark.parametrize(("mode", "rule"), [("FLOOR", "ocp"), ("RCEIL", "rceil")])
def test_it_loses_blocks_at_the_least_scale(mode: str, rule: mxfp4.Variant) -> None:
    x = np.full((1, 32), 3 * 2.0**-127, np.float32)
    assert libraries.torchao_mxfp4(x, mode).scales[0, 0] == mxfp4.quantize(x, variant=rule).scales[0, 0] == 0
    np.testing.assert_array_equal(mxfp4.quantize(x, variant=rule).dequantize(), x)
    assert (libraries.torchao_mxfp4(x, mode).packed != mxfp4.quantize(x, variant=rule).pack()).all()


def test_it_keeps_the_scale_normal_where_others_go_down_to_2_to_the_minus_9() -> None:
    x = np.full((1, 32), 2.0**-9 * 6, np.float32)
    x[0, 0] = 2688
    theirs = libraries.torchao_nvfp4(x)
    assert theirs.scales[0].tolist() == [0x7E, 0x08]
    assert nvfp4.quantize(x).scales[0].tolist() == [0x7E, 0x01]


def test_it_refuses_a_row_that_does_not_divide_as_ours_does() -> None:
    with pytest.raises(AssertionError, match="divisible"):
        libraries.torchao_nvfp4(np.ones((2, 24), np.float32))
    with pytest.raises(ValueError, match="no multiple of the block of 16"):
        nvfp4.quantize(np.ones((2, 24), np.float32), variant="torchao")


@pytest.mark.parametrize("x", large())
def test_four_million_values(x: Array) -> None:
    theirs, ours = libraries.torchao_nvfp4(x), nvfp4.quantize(x, variant="torchao")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)
    theirs, quantized = libraries.torchao_mxfp4(x), mxfp4.quantize(x, variant="torchao")
    np.testing.assert_array_equal(quantized.scales, theirs.scales)
    np.testing.assert_array_equal(quantized.pack(), theirs.packed)


@pytest.mark.parametrize("tensor_scale", [1.0, 1e-3, 0.37])
def test_a_given_tensor_scale_saturates_as_its_own(tensor_scale: float) -> None:
    x = matrices()["normal"] * np.float32(1000)
    theirs = libraries.torchao_nvfp4(x, tensor_scale)
    ours = nvfp4.quantize(x, variant="torchao", tensor_scale=tensor_scale)
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)
