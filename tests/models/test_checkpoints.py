"""Checkpoints are read a tensor at a time, in both dialects, and a lying one is told from a whole one."""

from __future__ import annotations

import json
import math
import os
import shutil
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from checkpoint_samples import (
    CONFIG,
    Shapes,
    entry,
    headers_only,
    make,
    nvfp4_shapes,
    quantized,
    raw_file,
    weights,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gb10docs.atomic import CannotWrite
from gb10docs.errors import GB10DocsError
from gb10docs.models.checkpoints.checkpoint import INDEX, Checkpoint, open_checkpoint
from gb10docs.models.checkpoints.declared import Declared, declared
from gb10docs.models.checkpoints.documents import BadCheckpoint, IncompleteCheckpoint
from gb10docs.models.checkpoints.files import LocalFiles
from gb10docs.models.checkpoints.header import BITS, read_header
from gb10docs.models.checkpoints.weights import weights_of
from gb10docs.models.checkpoints.writing import write
from gb10docs.models.formats import fp8, int4, mxfp4, nvfp4

UP = "model.layers.1.mlp.up_proj"
X = np.ones((8, 128), np.float32)


@contextmanager
def at_most(megabytes: float) -> Iterator[None]:
    """What is allocated within stays below this."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1e6, f"{peak / 1e6:.1f} MB"


def write_file(folder: Path, content: bytes) -> Path:
    (folder / "model.safetensors").write_bytes(content)
    return folder


# A weight that is written is the weight that is read.


@pytest.mark.parametrize("dialect", ["modelopt", "compressed-tensors"])
@pytest.mark.parametrize("kind", ["nvfp4", "mxfp4", "int4", "fp8-rows"])
def test_what_is_written_is_read(tmp_path: Path, kind: str, dialect: Any) -> None:
    made = make(tmp_path, kind, dialect)
    checkpoint = open_checkpoint(tmp_path)
    assert {name.removesuffix(".weight") for name in made} == set(checkpoint.weights)
    for name, weight in made.items():
        read = checkpoint.weight(name.removesuffix(".weight"))
        if isinstance(weight, np.ndarray):
            assert np.array_equal(read.dequantize(), weight.astype(np.float32))
        else:
            assert type(read) is type(weight)
            assert np.array_equal(read.dequantize(), weight.dequantize())


@pytest.mark.parametrize("dialect", ["modelopt", "compressed-tensors"])
def test_nvfp4_is_kept_to_the_bit(tmp_path: Path, dialect: Any) -> None:
    x = weights()[f"{UP}.weight"]
    weight = nvfp4.quantize(x, variant=dialect)
    write(tmp_path, [("a.weight", weight)], dialect=dialect, input_scales={"a.weight": 0.5})
    checkpoint = open_checkpoint(tmp_path)
    read = checkpoint.weight("a")
    assert isinstance(read, nvfp4.Quantized)
    assert np.array_equal(read.codes, weight.codes)
    assert np.array_equal(read.scales, weight.scales)
    assert (read.tensor_scale, read.global_scale) == (weight.tensor_scale, weight.global_scale)
    inverse = dialect == "compressed-tensors"
    scale = checkpoint.read("a.weight_global_scale" if inverse else "a.weight_scale_2")
    assert scale.shape == ((1,) if inverse else ())
    assert float(scale.reshape(())) == (weight.global_scale if inverse else weight.tensor_scale)
    given = checkpoint.read("a.input_global_scale" if inverse else "a.input_scale")
    assert float(given.reshape(())) == (2.0 if inverse else 0.5)


def test_fp8_of_model_optimizer_has_two_scalars(tmp_path: Path) -> None:
    make(tmp_path, "fp8", activations=True)
    checkpoint = open_checkpoint(tmp_path)
    assert (
        checkpoint.tensors[f"{UP}.weight_scale"].shape == checkpoint.tensors[f"{UP}.input_scale"].shape == ()
    )
    x = weights()[f"{UP}.weight"]
    assert np.array_equal(checkpoint.weight(UP).dequantize(), fp8.quantize(x).dequantize())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ml_dtypes.bfloat16])
def test_unquantized_tensors_keep_their_dtype(tmp_path: Path, dtype: Any) -> None:
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    write(tmp_path, [("a.weight", x), ("a.bias", x[0])])
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.read("a.weight").dtype == dtype
    assert np.array_equal(checkpoint.read("a.weight"), x)
    assert np.array_equal(checkpoint.weight("a.bias").dequantize(), x[0].astype(np.float32))


def test_memory_that_is_not_contiguous_is_written_as_it_is_indexed(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    write(tmp_path, [("a.weight", x.T), ("b.weight", x[:, ::2])])
    checkpoint = open_checkpoint(tmp_path)
    assert np.array_equal(checkpoint.read("a.weight"), x.T)
    assert np.array_equal(checkpoint.read("b.weight"), x[:, ::2])


def test_shards_and_their_index(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    make(whole, "nvfp4")
    make(parts, "nvfp4", shard_bytes=50_000)
    checkpoint = open_checkpoint(parts)
    assert len(checkpoint.shards) > 2
    assert all((parts / shard).stat().st_size < 60_000 for shard in checkpoint.shards)
    total = sum(tensor.nbytes for tensor in checkpoint.tensors.values())
    assert json.loads((parts / INDEX).read_text())["metadata"] == {"total_size": total}
    same = open_checkpoint(whole)
    for name in same.weights:
        assert np.array_equal(checkpoint.weight(name).dequantize(), same.weight(name).dequantize())
    assert not list(parts.glob("*.part"))


def test_a_weight_longer_than_a_file_may_be_has_one_to_itself(tmp_path: Path) -> None:
    write(tmp_path, [("a", X), ("b", X), ("c", X)], shard_bytes=1)
    assert [list(read_header(LocalFiles(tmp_path), shard)) for shard in open_checkpoint(tmp_path).shards] == [
        ["a"],
        ["b"],
        ["c"],
    ]


class Counted(LocalFiles):
    """Counts the bytes that are read."""

    count = 0

    def read(self, name: str, start: int, length: int) -> bytes:
        self.count += length
        return super().read(name, start, length)


def test_a_tensor_is_read_when_it_is_asked_for_and_no_other(tmp_path: Path) -> None:
    shapes = {
        f"model.layers.{n}.mlp.up_proj": nvfp4_shapes(f"model.layers.{n}.mlp.up_proj", 4096, 12288)
        for n in range(99)
    }
    size = headers_only(
        tmp_path / "model.safetensors", {k: v for one in shapes.values() for k, v in one.items()}
    )
    assert size > 2.7e9
    files = Counted(tmp_path)
    with at_most(5):
        checkpoint = open_checkpoint(files)
        assert len(checkpoint.weights) == 99
    assert files.count < 200_000
    files.count = 0
    with at_most(200):
        checkpoint.weight("model.layers.98.mlp.up_proj")
    assert files.count == 4096 * 12288 // 2 + 4096 * 12288 // 16 + 4


# What the layouts look like that others write.


def test_gpt_oss_keeps_blocks_on_an_axis_of_their_own(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 64)).astype(np.float32)
    weight = mxfp4.quantize(x)
    name = "model.layers.0.mlp.experts.gate_up_proj"
    write(
        tmp_path, [(f"{name}_blocks", weight.pack().reshape(2, 3, 2, 16)), (f"{name}_scales", weight.scales)]
    )
    checkpoint = open_checkpoint(tmp_path)
    assert list(checkpoint.weights) == [name]
    assert (checkpoint.weights[name].format, checkpoint.weights[name].shape) == ("MXFP4", (2, 3, 64))
    assert np.array_equal(checkpoint.weight(name).dequantize(), weight.dequantize())


def test_words_without_weight_shape_and_with_zero_points(tmp_path: Path) -> None:
    weight = int4.quantize(X)
    parts = {"weight_packed": weight.pack().view("<i4"), "weight_scale": weight.scales}
    write(tmp_path / "whole", [(f"a.{role}", one) for role, one in parts.items()])
    assert np.array_equal(open_checkpoint(tmp_path / "whole").weight("a").dequantize(), weight.dequantize())
    parts["weight_zero_point"] = np.zeros((1, 1), np.int32)
    write(tmp_path / "zeros", [(f"a.{role}", one) for role, one in parts.items()])
    with pytest.raises(BadCheckpoint, match="zero points"):
        open_checkpoint(tmp_path / "zeros").weight("a")


def test_blocks_of_two_axes(tmp_path: Path) -> None:
    weight = mxfp4.quantize(np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32))
    write(tmp_path, [("a.blocks", weight.pack()), ("a.scales", weight.scales)])
    assert np.array_equal(open_checkpoint(tmp_path).weight("a").dequantize(), weight.dequantize())


def test_blocks_without_scales_are_a_tensor_like_any_other(tmp_path: Path) -> None:
    write(tmp_path, [("memory_blocks", np.zeros((2, 2), np.float32))])
    assert open_checkpoint(tmp_path).weights["memory_blocks"].format == "FP32"


def test_fused_experts_of_model_optimizer(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(2, 4, 32)).astype(np.float32)
    weight = nvfp4.quantize(x)
    name = "experts.gate_up_proj"
    parts = {
        name: weight.pack(),
        f"{name}_weight_scale": weight.scales.view(ml_dtypes.float8_e4m3fn),
        f"{name}_weight_scale_2": np.array(weight.tensor_scale),
    }
    write(tmp_path, parts.items())
    assert np.array_equal(open_checkpoint(tmp_path).weight(name).dequantize(), weight.dequantize())


def test_the_last_word_of_a_row_is_cut_to_weight_shape(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(3, 20)).astype(np.float32)
    weight = int4.quantize(x, group=20)
    padded = np.zeros((3, 24), np.uint8)
    padded[:, :20] = weight.codes
    words = (padded[:, 0::2] | padded[:, 1::2] << 4).view("<i4")
    parts = {"weight_packed": words, "weight_scale": weight.scales, "weight_shape": np.array([3, 20])}
    write(tmp_path, [(f"a.{role}", one) for role, one in parts.items()])
    assert np.array_equal(open_checkpoint(tmp_path).weight("a").dequantize(), weight.dequantize())


@pytest.mark.parametrize("shape", [[3, 15], [3, 25], [4, 20], [20], [[3, 20]], 20, [3.0, float("nan")]])
def test_a_weight_shape_that_does_not_fit(tmp_path: Path, shape: Any) -> None:
    parts = {
        "weight_packed": np.zeros((3, 3), np.int32),
        "weight_scale": np.ones((3, 1), np.float32),
        "weight_shape": np.array(shape),
    }
    write(tmp_path, [(f"a.{role}", one) for role, one in parts.items()])
    with pytest.raises(BadCheckpoint, match="weight_shape"):
        open_checkpoint(tmp_path).weight("a")


E4M3 = ml_dtypes.float8_e4m3fn
Layout = tuple[dict[str, tuple[tuple[int, ...], Any]], str, tuple[int, int]]
"""Shapes and dtypes by role, the format that they are, and what shares a scale."""
LAYOUTS: dict[str, Layout] = {
    "FP8 of a tensor": ({"weight": ((4, 32), E4M3), "weight_scale": ((1,), np.float32)}, "FP8", (4, 32)),
    "FP8 of rows": (
        {"weight": ((4, 32), E4M3), "weight_scale": ((4, 1), ml_dtypes.bfloat16)},
        "FP8",
        (1, 32),
    ),
    "FP8 of rows, flat": ({"weight": ((4, 32), E4M3), "weight_scale": ((4,), np.float32)}, "FP8", (1, 32)),
    "FP8 in blocks": ({"weight": ((4, 32), E4M3), "weight_scale_inv": ((2, 2), np.float32)}, "FP8", (2, 16)),
    "FP8 in blocks, four axes": (
        {"weight": ((4, 32), E4M3), "weight_scale": ((2, 1, 2, 1), np.float32)},
        "FP8",
        (2, 16),
    ),
    "FP8 of experts": ({"weight": ((2, 4, 32), E4M3), "weight_scale": ((2,), np.float32)}, "FP8", (4, 32)),
    "FP8 in blocks of a row": (
        {"weight": ((4, 32), E4M3), "weight_scale": ((4, 2), np.float32)},
        "FP8",
        (1, 16),
    ),
    "FP8 in blocks of rows": (
        {"weight": ((4, 32), E4M3), "weight_scale": ((2, 1), np.float32)},
        "FP8",
        (2, 32),
    ),
    "MXFP8": ({"weight": ((4, 32), E4M3), "weight_scale": ((4, 1), np.uint8)}, "MXFP8", (1, 32)),
    "INT8": ({"weight": ((4, 32), np.int8), "weight_scale": ((4,), np.float32)}, "INT8", (1, 32)),
    "INT4 along rows": (
        {"weight": ((2, 32), np.uint8), "weight_scale": ((4, 2), np.float32)},
        "INT4",
        (1, 16),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_told_from_dtypes_and_shapes(tmp_path: Path, layout: str) -> None:
    parts, kind, block = LAYOUTS[layout]
    write(tmp_path, [(f"a.{role}", np.zeros(*about)) for role, about in parts.items()])
    found = open_checkpoint(tmp_path).weights["a"]
    assert (found.format, found.block, found.faults) == (kind, block, ())


@pytest.mark.parametrize("layout", ["FP8 of a tensor", "FP8 of rows", "FP8 of rows, flat", "FP8 of experts"])
def test_scales_of_fp8_are_laid_against_the_weight(tmp_path: Path, layout: str) -> None:
    parts, _, _ = LAYOUTS[layout]
    (shape, _), (scale_shape, dtype) = parts.values()
    scales = np.arange(1, 1 + np.prod(scale_shape)).astype(dtype).reshape(scale_shape)
    write(tmp_path, [("a.weight", np.ones(shape, E4M3)), ("a.weight_scale", scales)])
    values = open_checkpoint(tmp_path).weight("a").dequantize()
    expected = np.repeat(scales.astype(np.float32).reshape(-1), values.size // scales.size)
    assert values.shape == shape
    assert np.array_equal(values.reshape(-1), expected)


@pytest.mark.parametrize("shape", [(), (4,)])
def test_scales_of_int4_that_are_not_in_rows(tmp_path: Path, shape: tuple[int, ...]) -> None:
    write(
        tmp_path, [("a.weight", np.zeros((2, 32), np.uint8)), ("a.weight_scale", np.ones(shape, np.float32))]
    )
    with pytest.raises(BadCheckpoint, match=r"^a: (INT4|no format known)"):
        open_checkpoint(tmp_path).weight("a")


@pytest.mark.parametrize(
    "layout", ["MXFP8", "INT8", "FP8 in blocks", "FP8 in blocks of a row", "FP8 in blocks of rows"]
)
def test_a_format_that_is_told_but_not_read(tmp_path: Path, layout: str) -> None:
    parts, _, _ = LAYOUTS[layout]
    write(tmp_path, [(f"a.{role}", np.zeros(*about)) for role, about in parts.items()])
    with pytest.raises(BadCheckpoint, match="not read"):
        open_checkpoint(tmp_path).weight("a")


def test_packed_words_hold_as_many_bits_as_the_configuration_says(tmp_path: Path) -> None:
    write(
        tmp_path,
        [("a.weight_packed", np.zeros((4, 8), np.int32)), ("a.weight_scale", np.ones((4, 1), np.float32))],
    )
    found = open_checkpoint(tmp_path).weights["a"]
    assert (found.format, found.shape) == ("INT4", (4, 64))
    groups = {"group_0": {"weights": {"num_bits": 8}}}
    config = {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": groups}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = open_checkpoint(tmp_path).weights["a"]
    assert (found.format, found.shape) == ("INT8", (4, 32))


PARTS = nvfp4_shapes("a", 4, 32)
FAULTS: dict[str, tuple[Shapes, str]] = {
    "two weights": (PARTS | {"a.weight_packed": ("U8", (4, 16))}, "more than one weight"),
    "packed floats": ({"a.weight_packed": ("F32", (4, 16))}, "without weight_scale"),
    "a vector with a scale": (
        {"a.weight": ("U8", (16,)), "a.weight_scale": ("F8_E4M3", (1,))},
        "no format known",
    ),
    "BF16 with a scale": ({"a.weight": ("BF16", (4, 16)), "a.weight_scale": ("F32", ())}, "no format known"),
    "a scale of other rows, flat": (PARTS | {"a.weight_scale": ("F8_E4M3", (7,))}, "do not fit"),
    "a scale of four axes": (PARTS | {"a.weight_scale": ("F8_E4M3", (2, 3, 2, 1))}, "do not fit"),
    "no rows": ({"a.weight": ("U8", (0, 16)), "a.weight_scale": ("F8_E4M3", (3, 2))}, "do not fit"),
    "half a block": (
        {"a.weight": ("U8", (4, 23)), "a.weight_scale": ("F8_E4M3", (4, 3)), "a.weight_scale_2": ("F32", ())},
        "46 columns are no multiple of the 16",
    ),
    "scales of more experts": (
        {
            "a.weight": ("U8", (2, 4, 16)),
            "a.weight_scale": ("F8_E4M3", (3, 4, 2)),
            "a.weight_scale_2": ("F32", ()),
        },
        "do not fit",
    ),
    "no scales": ({"a.weight": ("U8", (4, 16))}, "without weight_scale"),
    "FP8 without a scale": ({"a.weight": ("F8_E4M3", (4, 16))}, "without weight_scale"),
    "no weight": ({"a.weight_scale": ("F8_E4M3", (4, 2))}, "but no weight"),
    "no tensor scale": ({k: v for k, v in PARTS.items() if not k.endswith("_2")}, "without weight_scale_2"),
    "scales of another weight": (PARTS | {"a.weight_scale": ("F8_E4M3", (5, 2))}, "do not fit"),
    "scales of no rows": (PARTS | {"a.weight_scale": ("F8_E4M3", (0, 2))}, "do not fit"),
    "groups of 32": (PARTS | {"a.weight_scale": ("F8_E4M3", (4, 1))}, "1 × 16"),
    "a dtype that no layout has": (PARTS | {"a.weight": ("I64", (4, 16))}, "no format known"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_weight_that_lacks_a_part(tmp_path: Path, fault: str) -> None:
    shapes, told = FAULTS[fault]
    headers_only(tmp_path / "model.safetensors", shapes)
    checkpoint = open_checkpoint(tmp_path)
    assert told in " ".join(checkpoint.weights["a"].faults)
    with pytest.raises(BadCheckpoint, match=r"^a: "):
        checkpoint.weight("a")


def test_two_tensors_cannot_be_the_same_part(tmp_path: Path) -> None:
    headers_only(tmp_path / "model.safetensors", {"a": ("F32", (2, 2)), "a.weight": ("F32", (2, 2))})
    with pytest.raises(BadCheckpoint, match=r"a and a\.weight both claim to be the weight of a"):
        weights_of(open_checkpoint(tmp_path).tensors)


def test_integers_and_scalars_stand_for_themselves(tmp_path: Path) -> None:
    shapes: Shapes = {
        "a.k_scale": ("F32", ()),
        "a.position_ids": ("I64", (8,)),
        "a.table": ("I64", (8, 8)),
        "mask.weight": ("U8", (8,)),
        "b.weight_packed": ("BF16", (8,)),
    }
    headers_only(tmp_path / "model.safetensors", shapes)
    found = open_checkpoint(tmp_path).weights
    assert {name: one.format for name, one in found.items()} == {
        "a.k_scale": "FP32",
        "a.position_ids": "I64",
        "a.table": "unknown",
        "mask": "U8",
        "b": "unknown",
    }
    assert not any(one.faults or one.quantized for one in found.values())


def test_a_misspelt_name(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    checkpoint = open_checkpoint(tmp_path)
    with pytest.raises(BadCheckpoint, match=r"did you mean 'model\.layers\.1\.mlp\.up_proj'"):
        checkpoint.weight("model.layers.1.mlp.upproj")
    with pytest.raises(BadCheckpoint, match=r"did you mean 'lm_head\.weight'"):
        checkpoint.read("lm_head.weigth")


def test_a_dtype_without_an_array(tmp_path: Path) -> None:
    headers_only(tmp_path / "model.safetensors", {"a": ("F4", (2, 2))})
    with pytest.raises(BadCheckpoint, match="F4 is not read"):
        open_checkpoint(tmp_path).read("a")


@pytest.mark.parametrize("scale", [("F32", (2,)), ("F32", (1 << 40,)), ("C64", ()), ("I32", ())])
def test_a_tensor_scale_that_is_not_one_number(tmp_path: Path, scale: tuple[str, tuple[int, ...]]) -> None:
    headers_only(tmp_path / "model.safetensors", PARTS | {"a.weight_scale_2": scale})
    with at_most(5), pytest.raises(BadCheckpoint, match="weight_scale_2 should be one number"):
        open_checkpoint(tmp_path).weight("a")


def test_fp8_of_five_exponent_bits_is_not_read_as_one_of_four(tmp_path: Path) -> None:
    headers_only(
        tmp_path / "model.safetensors", {"a.weight": ("F8_E5M2", (2, 2)), "a.weight_scale": ("F32", ())}
    )
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.weights["a"].format == "FP8"
    with pytest.raises(BadCheckpoint, match="F8_E5M2 is not read"):
        checkpoint.weight("a")


def test_what_scales_an_input_leaves_a_weight_unquantized(tmp_path: Path) -> None:
    write(
        tmp_path, [("a.weight", X), ("a.input_scale", np.array(1, np.float32)), ("a.pre_quant_scale", X[0])]
    )
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.weights["a"].format == "FP32"
    assert np.array_equal(checkpoint.weight("a").dequantize(), X)


# A file that lies.

ONE = {"a": entry("U8", [4], 0, 4)}
LIES = {
    "an empty file": (b"", "0 bytes"),
    "five bytes": (b"\1\0\0\0\0", "5 bytes"),
    "a header without end": (raw_file(ONE, b"1234", 1 << 62), "promise a header"),
    "a header a little too long": (raw_file(ONE, b"1234", 25_000_001), "promise a header"),
    "a header longer than the file": (raw_file(ONE, b"1234", 24_999_999), "cut off within its header"),
    "no JSON": (raw_file(b"{'a': 1}"), "not the JSON"),
    "no UTF-8": (raw_file(b'{"\xff": 1}'), "not the JSON"),
    "an array": (raw_file([ONE]), "expected a JSON object"),
    "a key twice": (raw_file(b'{"a": {}, "a": {}}'), "'a' stands twice"),
    "a dtype twice": (raw_file(b'{"a": {"dtype": "U8", "dtype": "U8"}}'), "'dtype' stands twice"),
    "arrays in arrays": (raw_file(b'{"a":' + b"[" * 100_000), "nested too deep"),
    "objects in objects": (raw_file(b'{"a":' * 100_000), "nested too deep"),
    "millions of values": (raw_file(b'{"a":[' + b"0," * 2_000_000 + b"0]}"), "more than 2000000 values"),
    "a number of 5,000 digits": (raw_file(b'{"a":' + b"9" * 5000 + b"}"), "not the JSON"),
    "an entry that is none": (raw_file({"a": [1]}), "dtype"),
    "an unknown dtype": (raw_file({"a": entry("U9", [4], 0, 4)}, b"1234"), "dtype 'U9'"),
    "a dtype that is no text": (raw_file({"a": entry([], [4], 0, 4)}, b"1234"), "dtype"),  # type: ignore[arg-type]
    "a negative size": (raw_file({"a": entry("U8", [-4], 0, 4)}, b"1234"), "no list of sizes"),
    "a size that is true": (raw_file({"a": entry("U8", [True], 0, 1)}, b"1"), "no list of sizes"),
    "a size of 2.0": (raw_file({"a": entry("U8", [4.0], 0, 4)}, b"1234"), "no list of sizes"),  # type: ignore[list-item]
    "a size beyond 63 bits": (raw_file({"a": entry("U8", [1 << 63], 0, 4)}, b"1234"), "no list of sizes"),
    "a thousand axes": (raw_file({"a": entry("U8", [1 << 62] * 1000, 0, 4)}, b"1234"), "no list of sizes"),
    "a shape larger than its bytes": (
        raw_file({"a": entry("U8", [1 << 40, 1 << 40], 0, 4)}, b"1234"),
        "cannot be U8",
    ),
    "a shape smaller than its bytes": (raw_file({"a": entry("F32", [], 0, 8)}, b"12345678"), "cannot be F32"),
    "a shape that is an object": (raw_file({"a": {**ONE["a"], "shape": {}}}, b"1"), "no list of sizes"),
    "no shape": (raw_file({"a": {"dtype": "U8", "data_offsets": [0, 4]}}, b"1234"), "no list of sizes"),
    "no offsets": (raw_file({"a": {"dtype": "U8", "shape": [4]}}, b"1234"), "no beginning and end"),
    "offsets before the header's end": (
        raw_file({"a": entry("U8", [4], -4, 0)}, b"1234"),
        "no beginning and end",
    ),
    "an end before the beginning": (raw_file({"a": entry("U8", [4], 4, 0)}, b"1234"), "no beginning and end"),
    "three offsets": (
        raw_file({"a": {**ONE["a"], "data_offsets": [0, 2, 4]}}, b"1234"),
        "no beginning and end",
    ),
    "bytes behind the end": (raw_file(ONE, b"123"), "cut off: .* a ends at"),
    "bytes far behind the end": (raw_file({"a": entry("U8", [1 << 50], 0, 1 << 50)}, b"1"), "cut off"),
    "two tensors on the same bytes": (
        raw_file({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 2, 6)}, b"123456"),
        "a and b overlap",
    ),
    "bytes of no tensor": (raw_file({"a": entry("U8", [4], 2, 6)}, b"123456"), "2 bytes before a"),
    "bytes after the last tensor": (raw_file(ONE, b"123456"), "2 bytes behind"),
    "a name that moves the cursor": (raw_file({"\x1b[2J": ONE["a"]}, b"1234"), "no name of a tensor"),
    "a name that is half a character": (raw_file(b'{"\\ud800": {}}'), "no name of a tensor"),
    "a name of a million characters": (raw_file({"a" * 1_000_000: ONE["a"]}, b"1234"), "no name of a tensor"),
    "no tensor": (raw_file({}), "no tensor in it"),
    "another kind of file": (b"PK\x03\x04" + bytes(100), "promise a header"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies(tmp_path: Path, lie: str) -> None:
    content, told = LIES[lie]
    folder = write_file(tmp_path, content)
    with at_most(10 + 8 * len(content) / 1e6), pytest.raises(BadCheckpoint, match=told) as caught:
        open_checkpoint(folder)
    assert str(caught.value).startswith(str(folder))
    assert len(str(caught.value)) < 600 + len(str(folder))
    assert "\x1b" not in str(caught.value)


def test_the_most_values_that_are_let_through_take_bounded_memory(tmp_path: Path) -> None:
    folder = write_file(tmp_path, raw_file(b'{"a":[' + b"[]," * 990_000 + b"[]]}"))
    with at_most(200), pytest.raises(BadCheckpoint, match="dtype"):
        open_checkpoint(folder)


def test_a_file_that_is_gone_when_it_is_its_turn(tmp_path: Path) -> None:
    with pytest.raises(IncompleteCheckpoint, match=r"model\.safetensors: not there"):
        read_header(LocalFiles(tmp_path), "model.safetensors")


def test_a_file_cut_off_anywhere_says_so(tmp_path: Path) -> None:
    make(tmp_path / "whole", "nvfp4")
    content = (tmp_path / "whole" / "model.safetensors").read_bytes()
    (tmp_path / "cut").mkdir()
    for size in (0, 7, 8, 100, len(content) // 2, len(content) - 1):
        with pytest.raises(IncompleteCheckpoint):
            open_checkpoint(write_file(tmp_path / "cut", content[:size]))


def test_a_file_cut_off_after_it_was_opened(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    checkpoint = open_checkpoint(tmp_path)
    os.truncate(tmp_path / "model.safetensors", 20_000)
    with pytest.raises(IncompleteCheckpoint, match="too soon"):
        checkpoint.weight(UP)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(IncompleteCheckpoint, match="not there"):
        checkpoint.weight(UP)


# A folder that lies.


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A checkpoint in several files."""
    make(tmp_path / "parts", "nvfp4", shard_bytes=50_000)
    return tmp_path / "parts"


def change_index(folder: Path, **members: Any) -> None:
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(index | members))


