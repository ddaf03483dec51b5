"""What is wrong with a checkpoint: parts that are not there, and a configuration that its tensors contradict."""

from __future__ import annotations

from collections.abc import Iterator

from gb10docs.models.checkpoints.checkpoint import Checkpoint
from gb10docs.models.checkpoints.declared import algorithms
from gb10docs.models.checkpoints.weights import Weight
from gb10docs.models.inspection import layers

TOLD = 4
"""Faults of weights that are told one by one."""


def faults(checkpoint: Checkpoint, scheme: str) -> Iterator[str]:
    """A sentence each."""
    weights = list(checkpoint.weights.values())
    yield from _configuration(checkpoint, scheme)
    yield from _groups_and_blocks(checkpoint)
    yield from layers.table_faults(checkpoint)
    yield from layers.missing(checkpoint)
    yield from layers.activations(checkpoint.declared, weights)
    of_weights = [fault for weight in weights for fault in weight.faults]
    yield from of_weights[:TOLD]
    if len(of_weights) > TOLD:
        yield f"… and {len(of_weights) - TOLD} more weights with such faults"


def _configuration(checkpoint: Checkpoint, scheme: str) -> Iterator[str]:
    if checkpoint.config is None:
        yield "no config.json: an incomplete export, which no engine can load"
    said = algorithms(checkpoint.config or {}, checkpoint.documents.hf_quant_config)
    if len(said) > 1:
        yield f"config.json says {said[0]}, and hf_quant_config.json {said[1]}"
    declared = checkpoint.declared
    quantized = any(weight.quantized for weight in checkpoint.weights.values())
    if quantized and not declared.word:
        yield f"its weights are {scheme}, but no configuration says so: an engine would take the bytes for weights"
    if declared.schemes and scheme not in declared.schemes and not _is_listed_mixture(checkpoint):
        yield f"its configuration says {declared.word}, but its tensors are {scheme}"
    elif scheme == "W4A16_NVFP4" and declared.activations:
        yield "its configuration says that activations have 4 bits too, but there is no scale for them"


def _is_listed_mixture(checkpoint: Checkpoint) -> bool:
    """Whether it is a mixture whose table says what each layer is, so that the table is what counts."""
    declared = checkpoint.declared
    return "mixed" in declared.schemes and bool(declared.layers)


def _groups_and_blocks(checkpoint: Checkpoint) -> Iterator[str]:
    declared = checkpoint.declared
    found = {weight.block for weight in checkpoint.weights.values() if weight.block and weight.block[0]}
    rows = {block for block in found if block[0] == 1}
    if declared.group and rows and (1, declared.group) not in rows:
        told = ", ".join(str(columns) for _, columns in sorted(rows))
        yield f"its configuration says groups of {declared.group}, and its scales are for {told} values"
    squares = {
        block
        for weight in checkpoint.weights.values()
        if (block := weight.block) and _is_square(weight, block)
    }
    if declared.block and squares and declared.block not in squares:
        told = ", ".join(f"{height} × {width}" for height, width in sorted(squares))
        height, width = declared.block
        yield f"its configuration says blocks of {height} × {width}, and its scales are for {told}"


def _is_square(weight: Weight, block: tuple[int, int]) -> bool:
    """Whether a scale is for some of the rows and some of the columns."""
    return 1 < block[0] < weight.shape[-2] and 1 < block[1] < weight.shape[-1]
