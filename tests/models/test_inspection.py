"""What `gb10docs inspect` says of checkpoints, whole ones and others."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from checkpoint_samples import (
    CONFIG,
    Shapes,
    headers_only,
    make,
    nvfp4_shapes,
    qwen3_8b,
    raw_file,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gb10docs.cli.inspect_command import inspect
from gb10docs.errors import GB10DocsError
from gb10docs.models.checkpoints.checkpoint import open_checkpoint
from gb10docs.models.checkpoints.files import LocalFiles
from gb10docs.models.inspection import report
from gb10docs.models.inspection.expectation import Scheme
from gb10docs.models.inspection.look import look
from gb10docs.models.inspection.model import Inspection
from gb10docs.models.roofline.tables import read
from gb10docs.site import schemas

REPO = "nvidia/Qwen3-8B-NVFP4"


def inspection_of(folder: Path) -> Inspection:
    return look(open_checkpoint(folder), str(folder))


def configure(folder: Path, **changes: Any) -> None:
    """Change members of config.json's quantization_config; None removes one."""
    config = json.loads((folder / "config.json").read_text())
    own = config.get("quantization_config", {}) | changes
    config["quantization_config"] = {key: value for key, value in own.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))


def says(folder: Path, **members: Any) -> None:
    """A checkpoint's config.json with this quantization_config, and nothing else."""
    (folder / "config.json").write_text(json.dumps({"quantization_config": members}))