def test_an_index_that_names_a_file_which_is_not_there(parts: Path) -> None:
    shard, other, *rest = open_checkpoint(parts).shards
    (parts / shard).unlink()
    (parts / other).unlink()
    with pytest.raises(IncompleteCheckpoint, match=f"2 of the .* are not there: {shard}, {other}$"):
        open_checkpoint(parts)
    for one in rest:
        (parts / one).unlink()
    with pytest.raises(IncompleteCheckpoint, match=rf"{rest[0]} and {len(rest) - 1} more$"):
        open_checkpoint(parts)


@pytest.mark.parametrize(
    "name", ["../parts/model-00001-of-00005.safetensors", "/etc/passwd", "a\\b", "\x1b[2J", "", "."]
)
def test_an_index_that_leads_out_of_the_folder(parts: Path, name: str) -> None:
    change_index(parts, weight_map={"a": name})
    with pytest.raises(BadCheckpoint, match="no name of a file"):
        open_checkpoint(parts)


@pytest.mark.parametrize("weight_map", [None, [], {}, {"a": 1}, {"a": {"b": "c"}}])
def test_an_index_that_names_no_files(parts: Path, weight_map: Any) -> None:
    change_index(parts, weight_map=weight_map)
    with pytest.raises(BadCheckpoint, match="weight_map names no files"):
        open_checkpoint(parts)


