"""compressed-tensors against ours, bit for bit, with what llm-compressor would observe; two versions are tried."""

from __future__ import annotations

from typing import Any

import libraries
import ml_dtypes
import numpy as np
import pytest
from libraries import Array, array
from matrices import inputs, large, matrices

from gb10docs.models.formats import fp8, int4, mxfp4, nvfp4

pytest.importorskip("compressed_tensors")

OVERFLOW = np.float32(1.75 * 2.0**127)
"""From here on its MXFP4 scale overflows."""


@pytest.mark.parametrize("x", inputs())
def test_nvfp4_codes_scales_and_packing_are_its_own(x: Array) -> None:
    theirs, ours = libraries.compressed_tensors_nvfp4(x), nvfp4.quantize(x, variant="compressed-tensors")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)
    np.testing.assert_array_equal(np.array([ours.global_scale], np.float32), theirs.tensor_scale)


@pytest.mark.parametrize("x", inputs())
def test_mxfp4_codes_scales_and_packing_are_its_own(x: Array) -> None:
    theirs, ours = libraries.compressed_tensors_mxfp4(x), mxfp4.quantize(x, variant="compressed-tensors")
    within = np.abs(x.astype(np.float32)).reshape(64, 8, 32).max(-1) < OVERFLOW
    np.testing.assert_array_equal(ours.scales[within], theirs.scales[within])
    both = (ours.pack().reshape(64, 8, 16)[within], theirs.packed.reshape(64, 8, 16)[within])
    np.testing.assert_array_equal(*both)


def test_its_mxfp4_scale_overflows_where_ours_does_not() -> None:
    x = np.full((1, 32), OVERFLOW, np.float32)
    theirs = libraries.compressed_tensors_mxfp4(x)
    assert (theirs.scales == 127).all()
    assert not theirs.packed.any()
    np.testing.assert_array_equal(mxfp4.quantize(x, variant="compressed-tensors").scales, [[253]])


@pytest.mark.parametrize(("preset", "symmetric"), [("W4A16", True), ("W4A16_ASYM", False)])
@pytest.mark.parametrize("x", inputs())
def test_int4_codes_scales_zero_points_and_packing_are_its_own(
    x: Array, preset: str, symmetric: bool
) -> None:
    state, _ = libraries.compressed_tensors(x, preset)
    theirs = array(state["weight_scale"])
    if not np.isfinite(theirs.astype(np.float32)).all():  # the range of the group is beyond float32
        with pytest.raises(ValueError, match="a scale of inf"):
            int4.quantize(x, symmetric=symmetric, scale_dtype=x.dtype)
        return
    ours = int4.quantize(x, symmetric=symmetric, scale_dtype=x.dtype)
    np.testing.assert_array_equal(ours.scales, theirs)
    np.testing.assert_array_equal(ours.pack(), array(state["weight_packed"]).view(np.uint8))
    if ours.zero_points is not None:
        packed = array(state["weight_zero_point"])
        np.testing.assert_array_equal(unpacked_rows(packed, len(x)), ours.zero_points)


def unpacked_rows(packed: Array, rows: int) -> Array:
    """Zero points lie eight rows to an int32, the first in the lowest bits."""
    return np.stack([packed >> 4 * row & 15 for row in range(8)], axis=1).reshape(rows, -1)


@pytest.mark.parametrize("x", inputs())
def test_fp8_per_row_is_its_own_but_for_negative_zero(x: Array) -> None:
    """It adds a zero point of 0, so that −0 becomes +0."""
    state, _ = libraries.compressed_tensors(x, "FP8_DYNAMIC")
    ours = fp8.quantize(x, axis=-1)
    np.testing.assert_array_equal(ours.scales, array(state["weight_scale"]))
    zero = x / ours.scales == 0
    np.testing.assert_array_equal(np.where(zero, 0, ours.codes), array(state["weight"]))
    assert set(np.unique(ours.codes[zero])) <= {0, 0x80}


@pytest.mark.parametrize(("preset", "module"), [("NVFP4A16", nvfp4), ("MXFP4A16", mxfp4)])
def test_values_are_its_own_rounded_to_bf16(preset: str, module: Any) -> None:
    """It decompresses to BF16."""
    x = matrices()["normal"].astype(ml_dtypes.bfloat16)
    state, (compressor, scheme) = libraries.compressed_tensors(x, preset)
    theirs = array(compressor.decompress(state, scheme)["weight"])
    ours = module.quantize(x, variant="compressed-tensors").dequantize()
    np.testing.assert_array_equal(ours.astype(ml_dtypes.bfloat16), theirs)


@pytest.mark.parametrize("x", large())
def test_four_million_values(x: Array) -> None:
    theirs, ours = libraries.compressed_tensors_nvfp4(x), nvfp4.quantize(x, variant="compressed-tensors")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)
    theirs, quantized = libraries.compressed_tensors_mxfp4(x), mxfp4.quantize(x, variant="compressed-tensors")
    np.testing.assert_array_equal(quantized.scales, theirs.scales)
    np.testing.assert_array_equal(quantized.pack(), theirs.packed)