# Qwen3-8B: 39 %, not 25 %.


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every name and shape of the real one, and holes in the place of 6.4 GB of weights."""
    folder = tmp_path_factory.mktemp("hub") / "Qwen3-8B-NVFP4"
    folder.mkdir()
    headers_only(folder / "model.safetensors", qwen3_8b())
    config = {"architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 36}
    (folder / "config.json").write_text(json.dumps(config))
    quantization = {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16}
    own = {"producer": {"name": "modelopt", "version": "0.35.0"}, "quantization": quantization}
    (folder / "hf_quant_config.json").write_text(json.dumps(own))
    return folder


def test_qwen3_8b_in_nvfp4_takes_39_percent_of_bf16(qwen: Path) -> None:
    found = inspection_of(qwen)
    assert found.scheme == "NVFP4"
    assert round(found.bytes / 1e9, 3) == 6.397
    assert (found.parameters, round(found.bf16_bytes / 1e9, 2)) == (8_190_735_360, 16.38)
    assert round(found.bytes / found.bf16_bytes, 2) == 0.39
    assert {row.layer for row in found.rows if row.format == "BF16"} == {
        "lm_head",
        "model.embed_tokens",
        "vectors and scalars",
    }
    assert (found.kv_cache, found.producer) == ("FP8, without scales", "modelopt 0.35.0")
    assert found.faults == []


def test_its_table(qwen: Path) -> None:
    text = report.render(inspection_of(qwen))
    assert "NVFP4, Qwen3ForCausalLM, declared as NVFP4, by modelopt 0.35.0, 1 file" in text
    lines = [" ".join(line.split()) for line in text.split("\n")]
    assert "layer count shape format one scale for bits/value MB of BF16" in lines
    assert "model.layers.*.mlp.down_proj 36 4096 × 12288 NVFP4 16 values 4.50 1019.22 28.1%" in lines
    assert "lm_head 1 151936 × 4096 BF16 16.00 1244.66 100.0%" in lines
    assert "6.40 GB for 8,190,735,360 parameters: 39% of the 16.38 GB of BF16, 6.25 bits a parameter" in lines
    assert "not quantized: 2.49 GB, 39% of its bytes" in lines


WORDS: dict[str, tuple[str, tuple[int, ...], str]] = {
    "the weight": ("F32", (), "the weight"),
    "a row": ("F32", (256, 1), "a row"),
    "several rows": ("F32", (2, 1), "128 rows"),
    "some of a row": ("F32", (256, 4), "96 values"),
    "a square": ("F32", (2, 3), "128 × 128"),
}


@pytest.mark.parametrize("case", WORDS)
def test_what_shares_a_scale_is_put_in_words(tmp_path: Path, case: str) -> None:
    dtype, shape, words = WORDS[case]
    shapes: Shapes = {"a.weight": ("F8_E4M3", (256, 384)), "a.weight_scale": (dtype, shape)}
    headers_only(tmp_path / "model.safetensors", shapes)
    text = report.render(inspection_of(tmp_path))
    assert " ".join(text.split("\n")[4].split()).startswith(f"a 1 256 × 384 FP8 {words} ")
    assert "FP8, nothing declared, by an unnamed program, 1 file" in text


def test_columns_of_figures_are_aligned_to_the_right(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    lines = report.render(inspection_of(tmp_path)).split("\n")
    table = lines[lines.index("") + 1 :]
    table = table[: table.index("")]
    assert len({len(line) for line in table}) == 1
    assert {line[table[0].index("format") - 1] for line in table} == {" "}
    assert all(line[table[0].index("format")] in "fNB" for line in table)


def test_a_checkpoint_without_a_number(tmp_path: Path) -> None:
    headers_only(tmp_path / "model.safetensors", {"a": ("BF16", (0, 4)), "b": ("I64", (2, 2))})
    found = inspection_of(tmp_path)
    assert found.parameters == 4
    headers_only(tmp_path / "model.safetensors", {"a": ("BF16", (0, 4))})
    assert "0.00 kB for 0 parameters: – of" in report.render(inspection_of(tmp_path))


def test_headers_are_all_that_is_read(qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    read = LocalFiles.read

    def counted(files: LocalFiles, name: str, start: int, length: int) -> bytes:
        nonlocal count
        count += length
        return read(files, name, start, length)

    monkeypatch.setattr(LocalFiles, "read", counted)
    inspection_of(qwen)
    assert count < 400_000
    assert (qwen / "model.safetensors").stat().st_blocks * 512 < 1_000_000


# Each kind is told by its name.

KINDS: dict[str, tuple[str, Any, bool, str, str]] = {
    "NVFP4": ("nvfp4", "modelopt", True, "NVFP4", "NVFP4"),
    "W4A16_NVFP4": ("nvfp4", "modelopt", False, "W4A16_NVFP4", "W4A16_NVFP4"),
    "MXFP4": ("mxfp4", "modelopt", False, "MXFP4", "mxfp4"),
    "W4A16_AWQ": ("int4", "modelopt", False, "INT4", "W4A16_AWQ"),
    "FP8": ("fp8", "modelopt", True, "FP8", "FP8"),
    "FP8 of rows": ("fp8-rows", "modelopt", False, "FP8", "FP8_PER_CHANNEL_PER_TOKEN"),
    "NVFP4 of compressed-tensors": ("nvfp4", "compressed-tensors", True, "NVFP4", "nvfp4-pack-quantized"),
    "NVFP4A16": ("nvfp4", "compressed-tensors", False, "W4A16_NVFP4", "nvfp4-pack-quantized"),
    "MXFP4A16": ("mxfp4", "compressed-tensors", False, "MXFP4", "mxfp4-pack-quantized"),
    "W4A16": ("int4", "compressed-tensors", False, "INT4", "pack-quantized"),
    "FP8_DYNAMIC": ("fp8-rows", "compressed-tensors", False, "FP8", "float-quantized"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_told_and_expected(tmp_path: Path, kind: str) -> None:
    name, dialect, activations, scheme, declared = KINDS[kind]
    make(tmp_path, name, dialect, activations=activations)
    found = inspection_of(tmp_path)
    assert (found.scheme, found.declared, found.method, found.faults) == (scheme, declared, dialect, [])
    traps = " ".join(found.traps)
    assert ("without its scales" in traps) is (dialect == "modelopt" and scheme == "FP8")
    assert "serves it weight-only" not in traps
    for expected in Scheme:
        assert inspect(str(tmp_path), None, expected, None) == (expected != scheme.lower())


@pytest.mark.parametrize(("dtype", "scheme"), [("BF16", "BF16"), ("F16", "FP16"), ("F32", "FP32")])
def test_what_is_not_quantized(tmp_path: Path, dtype: str, scheme: str) -> None:
    shapes: Shapes = {"a.weight": (dtype, (64, 64)), "b.weight": (dtype, (64,))}
    headers_only(tmp_path / "model.safetensors", shapes)
    (tmp_path / "config.json").write_text("{}")
    found = inspection_of(tmp_path)
    assert (found.scheme, found.faults, found.traps) == (scheme, [], [])
    assert found.unquantized_bytes == found.bytes
    assert inspect(str(tmp_path), None, Scheme(scheme.lower()), None) == 0


def test_gpt_oss_and_its_experts(tmp_path: Path) -> None:
    above = "model.layers.0.mlp.experts.gate_up_proj"
    shapes: Shapes = {
        f"{above}_blocks": ("U8", (32, 5760, 90, 16)),
        f"{above}_scales": ("U8", (32, 5760, 90)),
        f"{above}_bias": ("BF16", (32, 5760)),
        "model.embed_tokens.weight": ("BF16", (201088, 2880)),
    }
    headers_only(tmp_path / "model.safetensors", shapes)
    says(tmp_path, quant_method="mxfp4", modules_to_not_convert=["lm_head"])
    found = inspection_of(tmp_path)
    assert (found.scheme, found.method, found.faults) == ("MXFP4", "mxfp4", [])
    (experts,) = [row for row in found.rows if row.format == "MXFP4"]
    assert (experts.layer, experts.shape) == ("model.layers.*.mlp.experts.gate_up_proj", [32, 5760, 2880])
    assert (experts.block, experts.bits_per_value) == ([1, 32], 4.25)


GROUP = "model.layers.0.mlp.down_proj"


def awq(group: int) -> Shapes:
    """A weight of 256 × 512 as AutoAWQ packs it: transposed, eight outputs to a word."""
    return {
        f"{GROUP}.qweight": ("I32", (512, 256 // 8)),
        f"{GROUP}.qzeros": ("I32", (512 // group, 256 // 8)),
        f"{GROUP}.scales": ("F16", (512 // group, 256)),
    }


def gptq(bits: int, group: int) -> Shapes:
    """The same as GPTQ packs it: transposed, the inputs in words of 32 bits."""
    return {
        f"{GROUP}.qweight": ("I32", (512 * bits // 32, 256)),
        f"{GROUP}.qzeros": ("I32", (512 // group, 256 * bits // 32)),
        f"{GROUP}.scales": ("F16", (512 // group, 256)),
        f"{GROUP}.g_idx": ("I32", (512,)),
    }


def mlx(bits: int, group: int) -> Shapes:
    return {
        f"{GROUP}.weight": ("U32", (256, 512 * bits // 32)),
        f"{GROUP}.scales": ("BF16", (256, 512 // group)),
        f"{GROUP}.biases": ("BF16", (256, 512 // group)),
    }


def bitsandbytes(kind: str) -> Shapes:
    return {
        f"{GROUP}.weight": ("U8", (256 * 512 // 2, 1)),
        f"{GROUP}.weight.absmax": ("U8", (2048,)),
        f"{GROUP}.weight.nested_absmax": ("F32", (8,)),
        f"{GROUP}.weight.nested_quant_map": ("F32", (256,)),
        f"{GROUP}.weight.quant_map": ("F32", (16,)),
        f"{GROUP}.weight.quant_state.bitsandbytes__{kind}": ("U8", (89,)),
    }


def scaled(weight: str, shape: tuple[int, ...], role: str, scale: str, scales: tuple[int, ...]) -> Shapes:
    return {f"{GROUP}.weight": (weight, shape), f"{GROUP}.{role}": (scale, scales)}


FUSED = "model.layers.0.mlp.experts.gate_up_proj"
FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
Maker = tuple[Shapes, dict[str, Any], str, list[int], list[int]]
"""Tensors, what config.json says, and the format, shape and block that they are."""
MAKERS: dict[str, Maker] = {
    "AWQ": (
        awq(128),
        {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}},
        "INT4",
        [256, 512],
        [1, 128],
    ),
    "AWQ without a word of its groups": (
        awq(64),
        {"quantization_config": {"quant_method": "awq", "bits": 4}},
        "INT4",
        [256, 512],
        [1, 64],
    ),
    **{
        f"GPTQ of {bits} bits": (
            gptq(bits, 128),
            {"quantization_config": {"quant_method": "gptq", "bits": bits, "group_size": 128}},
            f"INT{bits}",
            [256, 512],
            [1, 128],
        )
        for bits in (2, 3, 4, 8)
    },
    **{
        f"MLX of {bits} bits in groups of {group}": (
            mlx(bits, group),
            {"quantization": {"bits": bits, "group_size": group}},
            f"INT{bits}",
            [256, 512],
            [1, group],
        )
        for bits, group in ((4, 64), (8, 32), (6, 64), (3, 128))
    },
    "bitsandbytes NF4": (
        bitsandbytes("nf4"),
        {
            "quantization_config": {
                "quant_method": "bitsandbytes",
                "load_in_4bit": True,
                "bnb_4bit_quant_type": "nf4",
            }
        },
        "NF4",
        [1, 256 * 512],
        [1, 64],
    ),
    "bitsandbytes FP4": (
        bitsandbytes("fp4"),
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
        "FP4",
        [1, 256 * 512],
        [1, 64],
    ),
    "bitsandbytes INT8": (
        scaled("I8", (256, 512), "SCB", "F32", (256,)),
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
        "INT8",
        [256, 512],
        [1, 512],
    ),
    "DeepSeek's E8M0 in blocks": (
        scaled("F8_E4M3", (1024, 512), "scale", "F8_E8M0", (8, 4)),
        {"quantization_config": {**FP8, "scale_fmt": "ue8m0"}},
        "FP8",
        [1024, 512],
        [128, 128],
    ),
    "E8M0 in blocks, by the older name": (
        scaled("F8_E4M3", (256, 512), "weight_scale_inv", "F8_E8M0", (2, 4)),
        {"quantization_config": {**FP8, "scale_fmt": "ue8m0"}},
        "FP8",
        [256, 512],
        [128, 128],
    ),
    "DeepSeek's 576 rows": (
        scaled("F8_E4M3", (576, 7168), "weight_scale_inv", "F32", (5, 56)),
        {"quantization_config": FP8},
        "FP8",
        [576, 7168],
        [128, 128],
    ),
    "576 rows without a word of their blocks": (
        scaled("F8_E4M3", (576, 7168), "weight_scale_inv", "F32", (5, 56)),
        {"quantization_config": {"quant_method": "fp8"}},
        "FP8",
        [576, 7168],
        [128, 128],
    ),
    "blocks of another size": (
        scaled("F8_E4M3", (576, 640), "weight_scale_inv", "F32", (9, 10)),
        {"quantization_config": {**FP8, "weight_block_size": [64, 64]}},
        "FP8",
        [576, 640],
        [64, 64],
    ),
    "DeepSeek's packed FP4": (
        scaled("I8", (256, 128), "scale", "F8_E8M0", (256, 8)),
        {"quantization_config": {"quant_method": "mxfp4"}},
        "MXFP4",
        [256, 256],
        [1, 32],
    ),
    "MXFP8": (
        scaled("F8_E4M3", (256, 512), "weight_scale", "U8", (256, 16)),
        {"quantization_config": {"quant_method": "mxfp8"}},
        "MXFP8",
        [256, 512],
        [1, 32],
    ),
    "fused FP8 experts": (
        {FUSED: ("F8_E4M3", (4, 512, 256)), f"{FUSED}_scale_inv": ("F32", (4, 4, 2))},
        {"quantization_config": FP8},
        "FP8",
        [4, 512, 256],
        [128, 128],
    ),
    "Mistral's own FP8": (
        {
            f"{GROUP}.weight": ("F8_E4M3", (256, 512)),
            f"{GROUP}.qscale_weight": ("F32", ()),
            f"{GROUP}.qscale_act": ("F32", ()),
        },
        {"quantization": {"qformat_weight": "fp8_e4m3", "qscheme_act": "TENSOR"}},
        "FP8",
        [256, 512],
        [256, 512],
    ),
    "quark's MXFP4": (
        scaled("U8", (256, 256), "weight_scale", "U8", (256, 16)),
        {
            "quantization_config": {
                "quant_method": "quark",
                "global_quant_config": {
                    "weight": {"dtype": "fp4", "group_size": 32, "scale_format": "e8m0"},
                },
            }
        },
        "MXFP4",
        [256, 512],
        [1, 32],
    ),
    "in a nested configuration": (
        awq(128),
        {"text_config": {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}},
        "INT4",
        [256, 512],
        [1, 128],
    ),
    "in an older configuration": (
        scaled("F8_E4M3", (256, 512), "weight_scale", "BF16", (256, 1)),
        {
            "compression_config": {
                "quant_method": "compressed-tensors",
                "format": "float-quantized",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            }
        },
        "FP8",
        [256, 512],
        [1, 512],
    ),
    "eight bits packed": (
        {
            f"{GROUP}.weight_packed": ("I32", (256, 128)),
            f"{GROUP}.weight_scale": ("BF16", (256, 4)),
            f"{GROUP}.weight_shape": ("I64", (2,)),
        },
        {
            "quantization_config": {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "config_groups": {"g": {"weights": {"num_bits": 8, "type": "int", "group_size": 128}}},
            }
        },
        "INT8",
        [256, 512],
        [1, 128],
    ),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_a_layout_of_every_maker_is_known_and_what_it_is_not_is_refused(tmp_path: Path, maker: str) -> None:
    shapes, config, kind, shape, block = MAKERS[maker]
    others: Shapes = {"model.embed_tokens.weight": ("BF16", (1000, 256))}
    headers_only(tmp_path / "model.safetensors", {**others, **shapes})
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = inspection_of(tmp_path)
    (row,) = [row for row in found.rows if row.format not in ("BF16", "FP32", "I32", "I64", "U8")]
    assert (row.format, row.shape, row.block) == (kind, shape, block)
    assert (found.scheme, found.faults) == (kind, [])
    assert found.declared
    for expected in Scheme:
        assert inspect(str(tmp_path), None, expected, None) == (expected != kind.lower())


STRANGE: dict[str, tuple[Shapes, dict[str, Any]]] = {
    "HQQ": (
        {
            f"{GROUP}.W_q": ("U8", (256, 256)),
            f"{GROUP}.scale": ("F16", (2048, 1)),
            f"{GROUP}.zero": ("F16", (2048, 1)),
        },
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}},
    ),
    "EXL2": (
        {
            f"{GROUP}.q_weight": ("I32", (64, 256)),
            f"{GROUP}.q_scale": ("I32", (4, 32)),
            f"{GROUP}.q_invperm": ("I16", (512,)),
        },
        {"quant_method": "exl2", "bits": 4.25},
    ),
    "EXL3": (
        {
            f"{GROUP}.trellis": ("I16", (32, 16, 64)),
            f"{GROUP}.suh": ("F16", (512,)),
            f"{GROUP}.svh": ("F16", (256,)),
        },
        {"quant_method": "exl3", "bits": 4.0},
    ),
    "AQLM": (
        {
            f"{GROUP}.codes": ("I16", (256, 64, 1)),
            f"{GROUP}.codebooks": ("F16", (1, 65536, 1, 8)),
            f"{GROUP}.scales": ("F16", (256, 1, 1, 1)),
        },
        {"quant_method": "aqlm"},
    ),
    "BitNet": (
        {f"{GROUP}.weight": ("U8", (64, 512)), f"{GROUP}.weight_scale": ("BF16", (1,))},
        {"quant_method": "bitnet"},
    ),
    "QuIP#": (
        {
            f"{GROUP}.Qidxs": ("I64", (256, 64)),
            f"{GROUP}.SU": ("F16", (512,)),
            f"{GROUP}.SV": ("F16", (256,)),
        },
        {"quant_method": "quip"},
    ),
    "quanto": (
        {f"{GROUP}.weight._data": ("I8", (256, 512)), f"{GROUP}.weight._scale": ("BF16", (256, 1))},
        {"quant_method": "quanto", "weights": "int8"},
    ),
    "EETQ": (
        {f"{GROUP}.weight": ("I8", (512, 256)), f"{GROUP}.weight_scales": ("F16", (256,))},
        {"quant_method": "eetq"},
    ),
    "Marlin": (
        {f"{GROUP}.B": ("I32", (32, 512)), f"{GROUP}.s": ("F16", (4, 256))},
        {"quant_method": "marlin", "group_size": 128},
    ),
    "words without scales": ({f"{GROUP}.qweight": ("I32", (64, 256))}, {"quant_method": "gptq", "bits": 4}),
    "MLX's words that fit nothing": (
        {f"{GROUP}.weight": ("U32", (256, 60)), f"{GROUP}.scales": ("BF16", (250, 8))},
        {"bits": 4, "group_size": 64},
    ),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_not_known_is_unknown_and_never_blessed(tmp_path: Path, kind: str) -> None:
    shapes, said = STRANGE[kind]
    others: Shapes = {"model.embed_tokens.weight": ("BF16", (1000, 256))}
    headers_only(tmp_path / "model.safetensors", {**others, **shapes})
    says(tmp_path, **said)
    assert inspection_of(tmp_path).scheme == "unknown"
    for expected in Scheme:
        assert inspect(str(tmp_path), None, expected, None) == 1


def test_a_table_of_routes_does_not_make_a_checkpoint_unknown(tmp_path: Path) -> None:
    shapes: Shapes = {
        "layers.0.ffn.gate.tid2eid": ("I32", (100, 6)),
        "layers.0.w.weight": ("F8_E4M3", (2048, 2048)),
        "layers.0.w.scale": ("F8_E8M0", (16, 16)),
    }
    headers_only(tmp_path / "model.safetensors", shapes)
    says(tmp_path, **FP8)
    assert inspect(str(tmp_path), None, Scheme.FP8, None) == 0


def params(folder: Path) -> None:
    """Mistral's own configuration."""
    group = {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "float", "group_size": 16}}
    group["input_activations"] = {"num_bits": 4, "type": "float", "group_size": 16}
    quantization = {
        "quant_method": "compressed-tensors",
        "format": "nvfp4-pack-quantized",
        "config_groups": {"group_0": group},
    }
    told = {"dim": 256, "n_layers": 2, "n_heads": 4, "hidden_dim": 512, "quantization": quantization}
    (folder / "params.json").write_text(json.dumps(told))


