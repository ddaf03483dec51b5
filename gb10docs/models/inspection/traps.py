"""What goes wrong with a checkpoint that is itself in order; each was seen, or stands in an engine's source."""

from __future__ import annotations

from collections.abc import Iterator

from gb10docs.models.checkpoints.checkpoint import Checkpoint
from gb10docs.models.checkpoints.weights import scales_cache

_SAME_SHAPE = {"FP8", "MXFP8", "INT8"}
"""Formats of which the stored tensor has the weight's own shape, so that a loader can take it for one."""
_MARLIN_COLUMNS = 128


def traps(checkpoint: Checkpoint, scheme: str) -> Iterator[str]:
    """A sentence each."""
    yield from _transformers(checkpoint)
    yield from _engines(checkpoint, scheme)
    if any("pre_quant_scale" in weight.parts for weight in checkpoint.weights.values()):
        yield (
            "pre_quant_scale: some layers multiply their input by it before the weight. A weight read without it is "
            "not the layer's."
        )
    if any("weight_global_scale" in weight.parts for weight in checkpoint.weights.values()):
        yield "weight_global_scale divides: it is the inverse of Model Optimizer's weight_scale_2, which multiplies."


def _transformers(checkpoint: Checkpoint) -> Iterator[str]:
    formats = {weight.format for weight in checkpoint.weights.values() if weight.quantized}
    if checkpoint.declared.method == "modelopt" and formats & _SAME_SHAPE:
        yield (
            "transformers (tried: 5.23) loads this without its scales and only warns of an unknown quantization "
            "type: the model answers nonsense. Serve it with an engine that reads Model Optimizer's layout."
        )
    elif checkpoint.declared.method == "modelopt" and formats:
        yield "transformers (tried: 5.23) does not know this layout, and stops at the packed shapes."
    scalars = (
        weight.parts["weight_global_scale"].shape
        for weight in checkpoint.weights.values()
        if "weight_global_scale" in weight.parts
    )
    if any(shape == () for shape in scalars):
        yield (
            "its weight_global_scale are scalars, as compressed-tensors' own converter from Model Optimizer leaves "
            "them: transformers wants the shape [1] and stops."
        )


def _engines(checkpoint: Checkpoint, scheme: str) -> Iterator[str]:
    declared = checkpoint.declared
    if scheme == "W4A16_NVFP4" and declared.method == "modelopt":
        yield "vLLM reads W4A16_NVFP4 from version 0.23 on; 0.20 does not know the word."
    if declared.algorithm == "NVFP4" and declared.activations is False:
        yield "it says NVFP4, but its config_groups have no input_activations: vLLM serves it weight-only."
    if declared.kv_cache and not any(map(scales_cache, checkpoint.tensors)):
        yield f"the KV cache is to be {declared.kv_cache}, but there is no scale for it: engines take 1.0."
    narrow = sorted(
        {
            one.shape[-1]
            for one in checkpoint.weights.values()
            if one.format == "NVFP4" and one.shape[-1] % _MARLIN_COLUMNS
        }
    )
    if narrow:
        yield (
            f"a row of {narrow[0]} values is no multiple of {_MARLIN_COLUMNS}: vLLM 0.23's Marlin kernel, which GPUs "
            "without FP4 arithmetic use, can stop at such a weight; 0.33 pads it."
        )
