"""Layers as a configuration counts and lists them, held against the tensors that are there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from gb10docs.models.checkpoints.checkpoint import Checkpoint
from gb10docs.models.checkpoints.declared import ALGORITHMS, Declared, inner
from gb10docs.models.checkpoints.weights import Weight

TOLD = 4
"""Faults of one kind that are told one by one."""

_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_LISTS = ("layers_block_type", "layer_types", "hybrid_override_pattern")
"""Fields that have an entry for each layer."""
_LAYER = re.compile(r"(?P<stack>(?:[^.]+\.)*?(?:layers|layer|h|blocks))\.(?P<number>\d+)\.")
_OTHERS = re.compile(
    r"(?:^|[._])(?:vision|visual|vit|audio|sound|speech|encoder|mtp|eagle|draft|talker|code2wav|projector)"
)
"""In the name of a stack of layers, what makes it another one than the language model's."""
_ABOVE = re.compile(r"(?:(?:model|language_model|text_model|backbone|transformer)\.)+")
"""What stands before a module's name in one program and not in another."""
_FUSED = (
    ("qkv_proj", ("q_proj", "k_proj", "v_proj")),
    ("gate_up_proj", ("gate_proj", "up_proj")),
    ("in_proj_qkvz", ("in_proj_qkv", "in_proj_z")),
    ("in_proj_ba", ("in_proj_b", "in_proj_a")),
)
"""Modules that an engine joins, and that a table may list in either way."""


def missing(checkpoint: Checkpoint) -> Iterator[str]:
    """Say which layer of those that the configuration counts is the first that is not there."""
    count = _count(checkpoint)
    stacks: dict[str, set[int]] = defaultdict(set)
    for name in checkpoint.tensors:
        if (found := _LAYER.match(name)) and not _OTHERS.search(found["stack"]):
            stacks[found["stack"]].add(int(found["number"]))
    there = max(stacks.values(), key=len, default=set())
    first = next(number for number in range(len(there) + 1) if number not in there)
    if there and first < count:
        yield f"layer {first} of {count} is not there: an incomplete export"


def _count(checkpoint: Checkpoint) -> int:
    """Layers of the language model, wherever the configuration counts them; 0 where it does not."""
    for config in reversed(list(inner(checkpoint.config or {}))):
        for field in _COUNTS:
            if type(count := config.get(field)) is int:
                return count
        for field in _LISTS:
            if isinstance(listed := config.get(field), str | list):
                return len(listed)
    return 0


def scheme_of_weight(weight: Weight) -> str:
    """A format, and of NVFP4 whether activations have four bits too."""
    scaled = weight.parts.keys() & {"input_scale", "input_global_scale"}
    return "W4A16_NVFP4" if weight.format == "NVFP4" and not scaled else weight.format


def table_faults(checkpoint: Checkpoint) -> Iterator[str]:
    """Tell where the table of quantized layers and the tensors differ, from either side."""
    told = checkpoint.declared.layers
    if not told:
        return
    listed = {_bare(name): word for name, word in told.items()}
    unseen = set(listed)
    wrong = []
    for weight in checkpoint.weights.values():
        if len(weight.shape) < 2:
            continue
        entry = _entry(weight.name, listed)
        unseen.discard(entry)
        allowed = ALGORITHMS.get(listed.get(entry, ""), ())
        found = scheme_of_weight(weight)
        if entry and allowed and found not in allowed and not _is_plain(weight, entry):
            wrong.append(
                f"{weight.name}: its table of layers says {listed[entry]}, and the tensors are {found}"
            )
        elif not entry and weight.quantized:
            wrong.append(
                f"{weight.name}: its tensors are {found}, and its table of layers has no such module"
            )
    wrong += [
        f"{name}: its table of layers says {listed[name]}, and there is no such weight"
        for name in sorted(unseen)
        if listed[name] in ALGORITHMS
    ]
    yield from wrong[:TOLD]
    if len(wrong) > TOLD:
        yield f"… and {len(wrong) - TOLD} more layers that differ from its table"


def _is_plain(weight: Weight, entry: str) -> bool:
    """Whether it only lies below what is listed: an embedding, a router or a bias within a block."""
    return not weight.quantized and _bare(weight.name) != entry


def _entry(name: str, listed: dict[str, str]) -> str:
    """The line of the table that a module falls under: its own, a fused module's, or that of a block above it."""
    bare = _bare(name)
    while bare:
        if bare in listed:
            return bare
        above, _, last = bare.rpartition(".")
        for fused, parts in _FUSED:
            if last in parts and f"{above}.{fused}" in listed:
                return f"{above}.{fused}"
            if last == fused and f"{above}.{parts[0]}" in listed:
                return f"{above}.{parts[0]}"
        bare = above
    return ""


def _bare(name: str) -> str:
    found = _ABOVE.match(name)
    return name[found.end() :] if found else name


def activations(declared: Declared, weights: list[Weight]) -> Iterator[str]:
    """Weights of four bits whose activations were to have four bits too, and have no scale."""
    listed = {_bare(name): word for name, word in declared.layers.items()}
    four_bit = [
        weight
        for weight in weights
        if weight.format == "NVFP4" and listed.get(_entry(weight.name, listed)) != "W4A16_NVFP4"
    ]
    without = [weight.name for weight in four_bit if scheme_of_weight(weight) == "W4A16_NVFP4"]
    if without and len(without) < len(four_bit):
        yield f"{len(without)} of {len(four_bit)} NVFP4 weights have no input scale, {without[0]} the first"
