"""Model Optimizer's quantizers against ours, bit for bit."""

from __future__ import annotations

import libraries
import numpy as np
import pytest
from libraries import Array
from matrices import inputs, large, matrices

from gb10docs.models.formats import fp8, int4, mxfp4, nvfp4

pytest.importorskip("modelopt")


@pytest.mark.parametrize("x", inputs())
def test_nvfp4_codes_scales_packing_and_values_are_its_own(x: Array) -> None:
    theirs, ours = libraries.modelopt_nvfp4(x), nvfp4.quantize(x)
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)
    np.testing.assert_array_equal(ours.tensor_scale, theirs.tensor_scale)
    np.testing.assert_array_equal(ours.dequantize(), libraries.modelopt_nvfp4_values(x))


@pytest.mark.parametrize("x", inputs())
def test_mxfp4_codes_scales_packing_and_values_are_its_own(x: Array) -> None:
    theirs, ours = libraries.modelopt_mxfp4(x), mxfp4.quantize(x, variant="modelopt")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)
    np.testing.assert_array_equal(ours.dequantize(), libraries.modelopt_mxfp4_values(x))


@pytest.mark.parametrize("shape", [(16,), (1, 32), (3, 5, 64), (2, 1, 2, 16)])
def test_any_number_of_axes(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    theirs, ours = libraries.modelopt_nvfp4(x), nvfp4.quantize(x)
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)


@pytest.mark.parametrize("tensor_scale", [1.0, 1e-3, 0.37])
def test_a_given_tensor_scale_saturates_as_its_own(tensor_scale: float) -> None:
    normal = matrices()["normal"] * np.float32(1000)
    theirs, ours = (
        libraries.modelopt_nvfp4(normal, tensor_scale),
        nvfp4.quantize(normal, tensor_scale=tensor_scale),
    )
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_it_hides_what_is_not_a_number_and_ours_refuses_it(bad: float) -> None:
    normal = matrices()["normal"]
    normal[3, 5] = bad
    assert libraries.modelopt_nvfp4(normal).packed.shape == (64, 128)
    assert libraries.modelopt_mxfp4(normal).packed.shape == (64, 128)
    for quantize in (nvfp4.quantize, mxfp4.quantize):
        with pytest.raises(ValueError, match=f"flat index {3 * 256 + 5} is {bad}"):
            quantize(normal)


def test_it_pads_a_row_that_does_not_divide_and_ours_refuses_it() -> None:
    x = np.ones((2, 24), np.float32)
    assert libraries.modelopt_nvfp4(x).packed.shape == (2, 16)
    with pytest.raises(ValueError, match="24 values, which is no multiple of the block of 16"):
        nvfp4.quantize(x)


def test_it_fails_on_an_empty_tensor_and_ours_is_empty() -> None:
    x = np.zeros((0, 64), np.float32)
    with pytest.raises((RuntimeError, IndexError)):
        libraries.modelopt_nvfp4(x)
    assert nvfp4.quantize(x).pack().shape == (0, 32)


@pytest.mark.parametrize("x", inputs())
def test_fp8_per_tensor_is_its_own(x: Array) -> None:
    theirs, ours = libraries.modelopt_fp8(x, None), fp8.quantize(x)
    if not theirs.scales.astype(np.float32):  # it divides by zero: NaN or 448, where ours are zeros
        assert (theirs.packed & 0x7F >= 0x7E).all()
        assert not ours.dequantize().any()
        return
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.codes, theirs.packed)


def test_fp8_per_row_is_its_own() -> None:
    normal = matrices()["normal"]
    theirs, ours = libraries.modelopt_fp8(normal, 0), fp8.quantize(normal, axis=-1)
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.codes, theirs.packed)


def test_its_int4_is_another_format() -> None:
    """It divides the largest magnitude by 7, keeps the scale's inverse, and puts the even column in the high nibble."""
    normal = matrices()["normal"]
    theirs, ours = libraries.modelopt_int4(normal, 128), int4.quantize(normal, scale_dtype=np.float32)
    np.testing.assert_allclose(theirs.scales * 7.5, 7 / ours.scales.reshape(-1, 1), rtol=1e-6)
    inverse = theirs.scales.reshape(64, 2).repeat(128, axis=1)
    codes = (np.rint(normal * inverse) + int4.ZERO).astype(np.uint8)
    np.testing.assert_array_equal(codes[:, 0::2] << 4 | codes[:, 1::2], theirs.packed)


@pytest.mark.parametrize("x", large())
def test_four_million_values(x: Array) -> None:
    theirs, ours = libraries.modelopt_nvfp4(x), nvfp4.quantize(x, variant="modelopt")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)
    theirs, quantized = libraries.modelopt_mxfp4(x), mxfp4.quantize(x, variant="modelopt")
    np.testing.assert_array_equal(quantized.scales, theirs.scales)
    np.testing.assert_array_equal(quantized.pack(), theirs.packed)
