"""Matrices on which quantizers differ, if they do: shape [rows, 256], float32, and in BF16 where that is finite."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

ROWS, COLUMNS = 64, 256
LARGEST = np.finfo(np.float32).max
LEAST = np.float32(2.0**-149)


def matrices() -> dict[str, NDArray[Any]]:
    """Name to matrix; the same ones each time."""
    random = np.random.default_rng(20_261_122)
    normal = random.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    steps = random.integers(-48, 49, (ROWS, COLUMNS)).astype(np.float32) / 8
    rows = np.arange(ROWS, dtype=np.float32)[:, None]
    any_bits = random.integers(0, 2**32, (ROWS, COLUMNS), dtype=np.uint32).view(np.float32)
    zeros = normal.copy()
    zeros[:, :64], zeros[:, 64:128:2], zeros[3] = 0, -0.0, -0.0
    spike = normal * np.float32(1e-4)
    spike[7, 11] = -300
    return {
        "normal": normal,
        "weights": normal * np.float32(0.02),
        "heavy tails": random.standard_t(1.5, (ROWS, COLUMNS)).astype(np.float32),
        "one block holds the maximum": spike,
        "zero blocks and -0": zeros,
        "all zeros": np.zeros((ROWS, COLUMNS), np.float32),
        "ties": steps,
        "ties at odd scales": steps * np.float32(0.0137),
        "small integers": np.rint(normal),
        "powers of two": np.ldexp(np.float32(1), random.integers(-20, 20, (ROWS, COLUMNS))).astype(
            np.float32
        ),
        "subnormal block scales": normal * 2 ** (-rows / 2),
        "far apart": (normal * 10 ** random.uniform(-25, 25, (ROWS, 1))).astype(np.float32),
        "any bits": np.where(np.isfinite(any_bits), any_bits, 1).astype(np.float32),
        "up to 2^126": (random.uniform(-1, 1, (ROWS, COLUMNS)) * 2.0**126).astype(np.float32),
        "up to the largest": (random.uniform(-1, 1, (ROWS, COLUMNS)) * LARGEST).astype(np.float32),
        "tensor scale underflows a normal": normal * np.float32(1e-36),
        "near the smallest normal": normal * np.float32(1e-38),
        "subnormal": normal * np.float32(1e-41),
        "the least": np.full((ROWS, COLUMNS), LEAST, np.float32),
        "near powers of two": near_powers(),
    }


def large() -> list[Any]:
    """Four million values, as pytest parameters: what happens once in a hundred thousand blocks."""
    x = np.random.default_rng(0).standard_normal((2048, 2048)).astype(np.float32)
    return [pytest.param(x, id="float32"), pytest.param(x.astype(ml_dtypes.bfloat16), id="bfloat16")]


def near_powers() -> NDArray[np.float32]:
    """Block maxima a few float32 steps around 6 · 2ⁿ, where a rounded logarithm decides the scale."""
    exponents = np.repeat(np.arange(-96, 96, 3), COLUMNS // 32).reshape(ROWS, -1)
    maxima = (
        np.ldexp(np.float32(6), exponents).astype(np.float32).view(np.uint32)
        - 4
        + np.arange(8, dtype=np.uint32) * 5
    )
    return np.repeat(maxima.view(np.float32), 32, axis=1)


def inputs() -> list[Any]:
    """Each matrix in float32 and in BF16, as pytest parameters."""
    cases = []
    for name, matrix in matrices().items():
        cases.append(pytest.param(matrix, id=f"{name}, float32"))
        with np.errstate(over="ignore"):
            half = matrix.astype(ml_dtypes.bfloat16)
        if np.isfinite(half.astype(np.float32)).all():
            cases.append(pytest.param(half, id=f"{name}, bfloat16"))
    return cases
