"""Where the exporters themselves differ, and by how much."""

from __future__ import annotations

from collections.abc import Callable

import libraries
import ml_dtypes
import numpy as np
import pytest
from libraries import Array, Result
from matrices import matrices

from gb10docs.models.formats import e2m1

pytest.importorskip("modelopt")

EXPORTERS: dict[str, Callable[[Array], Result]] = {
    "torchao": libraries.torchao_nvfp4,
    "compressed-tensors": libraries.compressed_tensors_nvfp4,
}


@pytest.mark.parametrize("name", ["normal", "weights", "heavy tails"])
@pytest.mark.parametrize("exporter", EXPORTERS)
def test_on_float32_they_write_the_same_bytes(exporter: str, name: str) -> None:
    x = matrices()[name]
    one, other = libraries.modelopt_nvfp4(x), EXPORTERS[exporter](x)
    np.testing.assert_array_equal(one.packed, other.packed)
    np.testing.assert_array_equal(one.scales, other.scales)


@pytest.mark.parametrize(("exporter", "share"), [("torchao", 0.001), ("compressed-tensors", 0.01)])
def test_on_bf16_one_code_in_a_thousand_or_a_hundred_differs(exporter: str, share: float) -> None:
    differing = []
    for seed in range(10):
        x = np.random.default_rng(seed).standard_normal((64, 256)).astype(ml_dtypes.bfloat16)
        one, other = libraries.modelopt_nvfp4(x), EXPORTERS[exporter](x)
        differing.append((e2m1.unpack(one.packed) != e2m1.unpack(other.packed)).mean())
    assert share / 4 < np.mean(differing) < share * 4


@pytest.mark.parametrize(
    ("quantize", "scale"),
    [
        (libraries.modelopt_nvfp4, 0x38),
        (libraries.compressed_tensors_nvfp4, 0x20),
        (libraries.torchao_nvfp4, 0x08),
    ],
)
def test_a_block_of_zeros_has_another_scale_in_each(quantize: Callable[[Array], Result], scale: int) -> None:
    x = np.zeros((1, 32), np.float32)
    x[0, 0] = 1
    assert quantize(x).scales[0].tolist() == [0x7E, scale]


def test_negative_zero_stays_so_in_torchao_only() -> None:
    x = np.full((1, 16), -0.0, np.float32)
    x[0, 0] = 1
    assert e2m1.unpack(libraries.torchao_nvfp4(x).packed)[0, 1:].tolist() == [8] * 15
    for quantize in (libraries.modelopt_nvfp4, libraries.compressed_tensors_nvfp4):
        assert e2m1.unpack(quantize(x).packed)[0, 1:].tolist() == [0] * 15


def test_modelopt_rounds_mxfp4_ties_toward_zero_and_writes_zeros_as_negative() -> None:
    x = np.zeros((1, 32), np.float32)
    x[0, :6] = [4, 0.75, 1.75, 3.5, -0.75, 0]
    theirs = e2m1.unpack(libraries.modelopt_mxfp4(x).packed)[0, :6]
    others = e2m1.unpack(libraries.torchao_mxfp4(x).packed)[0, :6]
    assert e2m1.decode(theirs).tolist() == [4, 0.5, 1.5, 3, -0.5, 0]
    assert theirs[5] == 8
    assert e2m1.decode(others).tolist() == [4, 1, 2, 4, -1, 0]
