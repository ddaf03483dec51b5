"""What is told of a checkpoint: the model that `gb10docs inspect --json` writes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Told(BaseModel):
    """What all parts of an inspection share."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(Told):
    """All weights of one layer type that have the same shape and format."""

    layer: str
    """Name of the module, `*` for the number of a layer or expert."""
    count: int
    """How many there are."""
    shape: list[int]
    """The shape of the values, not of what packs them; empty for vectors and scalars, which share a row."""
    format: str
    """`NVFP4`, `MXFP4`, `MXFP8`, `NF4`, `FP4`, `INT2` to `INT8`, `FP8`, `BF16`, `FP16`, `FP32`, a dtype; or
    `unknown`."""
    block: list[int]
    """Rows and columns that share a scale; empty where there is none."""
    bits_per_value: float
    """Scales included."""
    values: int
    """How many values all of them together have."""
    bytes: int
    """Bytes of all of them together, scales included."""


class Inspection(Told):
    """A checkpoint."""

    schema_: Literal["gb10docs.inspection/1"] = Field(alias="schema")
    source: str
    """The folder or file as it was given, or the repository."""
    revision: str
    """The repository's commit; empty for a folder."""
    architecture: str
    """From `config.json`."""
    scheme: str
    """What the quantized weights are together: `NVFP4` (4-bit activations too), `W4A16_NVFP4` (weights only), another
    format, or `mixed`. Where nothing is quantized, the format of most. `unknown` where a part that counts is in none
    that is known here."""
    declared: str
    """The word of the configuration: Model Optimizer's `quant_algo`, otherwise `format` or `quant_method`."""
    method: str
    """`quant_method`: `modelopt`, `compressed-tensors`, `awq`, `gptq`, `mlx`, …; empty where nothing is declared."""
    producer: str
    """Program and version that wrote it, as far as it says."""
    kv_cache: str
    """What the configuration says that the KV cache is kept in."""
    files: int
    """Safetensors files."""
    parameters: int
    """Numbers that the weights hold, scales not counted."""
    bytes: int
    """Bytes of all tensors; headers are not counted."""
    bf16_bytes: int
    """What the same parameters take in BF16."""
    unquantized_bytes: int
    """Bytes of the weights that are kept without a scale, in 16 or 32 bits."""
    rows: list[Row]
    """Rows by name: embeddings first, then layers, then what stands outside them, vectors last."""
    traps: list[str]
    """What goes wrong with such a checkpoint elsewhere."""
    faults: list[str]
    """What is wrong with this one."""