def test_an_index_that_misplaces_a_tensor(parts: Path) -> None:
    weight_map = json.loads((parts / INDEX).read_text())["weight_map"]
    shards = sorted(set(weight_map.values()))
    change_index(parts, weight_map=weight_map | {"lm_head.weight": shards[-1]})
    with pytest.raises(IncompleteCheckpoint, match=r"'lm_head\.weight'"):
        open_checkpoint(parts)
    change_index(parts, weight_map=weight_map | {"more": shards[0]})
    with pytest.raises(IncompleteCheckpoint, match="'more'"):
        open_checkpoint(parts)


def test_a_tensor_in_two_files(parts: Path) -> None:
    shards = open_checkpoint(parts).shards
    shutil.copy(parts / shards[0], parts / shards[1])
    with pytest.raises(BadCheckpoint, match="is both in"):
        open_checkpoint(parts)


def test_an_index_that_is_too_long(parts: Path) -> None:
    os.truncate(parts / INDEX, 1 << 40)
    with at_most(5), pytest.raises(BadCheckpoint, match="too long"):
        open_checkpoint(parts)


def test_files_without_an_index(parts: Path) -> None:
    (parts / INDEX).unlink()
    with pytest.raises(IncompleteCheckpoint, match=f"but no {INDEX}"):
        open_checkpoint(parts)


