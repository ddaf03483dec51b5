"""Writes a checkpoint in either dialect. It is complete when `config.json` is there: that is written last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gb10docs.atomic import CannotWrite, write_text
from gb10docs.models.checkpoints import dialects
from gb10docs.models.checkpoints.dialects import Dialect, Quantized
from gb10docs.models.checkpoints.documents import Table
from gb10docs.models.checkpoints.shards import Shards

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARD_BYTES = 5_000_000_000
"""Longest file but for one that holds a single larger weight."""


def write(
    folder: Path,
    weights: Iterable[tuple[str, NDArray[Any] | Quantized]],
    *,
    dialect: Dialect = "modelopt",
    config: Table | None = None,
    input_scales: Mapping[str, float] | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write a checkpoint, holding one file's weights at a time.

    Args:
        folder: Made if missing; must hold no checkpoint yet.
        weights: Names as the unquantized model has them (`model.layers.0.mlp.up_proj.weight`, `model.norm.weight`),
            each with an array, which is kept as it is, or a quantized weight. Those are all in one format.
        dialect: Whose names and configuration.
        config: The model's `config.json`, to which `quantization_config` is added.
        input_scales: For quantized activations, by name of the weight: amax of the layer's input / 2688 for NVFP4,
            / 448 for FP8. For every quantized weight or none.
        shard_bytes: Longest file.

    Raises:
        CannotWrite: A checkpoint is there already, a name comes twice, the formats differ, an input
            scale has no weight or a weight none, or the dialect has no such weight.
    """
    if any(folder.glob("*.safetensors")):
        raise CannotWrite(f"{folder}: there is a checkpoint already: take an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    left = dict(input_scales or {})
    shards = Shards(folder, shard_bytes)
    first: Quantized | None = None
    ignore = []
    for name, weight in weights:
        if isinstance(weight, np.ndarray):
            ignore += [name.removesuffix(".weight")] if weight.ndim > 1 else []
            shards.add({name: weight})
            continue
        first = first or weight
        if type(weight) is not type(first) or dialects.by_row(weight) != dialects.by_row(first):
            raise CannotWrite(f"{name}: in another format than the weights before it")
        if bool(input_scales) != (name in left):
            raise CannotWrite(f"{name}: no input scale, and others have one")
        parts = dialects.tensors(weight, dialect, left.pop(name, None))
        shards.add({f"{name.removesuffix('.weight')}.{role}": tensor for role, tensor in parts.items()})
    if left:
        raise CannotWrite(f"input scales without a quantized weight: {', '.join(sorted(left))}")
    shards.finish()
    _configure(folder, dict(config or {}), dialect, first, ignore, activations=bool(input_scales))


def _configure(
    folder: Path,
    config: Table,
    dialect: Dialect,
    weight: Quantized | None,
    ignore: list[str],
    *,
    activations: bool,
) -> None:
    if weight is not None and dialect == "modelopt":
        config["quantization_config"], other = dialects.modelopt_configuration(
            weight, ignore, activations=activations
        )
        write_text(folder / "hf_quant_config.json", json.dumps(other, indent=4) + "\n")
    elif weight is not None:
        config["quantization_config"] = dialects.compressed_tensors_configuration(
            weight, ignore, activations=activations
        )
    write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")