def consolidated(layer: int) -> Shapes:
    above = f"layers.{layer}.feed_forward.w1"
    return {
        f"{above}.weight_packed": ("U8", (512, 128)),
        f"{above}.weight_scale": ("F8_E4M3", (512, 16)),
        f"{above}.weight_global_scale": ("F32", (1,)),
        f"{above}.input_global_scale": ("F32", (1,)),
    }


def test_mistrals_own_files(tmp_path: Path) -> None:
    params(tmp_path)
    headers_only(tmp_path / "consolidated.safetensors", {**consolidated(0), **consolidated(1)})
    found = inspection_of(tmp_path)
    assert (found.scheme, found.architecture, found.faults) == ("NVFP4", "MistralForCausalLM", [])
    assert inspect(str(tmp_path), None, Scheme.NVFP4, None) == 0


def test_mistrals_own_files_in_several(tmp_path: Path) -> None:
    params(tmp_path)
    weight_map: dict[str, str] = {}
    for layer in (0, 1):
        name = f"consolidated-0000{layer + 1}-of-00002.safetensors"
        headers_only(tmp_path / name, consolidated(layer))
        weight_map |= dict.fromkeys(consolidated(layer), name)
    (tmp_path / "consolidated.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    found = inspection_of(tmp_path)
    assert (found.files, found.scheme, found.faults) == (2, "NVFP4", [])


def test_blocks_of_another_size_than_declared(tmp_path: Path) -> None:
    headers_only(
        tmp_path / "model.safetensors", scaled("F8_E4M3", (512, 512), "weight_scale_inv", "F32", (4, 4))
    )
    says(tmp_path, quant_method="fp8", weight_block_size=[64, 64])
    told = "its configuration says blocks of 64 × 64, and its scales are for 128 × 128"
    assert inspection_of(tmp_path).faults == [told]


EXPERTS = "backbone.layers.0.mixer.experts"


def mixture(folder: Path, table: dict[str, str]) -> None:
    """Experts with four-bit activations, a head without, and a projection in FP8, under a table of layers."""
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {}
    for expert in range(2):
        shapes |= nvfp4_shapes(f"{EXPERTS}.{expert}.up_proj", 512, 256)
    shapes |= {k: v for k, v in nvfp4_shapes("lm_head", 1024, 256).items() if "input" not in k}
    shapes |= {
        "backbone.layers.0.mixer.in_proj.weight": ("F8_E4M3", (512, 256)),
        "backbone.layers.0.mixer.in_proj.weight_scale": ("F32", ()),
        "backbone.layers.0.mixer.in_proj.input_scale": ("F32", ()),
        "backbone.layers.0.mixer.gate.weight": ("BF16", (2, 256)),
    }
    headers_only(folder / "model.safetensors", shapes)
    layers = {name: {"quant_algo": word} for name, word in table.items()}
    says(folder, quant_method="modelopt", quant_algo="MIXED_PRECISION", quantized_layers=layers)


RIGHT = {
    f"{EXPERTS}.0.up_proj": "NVFP4",
    f"{EXPERTS}.1.up_proj": "NVFP4",
    "lm_head": "W4A16_NVFP4",
    "backbone.layers.0.mixer.in_proj": "FP8",
}
TABLES: dict[str, tuple[dict[str, str], str]] = {
    "right": (RIGHT, ""),
    "by blocks": (
        {EXPERTS: "NVFP4", "lm_head": "W4A16_NVFP4", "backbone.layers.0.mixer.in_proj": "FP8"},
        "",
    ),
    "by the names of another program": (
        {name.replace("backbone.", "model.language_model."): word for name, word in RIGHT.items()},
        "",
    ),
    "a word that is wrong": (
        RIGHT | {"backbone.layers.0.mixer.in_proj": "NVFP4"},
        "backbone.layers.0.mixer.in_proj: its table of layers says NVFP4, and the tensors are FP8",
    ),
    "a layer that it does not have": (
        {name: word for name, word in RIGHT.items() if name != "lm_head"},
        "lm_head: its tensors are W4A16_NVFP4, and its table of layers has no such module",
    ),
    "a layer that is not there": (
        RIGHT | {"backbone.layers.0.mixer.out_proj": "FP8"},
        "layers.0.mixer.out_proj: its table of layers says FP8, and there is no such weight",
    ),
    "a layer that is not quantized": (
        RIGHT | {"backbone.layers.0.mixer.gate": "FP8"},
        "backbone.layers.0.mixer.gate: its table of layers says FP8, and the tensors are BF16",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_the_table_of_layers_is_held_against_the_tensors(tmp_path: Path, case: str) -> None:
    table, told = TABLES[case]
    mixture(tmp_path, table)
    assert inspection_of(tmp_path).faults[:1] == ([told] if told else [])
    assert inspect(str(tmp_path), None, Scheme.MIXED, None) == bool(told)


def test_experts_with_four_bit_activations_and_a_head_without_are_nvfp4(tmp_path: Path) -> None:
    shapes = nvfp4_shapes(f"{EXPERTS}.0.up_proj", 512, 256)
    shapes |= {k: v for k, v in nvfp4_shapes("lm_head", 1024, 256).items() if "input" not in k}
    headers_only(tmp_path / "model.safetensors", shapes)
    table = {f"{EXPERTS}.0.up_proj": {"quant_algo": "NVFP4"}, "lm_head": {"quant_algo": "W4A16_NVFP4"}}
    says(tmp_path, quant_method="modelopt", quant_algo="MIXED_PRECISION", quantized_layers=table)
    assert inspection_of(tmp_path).faults == []
    for expected in (Scheme.NVFP4, Scheme.MIXED):
        assert inspect(str(tmp_path), None, expected, None) == 0
    assert inspect(str(tmp_path), None, Scheme.FP8, None) == 1


CACHE_SCALES = [
    "self_attn.k_scale",
    "self_attn.attn.k_scale",
    "self_attn.k_proj.k_scale",
    "self_attn.qkv_proj.k_scale",
    "self_attn.kv_scale",
    "self_attn.k_proj.output_scale",
    "mixer.k_proj.k_scale",
    "attention.kv_cache_scaling_factor",
]


@pytest.mark.parametrize("name", CACHE_SCALES)
def test_a_scale_of_the_cache_is_known_by_every_name(tmp_path: Path, name: str) -> None:
    shapes: Shapes = {f"model.layers.0.{name}": ("F32", (1,)), "a.weight": ("BF16", (64, 64))}
    headers_only(tmp_path / "model.safetensors", shapes)
    says(tmp_path, kv_cache_scheme={"num_bits": 8, "type": "float"}, quant_method="compressed-tensors")
    found = inspection_of(tmp_path)
    assert found.kv_cache == "FP8, with scales"
    assert not any("engines take 1.0" in trap for trap in found.traps)


@pytest.mark.parametrize("name", ["self_attn.q_scale", "mlp.down_proj.output_scale", "embed.scale"])
def test_a_scale_of_something_else_is_none_of_the_cache(tmp_path: Path, name: str) -> None:
    shapes: Shapes = {f"model.layers.0.{name}": ("F32", (1,)), "a.weight": ("BF16", (64, 64))}
    headers_only(tmp_path / "model.safetensors", shapes)
    says(tmp_path, kv_cache_scheme={"num_bits": 8, "type": "float"}, quant_method="compressed-tensors")
    assert inspection_of(tmp_path).kv_cache == "FP8, without scales"


def test_what_an_older_tool_wrote_into_a_file_of_its_own(tmp_path: Path) -> None:
    headers_only(tmp_path / "model.safetensors", gptq(4, 128))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "quantize_config.json").write_text(
        json.dumps({"bits": 4, "group_size": 128, "desc_act": False})
    )
    found = inspection_of(tmp_path)
    assert (found.scheme, found.method, found.faults) == ("INT4", "gptq", [])


def test_a_mixture(tmp_path: Path) -> None:
    shapes = nvfp4_shapes("a", 64, 64)
    shapes |= {"b.weight": ("F8_E4M3", (64, 64)), "b.weight_scale": ("F32", ())}
    headers_only(tmp_path / "model.safetensors", shapes)
    says(tmp_path, quant_method="modelopt", quant_algo="MIXED_PRECISION")
    found = inspection_of(tmp_path)
    assert (found.scheme, found.faults) == ("mixed", [])


def test_a_format_that_nobody_knows_is_said_to_be_unknown(tmp_path: Path) -> None:
    shapes: Shapes = {
        "a.qweight": ("I32", (8, 64)),
        "a.qzeros": ("I32", (1, 8)),
        "b.weight": ("BF16", (2, 2)),
    }
    headers_only(tmp_path / "model.safetensors", shapes)
    found = inspection_of(tmp_path)
    assert [row.format for row in found.rows] == ["unknown", "BF16"]
    assert (found.scheme, found.parameters) == ("unknown", 8 * 64 + 4)
    assert report.render(found).splitlines()[1].startswith("unknown, ")


def test_rows_stand_in_the_order_of_a_model(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    layers = [row.layer for row in inspection_of(tmp_path).rows]
    assert layers[0] == "model.embed_tokens"
    assert layers[1] == "model.layers.*.mlp.down_proj"
    assert layers[-2:] == ["lm_head", "vectors and scalars"]


def test_vectors_share_a_row_whatever_their_length(qwen: Path) -> None:
    (row,) = [row for row in inspection_of(qwen).rows if row.layer == "vectors and scalars"]
    assert (row.count, row.shape, row.values) == (145, [], 36 * (2 * 4096 + 2 * 128) + 4096)


@pytest.mark.parametrize("architectures", [None, "Qwen3", [], [1], {"a": 1}])
def test_an_architecture_that_is_none(tmp_path: Path, architectures: Any) -> None:
    headers_only(tmp_path / "model.safetensors", {"a": ("BF16", (2, 2))})
    (tmp_path / "config.json").write_text(json.dumps({"architectures": architectures}))
    assert inspection_of(tmp_path).architecture == ""


def test_layers_and_experts_share_a_row(tmp_path: Path) -> None:
    shapes: Shapes = {f"m.{n}.experts.{e}.w1.weight": ("BF16", (4, 4)) for n in range(3) for e in range(5)}
    headers_only(tmp_path / "model.safetensors", shapes)
    (row,) = inspection_of(tmp_path).rows
    assert (row.layer, row.count) == ("m.*.experts.*.w1", 15)


# Traps.

TRAPS: dict[str, tuple[str, Any, bool, str]] = {
    "FP8 of Model Optimizer": ("fp8", "modelopt", True, "loads this without its scales"),
    "NVFP4 of Model Optimizer": ("nvfp4", "modelopt", True, "stops at the packed shapes"),
    "weight-only": ("nvfp4", "modelopt", False, "from version 0.23 on"),
    "the divisor": ("nvfp4", "compressed-tensors", False, "it is the inverse"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_told_where_it_is_and_nowhere_else(tmp_path: Path, trap: str) -> None:
    for other, (kind, dialect, activations, _) in TRAPS.items():
        folder = tmp_path / other.replace(" ", "-")
        make(folder, kind, dialect, activations=activations)
        told = any(TRAPS[trap][3] in one for one in inspection_of(folder).traps)
        expected = other == trap or (trap == "NVFP4 of Model Optimizer" and other == "weight-only")
        assert told is expected, other


def test_the_trap_of_scalars(tmp_path: Path) -> None:
    shapes: Shapes = {
        "a.weight_packed": ("U8", (128, 64)),
        "a.weight_scale": ("F8_E4M3", (128, 8)),
        "a.weight_global_scale": ("F32", ()),
    }
    headers_only(tmp_path / "model.safetensors", shapes)
    says(tmp_path, quant_method="compressed-tensors", format="nvfp4-pack-quantized")
    assert any("wants the shape [1]" in trap for trap in inspection_of(tmp_path).traps)


def test_the_trap_of_weights_that_say_four_bit_activations(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4", activations=True)
    configure(tmp_path, config_groups={"group_0": {"weights": {"num_bits": 4}}})
    assert any("serves it weight-only" in trap for trap in inspection_of(tmp_path).traps)


def test_the_trap_of_narrow_rows(tmp_path: Path) -> None:
    headers_only(tmp_path / "model.safetensors", nvfp4_shapes("a", 64, 576))
    says(tmp_path, quant_method="modelopt", quant_algo="NVFP4")
    assert any("a row of 576 values" in trap for trap in inspection_of(tmp_path).traps)


def test_the_trap_of_scaled_inputs(tmp_path: Path) -> None:
    shapes: Shapes = {
        "a.weight": ("U8", (64, 128)),
        "a.weight_scale": ("F32", (128, 1)),
        "a.pre_quant_scale": ("BF16", (128,)),
    }
    headers_only(tmp_path / "model.safetensors", shapes)
    says(tmp_path, quant_method="modelopt", quant_algo="W4A16_AWQ")
    found = inspection_of(tmp_path)
    assert (found.scheme, found.faults) == ("INT4", [])
    assert any("pre_quant_scale" in trap for trap in found.traps)


def test_the_kv_cache(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    assert inspection_of(tmp_path).kv_cache == "not quantized"
    configure(tmp_path, kv_cache_scheme={"num_bits": 8, "type": "float", "dynamic": False})
    found = inspection_of(tmp_path)
    assert found.kv_cache == "FP8, without scales"
    assert any("engines take 1.0" in trap for trap in found.traps)
    path = tmp_path / "scaled"
    path.mkdir()
    shapes: Shapes = {
        "a.k_proj.k_scale": ("F32", ()),
        "a.v_proj.v_scale": ("F32", ()),
        "b.weight": ("BF16", (2, 2)),
    }
    headers_only(path / "model.safetensors", shapes)
    assert "not declared" in inspection_of(path).kv_cache
    says(path, kv_cache_scheme="FP8")
    found = inspection_of(path)
    assert (found.kv_cache, found.traps) == ("FP8, with scales", [])


# Faults, each of which is a reason to refuse.


def fault_no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def fault_nothing_declared(folder: Path) -> None:
    (folder / "hf_quant_config.json").unlink()
    (folder / "config.json").write_text(json.dumps(CONFIG))


def fault_another_algorithm(folder: Path) -> None:
    (folder / "hf_quant_config.json").unlink()
    configure(folder, quant_algo="FP8")


def fault_two_algorithms(folder: Path) -> None:
    configure(folder, quant_algo="W4A16_NVFP4")


def fault_another_group(folder: Path) -> None:
    weights = {"num_bits": 4, "group_size": 32}
    configure(folder, config_groups={"group_0": {"weights": weights, "input_activations": weights}})


def fault_a_layer_missing(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))


def fault_a_scale_missing(folder: Path) -> None:
    drop(folder, "model.layers.1.mlp.up_proj.weight_scale")


def fault_a_tensor_scale_missing(folder: Path) -> None:
    drop(folder, "model.layers.1.mlp.up_proj.weight_scale_2")


def fault_an_input_scale_missing(folder: Path) -> None:
    drop(folder, "model.layers.1.mlp.up_proj.input_scale")


def drop(folder: Path, name: str) -> None:
    """Write the checkpoint anew without one tensor, its bytes a hole."""
    tensors = open_checkpoint(folder).tensors
    kept: Shapes = {one.name: (one.dtype, one.shape) for one in tensors.values() if one.name != name}
    headers_only(folder / "model.safetensors", kept)


FAULTS = {
    fault_no_config: "no config.json",
    fault_nothing_declared: "no configuration says so",
    fault_another_algorithm: "says FP8, but its tensors are NVFP4",
    fault_two_algorithms: "config.json says W4A16_NVFP4, and hf_quant_config.json NVFP4",
    fault_another_group: "groups of 32, and its scales are for 16",
    fault_a_layer_missing: "layer 2 of 3 is not there",
    fault_a_scale_missing: "up_proj: no format known",
    fault_a_tensor_scale_missing: "NVFP4 without weight_scale_2",
    fault_an_input_scale_missing: "1 of 14 NVFP4 weights have no input scale, model.layers.1.mlp.up_proj",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: Any) -> None:
    make(tmp_path, "nvfp4", activations=True)
    assert inspect(str(tmp_path), None, Scheme.NVFP4, None) == 0
    fault(tmp_path)
    assert inspect(str(tmp_path), None, None, None) == 0
    capsys.readouterr()
    assert inspect(str(tmp_path), None, Scheme.NVFP4, None) == 1
    printed = capsys.readouterr()
    assert FAULTS[fault] in printed.err
    assert FAULTS[fault] in printed.out


def test_weights_only_where_activations_are_said_to_be_quantized(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4", "compressed-tensors")
    config = json.loads((tmp_path / "config.json").read_text())
    groups = config["quantization_config"]["config_groups"]
    groups["group_0"]["input_activations"] = {"num_bits": 4}
    configure(tmp_path, config_groups=groups)
    assert any("activations have 4 bits too" in fault for fault in inspection_of(tmp_path).faults)


def test_scales_that_do_not_fit_are_said_not_to(tmp_path: Path) -> None:
    shapes = nvfp4_shapes("a", 4, 32) | {"a.weight_scale": ("F8_E4M3", (5, 2))}
    headers_only(tmp_path / "model.safetensors", shapes)
    found = inspection_of(tmp_path)
    assert found.scheme == "NVFP4"
    assert "does not fit" in report.render(found)


def test_a_group_is_no_matter_of_a_scale_for_the_whole_weight(tmp_path: Path) -> None:
    make(tmp_path, "fp8", activations=True)
    configure(tmp_path, config_groups={"group_0": {"weights": {"num_bits": 8, "group_size": 32}}})
    assert inspection_of(tmp_path).faults == []


LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "as most have them": ("model.layers.", {"num_hidden_layers": 3}),
    "of a hybrid": ("backbone.layers.", {"num_hidden_layers": 3, "hybrid_override_pattern": "M*E"}),
    "by a pattern alone": ("backbone.layers.", {"hybrid_override_pattern": "M*E"}),
    "of a model with pictures": ("language_model.model.layers.", {"text_config": {"num_hidden_layers": 3}}),
    "the other way round": ("model.language_model.layers.", {"text_config": {"num_hidden_layers": 3}}),
    "of one that thinks and talks": (
        "thinker.model.layers.",
        {"thinker_config": {"text_config": {"num_hidden_layers": 3}}},
    ),
    "of GPT-2": ("transformer.h.", {"n_layer": 3}),
    "of GPT-NeoX": ("gpt_neox.layers.", {"num_hidden_layers": 3}),
    "of DeepSeek's own": ("layers.", {"n_layers": 3}),
    "listed": ("model.layers.", {"layer_types": ["full_attention"] * 3}),
}


@pytest.mark.parametrize("case", LAYERS)
def test_layers_are_missed_wherever_a_configuration_counts_them(tmp_path: Path, case: str) -> None:
    above, config = LAYERS[case]
    (tmp_path / "config.json").write_text(json.dumps(config))
    others = {f"vision_tower.layers.{number}.w.weight": ("BF16", (4, 4)) for number in range(9)}
    for there, told in (((0, 2), "1"), ((0, 1), "2"), ((0, 1, 2), "")):
        shapes = {f"{above}{number}.attn.weight": ("BF16", (4, 4)) for number in there}
        headers_only(tmp_path / "model.safetensors", shapes | others)
        faults = [f"layer {told} of 3 is not there: an incomplete export"] if told else []
        assert inspection_of(tmp_path).faults == faults
        assert inspect(str(tmp_path), None, Scheme.BF16, None) == bool(told)


def test_many_faults_are_counted(tmp_path: Path) -> None:
    shapes: Shapes = {f"m.{n}.weight": ("U8", (4, 16)) for n in range(100)}
    headers_only(tmp_path / "model.safetensors", shapes)
    faults = inspection_of(tmp_path).faults
    assert sum("without weight_scale" in fault for fault in faults) == 4
    assert "… and 96 more weights with such faults" in faults


def test_a_layer_of_an_astronomical_number(tmp_path: Path) -> None:
    name = f"model.layers.{'9' * 900}.mlp.up_proj.weight"
    headers_only(tmp_path / "model.safetensors", {name: ("BF16", (2, 2))})
    (tmp_path / "config.json").write_text(json.dumps({"num_hidden_layers": 10**18}))
    assert f"layer 0 of {10**18} is not there: an incomplete export" in inspection_of(tmp_path).faults


def test_an_incomplete_export_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path, "nvfp4", shard_bytes=50_000)
    (tmp_path / open_checkpoint(tmp_path).shards[1]).unlink()
    assert inspect(str(tmp_path), None, Scheme.NVFP4, None) == 1
    assert "are not there" in capsys.readouterr().err
    with pytest.raises(GB10DocsError, match="are not there"):
        inspect(str(tmp_path), None, None, None)


# JSON.


def test_json_on_standard_output_and_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "c", "nvfp4")
    assert inspect(str(tmp_path / "c"), None, None, Path("-")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "gb10docs.inspection/1"
    assert inspect(str(tmp_path / "c"), None, None, tmp_path / "told.json") == 0
    assert "layer" in capsys.readouterr().out
    assert json.loads((tmp_path / "told.json").read_text()) == told
    schema = json.loads((schemas.FOLDER / "inspection.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(told)
    assert not jsonschema.Draft202012Validator(schema).is_valid(told | {"rows": [{}]})


def test_the_published_schema_is_that_of_the_model() -> None:
    name = "inspection.schema.json"
    assert (schemas.FOLDER / name).read_text() == schemas.generate()[name], (
        "run python -m gb10docs.site.schemas"
    )


# The program.


def gb10docs(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gb10docs", "inspect", *arguments],
        env={**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_TOKEN": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_program(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4", activations=True)
    assert gb10docs(str(tmp_path), "--expect", "nvfp4")[0] == 0
    status, _, errors = gb10docs(str(tmp_path), "--expect", "w4a16_nvfp4")
    assert (status, errors.splitlines()[1]) == (
        1,
        "- its weights are NVFP4 (4-bit weights, with scales for 4-bit activations)",
    )
    (tmp_path / "model.safetensors").write_bytes(raw_file(b"nonsense"))
    status, _, errors = gb10docs(str(tmp_path))
    assert (status, errors.count("\n")) == (2, 1)
    assert errors.startswith(f"gb10docs: {tmp_path}")


def test_numpy_is_not_needed_to_look(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    program = (
        "import sys; from gb10docs.cli.inspect_command import inspect; "
        "inspect(sys.argv[1], None, None, None); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 0


def test_a_terminal_gets_a_drawn_table(tmp_path: Path) -> None:
    make(tmp_path, "nvfp4")
    leader, follower = os.openpty()
    command = [sys.executable, "-m", "gb10docs", "inspect", str(tmp_path)]
    subprocess.run(
        command, stdout=follower, env={**os.environ, "COLUMNS": "120", "TERM": "xterm"}, check=True
    )
    os.close(follower)
    drawn = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "─" in drawn
    assert "4.50" in drawn


@pytest.mark.parametrize("place", ["nope", "a/b/c", "./nope", "../nope", "~/nope-nope", "/nope"])
def test_what_can_only_be_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GB10DocsError, match="No such file"):
        inspect(place, None, None, None)


def test_a_folder_goes_before_a_repository_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "who" / "what", "nvfp4")
    monkeypatch.chdir(tmp_path)
    assert inspect("who/what", None, None, None) == 0
    assert capsys.readouterr().out.startswith("who/what\n")


# A repository.


@pytest.fixture(scope="module")
def hub(qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[int]]]:
    """The address of our local hub, and the sizes of what it has sent."""
    import uvicorn

    from gb10docs.standins import hub

    folder = tmp_path_factory.mktemp("broken")
    (folder / "model.safetensors").write_bytes(raw_file(b"nonsense"))
    mixed = tmp_path_factory.mktemp("mixed")
    headers_only(mixed / "model.safetensors", qwen3_8b())
    says_mixed = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}
    shape = read("models")["Qwen3-8B"]["config"] | {"quantization_config": says_mixed}
    (mixed / "config.json").write_text(json.dumps(shape))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        (folder / "only").mkdir()
        (folder / "only" / "below").mkdir()
        make(folder / "only" / "below", "nvfp4")
        app = hub.app(
            {
                REPO: qwen,
                "who/broken": folder,
                "who/whole": qwen,
                "who/below": folder / "only",
                "who/short": qwen,
                "who/mixed": mixed,
            },
        )
        sent: list[int] = []

        async def counted(scope: Any, receive: Any, send: Any) -> None:
            async def count(message: Any) -> None:
                sent.append(len(message.get("body", b"")))
                await send(message)

            if "who/short" in scope["path"] and scope["method"] == "GET" and "resolve" in scope["path"]:
                await count({"type": "http.response.start", "status": 206, "headers": []})
                await count({"type": "http.response.body", "body": b"12345"})
                return
            if "who/whole" in scope["path"]:
                scope = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"range"]}
            await app(scope, receive, count)

        server = uvicorn.Server(uvicorn.Config(counted, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", sent
        server.should_exit = True
        thread.join()


def test_a_repository_is_inspected_without_fetching_it(hub: tuple[str, list[int]], tmp_path: Path) -> None:
    address, sent = hub
    told = tmp_path / "told.json"
    status, out, errors = gb10docs(REPO, "--json", str(told), HF_ENDPOINT=address, HF_HOME=str(tmp_path))
    assert (status, errors) == (0, "")
    assert "39% of the 16.38 GB" in out
    assert len(json.loads(told.read_text())["revision"]) == 40
    assert sum(sent) < 500_000


def test_a_mixture_in_a_repository_is_measured_on_its_headers(
    hub: tuple[str, list[int]], tmp_path: Path
) -> None:
    address, sent = hub
    before = sum(sent)
    done = subprocess.run(
        [sys.executable, "-m", "gb10docs", "fit", "who/mixed", "--json", "-"],
        env={**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path), "HF_TOKEN": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert round(json.loads(done.stdout)["weight_bytes"] / 1e9, 3) == 6.397
    assert sum(sent) - before < 500_000


@pytest.mark.parametrize(
    ("repo", "told"),
    [
        ("who/what", "nor a repository that http://127"),
        ("who/broken", "not the JSON of a checkpoint"),
        ("who/short", "the hub sent 5 of"),
        ("who/below", "no safetensors file there"),
        ("who/whole", "does not send parts of a file"),
        ("who/wh at", "neither a path that is there nor a repository"),
    ],
)
def test_a_repository_that_is_none(hub: tuple[str, list[int]], repo: str, told: str) -> None:
    status, _, errors = gb10docs(repo, HF_ENDPOINT=hub[0])
    assert status == 2
    assert told in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"HF_HUB_OFFLINE": "1"}, "cannot be reached"),
    ],
)
def test_no_network(environment: dict[str, str], told: str) -> None:
    status, _, errors = gb10docs(REPO, **environment)
    assert status == 2
    assert told in errors
    assert "Traceback" not in errors


def test_the_hub_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(GB10DocsError, match="the hub cannot be asked: pip install"):
        inspect("who/what", None, None, None)


# Whatever the bytes are.


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with every file that is read."""
    folder = tmp_path_factory.mktemp("fuzz") / "sample"
    make(folder, "nvfp4", activations=True, shard_bytes=120_000)
    return folder


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_byte_makes_it_stumble(sample: Path, tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(path.name for path in sample.iterdir())))
    content = bytearray((sample / name).read_bytes())
    for path in sample.iterdir():
        link = tmp_path / path.name
        link.unlink(missing_ok=True)
        os.link(path, link)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(content), 4000)))
        new = data.draw(
            st.sampled_from([b"", b"0", b"-1", b"[]", b"{}", b"null", b"true", b'"', b"\xff", b"\\ud800"])
        )
        content[at : at + data.draw(st.integers(0, 12))] = new
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(content[: data.draw(st.sampled_from([len(content), len(content), 500]))])
    try:
        status = inspect(str(tmp_path), None, data.draw(st.sampled_from([None, Scheme.NVFP4])), None)
        assert status in (0, 1)
    except GB10DocsError:
        pass
