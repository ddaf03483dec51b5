"""vLLM's reference quantizers against ours, bit for bit."""

from __future__ import annotations

import libraries
import ml_dtypes
import numpy as np
import pytest
from libraries import Array
from matrices import inputs, large, matrices

from gb10docs.models.formats import e2m1, e4m3, mxfp4, nvfp4

pytest.importorskip("vllm")

BFLOAT16 = [
    parameter for parameter in inputs() if parameter.id is not None and parameter.id.endswith("bfloat16")
]


@pytest.mark.parametrize("x", inputs())
def test_nvfp4_codes_and_scales_are_its_own(x: Array) -> None:
    theirs, ours = libraries.vllm_nvfp4(x), nvfp4.quantize(x, variant="vllm")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(np.array([ours.global_scale], np.float32), theirs.tensor_scale)
    meant = ~np.isnan(e4m3.decode(theirs.scales)).repeat(nvfp4.BLOCK, axis=1)
    np.testing.assert_array_equal(ours.codes[meant], e2m1.unpack(theirs.packed)[meant])


@pytest.mark.parametrize("x", BFLOAT16)
def test_mxfp4_codes_scales_and_packing_are_its_own(x: Array) -> None:
    """On normal BF16 numbers: Triton's interpreter, unlike a GPU, misreads subnormal ones."""
    x = np.where(np.abs(x.astype(np.float32)) < 2.0**-126, 0, x).astype(ml_dtypes.bfloat16)
    theirs, ours = libraries.vllm_mxfp4(x), mxfp4.quantize(x, variant="vllm")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)


@pytest.mark.parametrize("name", ["normal", "zero blocks and -0", "subnormal block scales", "far apart"])
def test_it_reads_from_our_bytes_what_we_do(name: str) -> None:
    ours = nvfp4.quantize(matrices()[name])
    theirs = libraries.vllm_values(ours.pack(), ours.scales, float(ours.tensor_scale))
    np.testing.assert_array_equal(theirs, ours.dequantize())


def test_its_block_of_zeros_has_a_scale_of_zero() -> None:
    x = np.zeros((1, 32), ml_dtypes.bfloat16)
    x[0, 0] = 1
    assert libraries.vllm_nvfp4(x).scales[0].tolist() == [0x7E, 0x00]
    assert nvfp4.quantize(x).scales[0].tolist() == [0x7E, 0x38]


@pytest.mark.parametrize("x", large())
def test_four_million_values(x: Array) -> None:
    theirs, ours = libraries.vllm_nvfp4(x), nvfp4.quantize(x, variant="vllm")
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)


@pytest.mark.parametrize("tensor_scale", [1.0, 1e-3, 0.37])
def test_a_given_tensor_scale_saturates_as_its_own(tensor_scale: float) -> None:
    x = matrices()["normal"] * np.float32(1000)
    theirs = libraries.vllm_nvfp4(x, tensor_scale)
    ours = nvfp4.quantize(x, variant="vllm", tensor_scale=tensor_scale)
    np.testing.assert_array_equal(ours.scales, theirs.scales)
    np.testing.assert_array_equal(ours.pack(), theirs.packed)