def test_one_file_of_another_name_and_one_by_its_path(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    path = (tmp_path / "model.safetensors").rename(tmp_path / "other.safetensors")
    assert open_checkpoint(tmp_path).shards == open_checkpoint(path).shards == ("other.safetensors",)
    assert open_checkpoint(path).declared.algorithm == "W4A16_NVFP4"


def test_the_model_beside_something_else(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    headers_only(tmp_path / "adapter.safetensors", {"a": ("F32", (2, 2))})
    assert open_checkpoint(tmp_path).shards == ("model.safetensors",)


@pytest.mark.parametrize("name", ["config.json", "hf_quant_config.json"])
@pytest.mark.parametrize("text", ["", "[]", '{"a": 1, "a": 2}', "[" * 10_000, "\x00"])
def test_a_configuration_that_is_none(tmp_path: Path, name: str, text: str) -> None:
    make(tmp_path, "nvfp4")
    (tmp_path / name).write_text(text)
    with pytest.raises(BadCheckpoint, match=name):
        open_checkpoint(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="no safetensors file there"):
        open_checkpoint(tmp_path)
    with pytest.raises(BadCheckpoint, match="No such file"):
        open_checkpoint(tmp_path / "none")
    with pytest.raises(BadCheckpoint, match="File name too long"):
        open_checkpoint(tmp_path / ("n" * 10_000))


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    make(tmp_path / "there", "nvfp4")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "model.safetensors").symlink_to(tmp_path / "there" / "model.safetensors")
    with pytest.raises(BadCheckpoint, match="a link that leads out"):
        open_checkpoint(tmp_path / "here")


def test_links_that_are_well(tmp_path: Path) -> None:
    make(tmp_path / "models--a--b" / "snapshots" / "main", "nvfp4")
    folder = tmp_path / "models--a--b" / "snapshots" / "main"
    (folder / "model.safetensors").rename(folder / "w.bin")
    (folder / "model.safetensors").symlink_to("w.bin")
    assert open_checkpoint(folder).weights
    blobs = tmp_path / "models--a--b" / "blobs"
    blobs.mkdir()
    (folder / "w.bin").rename(blobs / "0123")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../../blobs/0123")
    assert open_checkpoint(folder).weights
    (tmp_path / "link").symlink_to(folder)
    assert open_checkpoint(tmp_path / "link").weights


@pytest.mark.parametrize("name", ["model.safetensors", INDEX, "config.json"])
def test_a_pipe_and_a_folder_in_the_place_of_a_file(tmp_path: Path, name: str) -> None:
    make(tmp_path, "nvfp4")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(BadCheckpoint, match="not a file"):
        open_checkpoint(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(BadCheckpoint, match="not a file"):
        open_checkpoint(tmp_path)


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to("model.safetensors")
    with pytest.raises(BadCheckpoint, match="symbolic links"):
        open_checkpoint(tmp_path)


# Whatever the bytes are, there is an answer or a sentence.


def use(folder: Path) -> Checkpoint:
    """All that can be asked of a checkpoint."""
    checkpoint = open_checkpoint(folder)
    for name in checkpoint.weights:
        try:
            checkpoint.weight(name)
        except GB10DocsError as error:
            assert "\n" not in str(error)  # noqa: PT017 - any of them will do
    return checkpoint


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small ones of every kind."""
    folder = tmp_path_factory.mktemp("samples")
    x = np.random.default_rng(0).normal(size=(8, 128)).astype(np.float32)
    for dialect in ("modelopt", "compressed-tensors"):
        for kind in ("nvfp4", "mxfp4", "int4", "fp8-rows"):
            pairs = [
                ("model.layers.0.a.weight", quantized(kind, x)),
                ("b.weight", quantized(kind, x)),
                ("c.weight", x),
            ]
            write(
                folder / f"{dialect}-{kind}",
                pairs,
                dialect=dialect,
                config={"num_hidden_layers": 1},
                shard_bytes=1000,
            )
    return sorted(folder.iterdir())


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_byte_makes_it_stumble(samples: list[Path], tmp_path: Path, data: st.DataObject) -> None:
    shutil.rmtree(tmp_path / "mutated", ignore_errors=True)
    folder = shutil.copytree(data.draw(st.sampled_from(samples)), tmp_path / "mutated")
    path = data.draw(st.sampled_from(sorted(folder.iterdir())))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(content), 3000)))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "insert"])):
            case "flip" if at < len(content):
                content[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del content[at:]
            case "drop":
                del content[at : at + data.draw(st.integers(1, 40))]
            case "insert":
                content[at:at] = data.draw(
                    st.sampled_from([b"0", b"-", b"[", b"{", b'"', b",", b"9" * 30, b"\xff", b"null"])
                )
    path.write_bytes(content)
    try:
        use(folder)
    except GB10DocsError as error:
        assert str(folder) in str(error) or "both claim" in str(error)  # noqa: PT017 - either is well


ROLES = ["weight", "weight_packed", "weight_scale", "weight_scale_2", "weight_global_scale", "weight_shape"]
ROLES += [
    "weight_zero_point",
    "weight_scale_inv",
    "input_scale",
    "pre_quant_scale",
    "blocks",
    "scales",
    "bias",
    "scale",
    "biases",
    "qweight",
    "qzeros",
    "g_idx",
    "scale_inv",
    "SCB",
    "qscale_weight",
    "weight.absmax",
    "weight.quant_state.bitsandbytes__nf4",
]


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_header_that_could_be_true_makes_it_stumble(
    samples: list[Path], tmp_path: Path, data: st.DataObject
) -> None:
    """Each tensor keeps its bytes, and takes them for something else."""
    shard = data.draw(
        st.sampled_from([path for folder in samples for path in sorted(folder.glob("*.safetensors"))])
    )
    tensors = list(read_header(LocalFiles(shard.parent), shard.name).values())
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {}
    for one in tensors:
        bits = 8 * one.nbytes
        dtype = data.draw(st.sampled_from([one.dtype, *(d for d, size in BITS.items() if bits % size == 0)]))
        count = bits // BITS[dtype]
        likely = [one.shape] if dtype == one.dtype else []
        shape = data.draw(
            st.sampled_from([*likely, (count,), (1, count), (count, 1), (1, 1, 1, count), (8, count // 8)])
        )
        owner = data.draw(st.sampled_from(["a.", "a_", "b."]))
        name = data.draw(st.sampled_from([one.name, owner + data.draw(st.sampled_from(ROLES))]))
        if math.prod(shape) == count:
            shapes[name] = (dtype, shape)
    headers_only(tmp_path / "model.safetensors", shapes)
    try:
        use(tmp_path)
    except GB10DocsError as error:
        assert str(tmp_path) in str(error) or "both claim" in str(error)  # noqa: PT017 - either is well


# What a configuration says, and what ours does.

ELEMENT = {"dynamic": False, "num_bits": 4, "type": "float", "group_size": 16}
SAYS: dict[str, tuple[dict[str, Any], dict[str, Any], Declared]] = {
    "nothing": ({}, {}, Declared()),
    "Model Optimizer, in both files": (
        {
            "config_groups": {"group_0": {"input_activations": ELEMENT, "weights": ELEMENT}},
            "quant_algo": "NVFP4",
            "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"},
            "producer": {"name": "modelopt", "version": "0.47.0"},
            "quant_method": "modelopt",
        },
        {
            "producer": {"name": "modelopt", "version": "0.1"},
            "quantization": {"quant_algo": "FP8", "group_size": 32},
        },
        Declared("modelopt", "NVFP4", 16, 4, True, "FP8", "modelopt 0.47.0", frozenset({"NVFP4"})),
    ),
    "Model Optimizer, in its own file": (
        {},
        {
            "producer": {"name": "modelopt", "version": "0.35.0"},
            "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "group_size": None},
        },
        Declared("modelopt", "FP8", 0, 0, None, "FP8", "modelopt 0.35.0", frozenset({"FP8"})),
    ),
    "compressed-tensors": (
        {
            "config_groups": {
                "group_0": {"input_activations": None, "weights": {"num_bits": 8, "group_size": -1}}
            },
            "kv_cache_scheme": {"num_bits": 8, "type": "int"},
            "format": "pack-quantized",
            "quant_method": "compressed-tensors",
            "version": "0.20.0",
        },
        {},
        Declared(
            "compressed-tensors",
            "pack-quantized",
            0,
            8,
            False,
            "INT8",
            "compressed-tensors 0.20.0",
            frozenset({"INT8"}),
        ),
    ),
    "gpt-oss": ({"quant_method": "mxfp4"}, {}, Declared("mxfp4", schemes=frozenset({"MXFP4"}))),
    "the wrong types": (
        {
            "quant_method": 1,
            "quant_algo": [],
            "format": {},
            "config_groups": [1],
            "kv_cache_scheme": 3,
            "producer": "me",
        },
        {"quantization": "NVFP4", "producer": {"name": 1}},
        Declared(),
    ),
    "what a terminal would act on": ({"quant_method": "\x1b[2J", "format": "\ud800"}, {}, Declared()),
    "a novel": ({"quant_method": "n" * 201, "format": "n" * 200}, {}, Declared(algorithm="n" * 200)),
}


@pytest.mark.parametrize("case", SAYS)
def test_what_a_configuration_declares(case: str) -> None:
    own, other, expected = SAYS[case]
    assert declared({"quantization_config": own}, other) == expected


def configuration(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """`quantization_config` and `hf_quant_config.json`, less who wrote them."""
    own = json.loads((folder / "config.json").read_text())["quantization_config"]
    path = folder / "hf_quant_config.json"
    other = json.loads(path.read_text()) if path.exists() else {}
    for one in (own, other):
        assert one.pop("producer", {"name": "gb10docs"})["name"] == "gb10docs"
    return own, other


EIGHT_BITS = {"dynamic": False, "num_bits": 8, "type": "float"}
IGNORE = ["model.embed_tokens", "lm_head"]
MODEL_OPTIMIZER: dict[str, tuple[str, bool, dict[str, Any], dict[str, Any]]] = {
    "NVFP4": ("nvfp4", True, {"input_activations": ELEMENT, "weights": ELEMENT}, {"group_size": 16}),
    "W4A16_NVFP4": ("nvfp4", False, {"weights": ELEMENT}, {"group_size": 16}),
    "FP8": (
        "fp8",
        True,
        {"input_activations": EIGHT_BITS, "weights": EIGHT_BITS},
        {},
    ),
    "FP8_PER_CHANNEL_PER_TOKEN": ("fp8-rows", False, {}, {}),
    "mxfp4": ("mxfp4", False, {}, {}),
    "W4A16_AWQ": ("int4", False, {}, {"group_size": 128, "has_zero_point": False, "pre_quant_scale": False}),
}


@pytest.mark.parametrize("algorithm", MODEL_OPTIMIZER)
def test_the_configuration_is_worded_as_model_optimizer_words_it(tmp_path: Path, algorithm: str) -> None:
    kind, activations, group, details = MODEL_OPTIMIZER[algorithm]
    make(tmp_path, kind, activations=activations)
    own, other = configuration(tmp_path)
    groups = {"config_groups": {"group_0": group | {"targets": ["Linear"]}}} if group else {}
    assert own == {"ignore": IGNORE, "quant_algo": algorithm, "quant_method": "modelopt", **groups}
    about = {"quant_algo": algorithm, "kv_cache_quant_algo": None, "exclude_modules": IGNORE, **details}
    assert other == {"quantization": about}


COMPRESSED_TENSORS: dict[str, tuple[bool, str, dict[str, Any], dict[str, Any] | None]] = {
    "nvfp4": (
        True,
        "nvfp4-pack-quantized",
        {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16},
        {"num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16, "dynamic": "local"},
    ),
    "mxfp4": (
        False,
        "mxfp4-pack-quantized",
        {"num_bits": 4, "type": "float", "strategy": "group", "group_size": 32, "scale_dtype": "torch.uint8"},
        None,
    ),
    "int4": (
        False,
        "pack-quantized",
        {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128},
        None,
    ),
    "fp8-rows": (
        False,
        "float-quantized",
        {"num_bits": 8, "type": "float", "strategy": "channel"},
        {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True},
    ),
}


@pytest.mark.parametrize("kind", COMPRESSED_TENSORS)
def test_the_configuration_is_worded_as_compressed_tensors_words_it(tmp_path: Path, kind: str) -> None:
    activations, form, arguments, inputs = COMPRESSED_TENSORS[kind]
    make(tmp_path, kind, "compressed-tensors", activations=activations)
    own, other = configuration(tmp_path)
    fixed = {"symmetric": True, "dynamic": False}
    group = own["config_groups"]["group_0"]
    assert group["weights"] == fixed | arguments
    assert group["input_activations"] == (None if inputs is None else fixed | inputs)
    assert (group["targets"], group["format"], own["format"]) == (["Linear"], form, form)
    assert (own["quant_method"], own["quantization_status"]) == ("compressed-tensors", "compressed")
    assert own["ignore"] == IGNORE
    assert other == {}


def test_what_is_not_quantized_has_no_quantization_config(tmp_path: Path) -> None:
    make(tmp_path, "")
    assert json.loads((tmp_path / "config.json").read_text()) == CONFIG
    assert not (tmp_path / "hf_quant_config.json").exists()


# What cannot be written.

REFUSED: dict[str, tuple[list[tuple[str, Any]], dict[str, Any], str]] = {
    "a name twice": ([("a.weight", X), ("a.weight", X)], {}, "given twice"),
    "two formats": ([("a.weight", nvfp4.quantize(X)), ("b.weight", mxfp4.quantize(X))], {}, "another format"),
    "two granularities": (
        [("a.weight", fp8.quantize(X, axis=-1)), ("b.weight", fp8.quantize(X))],
        {},
        "another format",
    ),
    "an input scale of nothing": (
        [("a.weight", X)],
        {"input_scales": {"a.weight": 1.0}},
        "without a quantized weight",
    ),
    "one input scale for two": (
        [("a.weight", nvfp4.quantize(X)), ("b.weight", nvfp4.quantize(X))],
        {"input_scales": {"a.weight": 1.0}},
        "b.weight: no input scale",
    ),
    "INT4 with zero points": ([("a.weight", int4.quantize(X, symmetric=False))], {}, "without zero points"),
    "INT4 of 12 columns": ([("a.weight", int4.quantize(X[:, :12], group=12))], {}, "multiples of 8"),
    "INT4 with an input scale": (
        [("a.weight", int4.quantize(X))],
        {"input_scales": {"a.weight": 1.0}},
        "only NVFP4",
    ),
    "FP8 without an input scale": ([("a.weight", fp8.quantize(X))], {}, "input scale for each weight"),
    "FP8 of a tensor for compressed-tensors": (
        [("a.weight", fp8.quantize(X))],
        {"dialect": "compressed-tensors"},
        "axis=-1",
    ),
    "MXFP4 with an input scale for compressed-tensors": (
        [("a.weight", mxfp4.quantize(X))],
        {"dialect": "compressed-tensors", "input_scales": {"a.weight": 1.0}},
        "only NVFP4",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_checkpoint_is_not_written(tmp_path: Path, case: str) -> None:
    pairs, options, told = REFUSED[case]
    with pytest.raises(CannotWrite, match=told):
        write(tmp_path, pairs, **options)
    assert not (tmp_path / "config.json").exists()


def test_a_checkpoint_is_not_written_over_another(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    with pytest.raises(CannotWrite, match="already"):
        make(tmp_path, "nvfp4")
