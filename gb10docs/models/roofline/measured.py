"""The bits that each part of a model has in a checkpoint, measured on its tensors' headers."""

from __future__ import annotations

import re
from collections import Counter

from gb10docs.models.checkpoints.checkpoint import Checkpoint
from gb10docs.models.checkpoints.weights import Weight
from gb10docs.models.roofline.formats import Format
from gb10docs.models.roofline.models import Model

_PARTS = (
    ("", r"(?:^|\.)mtp[._]|\.eagle|(?:^|\.)draft"),
    ("vision", r"visual|vision|audio|sound|multi_modal_projector|mm_projector|image"),
    ("embedding", r"(?:embed_tokens|embeddings?|tok_embeddings|wte|^embed)$"),
    ("head", r"(?:^|\.)(?:lm_head|head|output)$"),
    ("mlp", r"shared_expert"),
    ("expert_biases", r"experts?\b.*bias$"),
    ("experts", r"experts?(?:\.|$)"),
    ("router", r"(?:mlp|mixer|ffn|block_sparse_moe|feed_forward)\.(?:gate|router)(?:\.|$)"),
    ("rest", r"norm|conv1d|in_proj_(?:a|b|ba)$|bias$"),
    ("attention", r"attn|attention|mixer\.(?:in_proj|out_proj|[qkvo]_proj)"),
    ("mlp", r"mlp|ffn|feed_forward|mixer\.(?:up_proj|down_proj)"),
)
"""Parts by what their modules are called, the first that fits; the empty one is not loaded."""
_PATTERNS = [(part, re.compile(pattern)) for part, pattern in _PARTS]
_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_ARITHMETIC = {"NVFP4": 4, "MXFP4": 16, "FP8": 8, "MXFP8": 8, "INT8": 8}
"""Narrowest multiplication that weights of a format can have; what is not here is widened to 16 bits."""


def measure(checkpoint: Checkpoint, model: Model, named: Format | None) -> Format | None:
    """The format as the tensors have it; None where some are in no format that is known.

    Args:
        checkpoint: Whose headers are read.
        model: Its shape, which tells how many layers there are.
        named: What its configuration calls it, where that is a format known here.
    """
    sizes: Counter[str] = Counter()
    values: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    for weight in checkpoint.weights.values():
        if weight.format == "unknown" and len(weight.shape) > 1:
            return None
        if part := part_of(weight, model):
            sizes[part] += weight.nbytes
            values[part] += weight.values
        if weight.quantized:
            formats[_called(weight)] += weight.values
    if not formats:
        return None
    listed = " and ".join(name for name, _ in formats.most_common())
    widths = [_ARITHMETIC.get(name, 16) for name in formats]
    return Format(
        name=named.name if named else "",
        title=f"{named.title if named else listed}, as its tensors are",
        bits={part: 8 * sizes[part] / values[part] for part in sizes if values[part]},
        others=16,
        arithmetic=named.arithmetic if named else min(widths),
        stays=f"quantized are {listed}; what has how many bits was measured on the tensors' headers",
        source=checkpoint.files.where(),
    )


def part_of(weight: Weight, model: Model) -> str:
    """Which part of the model a weight is; empty where engines do not load it."""
    found = _LAYER.search(weight.name)
    if found and len(found[1]) < 6 and int(found[1]) >= len(model.blocks):
        return ""
    return next((part for part, pattern in _PATTERNS if pattern.search(weight.name)), "rest")


def _called(weight: Weight) -> str:
    scaled = weight.parts.keys() & {"input_scale", "input_global_scale"}
    return "W4A16_NVFP4" if weight.format == "NVFP4" and not scaled else weight.format
