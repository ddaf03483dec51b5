"""What the libraries wrote of one small matrix (tests/oracles/golden.py), and what we make of it without them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import ml_dtypes
import numpy as np
import pytest

from gb10docs.models.formats import mxfp4, nvfp4

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "formats.json").read_text())
CASES = [
    pytest.param(library, key, id=f"{library} {key}")
    for library, recorded in GOLDEN["libraries"].items()
    for key in recorded
    if key != "version"
]


@pytest.mark.parametrize(("library", "key"), CASES)
def test_the_bytes_are_those_that_the_library_wrote(library: str, key: str) -> None:
    kind, dtype = key.split()
    x = np.frombuffer(bytes.fromhex(GOLDEN["float32"]), np.float32).reshape(GOLDEN["shape"])
    x = x.astype(ml_dtypes.bfloat16) if dtype == "bfloat16" else x
    recorded = GOLDEN["libraries"][library][key]
    ours: Any = {"nvfp4": nvfp4, "mxfp4": mxfp4}[kind].quantize(x, variant=library)
    assert ours.scales.tobytes().hex() == recorded["scales"]
    assert ours.pack().tobytes().hex() == recorded["packed"]
    if kind == "nvfp4":
        scale = ours.tensor_scale if ours.global_scale is None else ours.global_scale
        assert scale.tobytes().hex() == recorded["tensor_scale"]


def test_every_library_is_recorded() -> None:
    assert set(GOLDEN["libraries"]) == set(nvfp4.VARIANTS)


def test_no_two_exporters_agree_on_bf16() -> None:
    written = [recorded["nvfp4 bfloat16"]["packed"] for recorded in GOLDEN["libraries"].values()]
    assert len(set(written)) == len(written)


@pytest.mark.parametrize("module", [nvfp4, mxfp4])
def test_the_type_names_every_variant(module: Any) -> None:
    assert set(get_args(module.Variant)) == set(module.VARIANTS)
