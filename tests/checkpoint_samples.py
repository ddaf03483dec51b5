"""Checkpoints for tests: whole ones, huge ones of which only the header has bytes, and lying ones."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from gb10docs.models.checkpoints.dialects import Dialect, Quantized
from gb10docs.models.checkpoints.header import BITS
from gb10docs.models.checkpoints.writing import write
from gb10docs.models.formats import fp8, int4, mxfp4, nvfp4

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""By name, dtype and shape."""

LINEARS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
MLP = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def raw_file(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file of whatever is asked; `length` is what its first 8 bytes say."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    """One tensor in a header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def headers_only(path: Path, shapes: Shapes) -> int:
    """A file whose tensors are a hole; how many bytes they would take."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, shape) in shapes.items():
        size = math.prod(shape) * BITS[dtype] // 8
        header[name] = entry(dtype, list(shape), at, at + size)
        at += size
    with path.open("wb") as file:
        file.write(raw_file(header))
        file.truncate(file.tell() + at)
    return at


def qwen3_8b() -> dict[str, tuple[str, tuple[int, ...]]]:
    """Names and shapes of nvidia/Qwen3-8B-NVFP4, from Qwen3-8B's config.json and Model Optimizer's layout."""
    hidden, middle, heads, groups, size, vocabulary = 4096, 12288, 32, 8, 128, 151936
    rows = {
        "self_attn.q_proj": (heads * size, hidden), "self_attn.k_proj": (groups * size, hidden),
        "self_attn.v_proj": (groups * size, hidden), "self_attn.o_proj": (hidden, heads * size),
        "mlp.gate_proj": (middle, hidden), "mlp.up_proj": (middle, hidden), "mlp.down_proj": (hidden, middle),
    }  # fmt: skip
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {
        "lm_head.weight": ("BF16", (vocabulary, hidden)),
        "model.embed_tokens.weight": ("BF16", (vocabulary, hidden)),
        "model.norm.weight": ("BF16", (hidden,)),
    }
    for layer in range(36):
        above = f"model.layers.{layer}"
        for norm, length in (("input_layernorm", hidden), ("post_attention_layernorm", hidden)):
            shapes[f"{above}.{norm}.weight"] = ("BF16", (length,))
        for norm in ("self_attn.q_norm", "self_attn.k_norm"):
            shapes[f"{above}.{norm}.weight"] = ("BF16", (size,))
        for name, (n, k) in rows.items():
            shapes |= nvfp4_shapes(f"{above}.{name}", n, k)
    return shapes


def nvfp4_shapes(name: str, rows: int, columns: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of a weight in Model Optimizer's NVFP4."""
    return {
        f"{name}.weight": ("U8", (rows, columns // 2)),
        f"{name}.weight_scale": ("F8_E4M3", (rows, columns // 16)),
        f"{name}.weight_scale_2": ("F32", ()),
        f"{name}.input_scale": ("F32", ()),
    }


def weights(layers: int = 2) -> dict[str, NDArray[Any]]:
    """A small model in BF16."""
    random = np.random.default_rng(0)
    shapes = {
        "model.embed_tokens.weight": (96, 128),
        "lm_head.weight": (96, 128),
        "model.norm.weight": (128,),
    }
    for layer in range(layers):
        shapes |= {f"model.layers.{layer}.{name}.weight": (128, 128) for name in LINEARS}
        shapes |= {f"model.layers.{layer}.{name}.weight": (256, 128) for name in MLP[:2]}
        shapes[f"model.layers.{layer}.{MLP[2]}.weight"] = (128, 256)
    return {name: random.normal(0, 0.02, shape).astype(ml_dtypes.bfloat16) for name, shape in shapes.items()}


def quantized(kind: str, x: NDArray[Any], dialect: Dialect = "modelopt") -> Quantized:
    """One weight in a format, by its name in lower case."""
    match kind:
        case "nvfp4":
            return nvfp4.quantize(x, variant=dialect)
        case "mxfp4":
            return mxfp4.quantize(x)
        case "int4":
            return int4.quantize(x)
        case "fp8":
            return fp8.quantize(x)
        case "fp8-rows":
            return fp8.quantize(x, axis=-1)
    raise AssertionError(kind)


CONFIG = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "num_hidden_layers": 2}


def make(
    folder: Path, kind: str, dialect: Dialect = "modelopt", *, activations: bool = False, **options: Any
) -> dict[str, NDArray[Any] | Quantized]:
    """Write the small model with its projections in a format; what was written, by name."""
    made: dict[str, NDArray[Any] | Quantized] = {
        name: quantized(kind, x, dialect) if kind and "_proj" in name else x for name, x in weights().items()
    }
    scales = {name: 0.01 for name in made if "_proj" in name} if activations else None
    write(folder, made.items(), dialect=dialect, config=CONFIG, input_scales=scales, **options)
    return made
