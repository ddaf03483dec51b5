"""What is wrong with a checkpoint: parts that are not there, and a configuration that its tensors contradict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gb10docs.checkpoints.checkpoint import Checkpoint
from gb10docs.checkpoints.declared import algorithms
from gb10docs.checkpoints.weights import Weight

SCHEMES = {
    "NVFP4": {"NVFP4"},
    "NVFP4_AWQ": {"NVFP4"},
    "NVFP4_SVD": {"NVFP4"},
    "W4A16_NVFP4": {"W4A16_NVFP4"},
    "MXFP4": {"MXFP4"},
    "W4A8_MXFP4_FP8": {"MXFP4"},
    "MXFP8": {"MXFP8"},
    "FP8": {"FP8"},
    "FP8_PB_WO": {"FP8"},
    "FP8_PER_CHANNEL_PER_TOKEN": {"FP8"},
    "W4A16_AWQ": {"INT4"},
    "W4A8_AWQ": {"INT4"},
    "W8A16": {"INT8"},
    "W8A8_SQ_PER_CHANNEL": {"INT8"},
    "MIXED_PRECISION": {"mixed"},
    "NVFP4-PACK-QUANTIZED": {"NVFP4", "W4A16_NVFP4"},
    "MXFP4-PACK-QUANTIZED": {"MXFP4"},
    "PACK-QUANTIZED": {"INT4", "INT8"},
    "FLOAT-QUANTIZED": {"FP8"},
    "INT-QUANTIZED": {"INT8"},
    "NAIVE-QUANTIZED": {"FP8", "INT8"},
    "MIXED-PRECISION": {"mixed"},
}
"""By what a configuration declares, in capitals, the schemes that its tensors can be; other words are not judged."""

TOLD = 4
"""Faults of weights that are told one by one."""
_LAYER = re.compile(r"model\.layers\.(\d+)\.")


def faults(checkpoint: Checkpoint, scheme: str) -> Iterator[str]:
    """A sentence each."""
    weights = checkpoint.weights.values()
    yield from _configuration(checkpoint, scheme)
    yield from _layers(checkpoint)
    yield from _activations(weights)
    of_weights = [fault for weight in weights for fault in weight.faults]
    yield from of_weights[:TOLD]
    if len(of_weights) > TOLD:
        yield f"… and {len(of_weights) - TOLD} more weights with such faults"


def _configuration(checkpoint: Checkpoint, scheme: str) -> Iterator[str]:
    if checkpoint.config is None:
        yield "no config.json: an incomplete export, which no engine can load"
    said = algorithms(checkpoint.config or {}, checkpoint.hf_quant_config)
    if len(said) > 1:
        yield f"config.json says {said[0]}, and hf_quant_config.json {said[1]}"
    declared = checkpoint.declared
    quantized = [weight for weight in checkpoint.weights.values() if weight.quantized]
    if quantized and not declared.method:
        yield f"its weights are {scheme}, but no configuration says so: an engine would take the bytes for weights"
    if scheme not in SCHEMES.get(declared.algorithm.upper(), {scheme}):
        yield f"its configuration says {declared.algorithm}, but its tensors are {scheme}"
    elif scheme == "W4A16_NVFP4" and declared.activations:
        yield "its configuration says that activations have 4 bits too, but there is no scale for them"
    blocks = {weight.block for weight in quantized if weight.block and weight.block[0] == 1}
    if declared.group and blocks and (1, declared.group) not in blocks:
        found = ", ".join(str(columns) for _, columns in sorted(blocks))
        yield f"its configuration says groups of {declared.group}, and its scales are for {found} values"


def _layers(checkpoint: Checkpoint) -> Iterator[str]:
    count = (checkpoint.config or {}).get("num_hidden_layers")
    there = {int(found[1]) for name in checkpoint.tensors if (found := _LAYER.match(name))}
    first = next(number for number in range(len(there) + 1) if number not in there)
    if type(count) is int and there and first < count:
        yield f"layer {first} of {count} is not there: an incomplete export"


def _activations(weights: Iterable[Weight]) -> Iterator[str]:
    four_bit = [weight for weight in weights if weight.format == "NVFP4"]
    without = [
        weight.name for weight in four_bit if not weight.parts.keys() & {"input_scale", "input_global_scale"}
    ]
    if without and len(without) < len(four_bit):
        yield f"{len(without)} of {len(four_bit)} NVFP4 weights have no input scale, {without[0]} the first"
