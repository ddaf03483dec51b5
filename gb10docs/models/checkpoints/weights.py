"""The weights of a checkpoint: which tensors belong to one, and what format they are together.

Told from names, dtypes and shapes, and from what the configuration says of bits, groups and blocks where these leave a
choice. The layouts were seen in checkpoints that nvidia-modelopt 0.47 and compressed-tensors 0.20 wrote, and stand in
the README of gpt-oss (https://github.com/openai/gpt-oss) and in the loaders of vLLM, transformers and MLX.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gb10docs.models.checkpoints.documents import BadCheckpoint
from gb10docs.models.checkpoints.header import Tensor

Shape = tuple[int, ...]

PLAIN = {"BF16": "BF16", "F16": "FP16", "F32": "FP32", "F64": "FP64"}
"""The format of a weight that is not quantized, by its dtype."""

_ROLE = re.compile(
    r"(?P<owner>.+)[._](?P<role>weight_packed|weight_scale|weight_scale_2|weight_scale_inv|weight_global_scale"
    r"|weight_shape|weight_zero_point|weight_g_idx|input_scale|input_global_scale|input_zero_point"
    r"|pre_quant_scale|qscale_weight|qscale_act|qweight|qzeros|g_idx"
    r"|weight\.(?:nested_)?(?:absmax|quant_map)|weight\.quant_state\.bitsandbytes__\w+)"
)
_PAIRED = re.compile(r"(?P<owner>.+)[._](?P<role>blocks|scales|biases|scale|scale_inv|SCB)")
"""Names that other tensors have too: they are parts of a weight only where its elements are there."""
_ELEMENTS_OF = {
    "blocks": ("_scales", ".scales"),
    "scales": ("_blocks", ".blocks", ".qweight", "_qweight", ".weight", ""),
    "biases": (".weight",),
    "scale": (".weight", ""),
    "scale_inv": (".weight", ""),
    "SCB": (".weight",),
}
"""What stands behind the owner's name where it is a part, by such a name."""
FLOATS = frozenset(["F32", "F16", "BF16"])
_E8M0 = frozenset(["U8", "F8_E8M0"])

_CACHE_SCALE = re.compile(
    r"(?:.*\.)?(?:[kv]_scale|kv_scale|(?:k|v|kv|qkv)_proj\.output_scale|[kv]_cache[._]scale(?:_inv)?"
    r"|kv_cache_scaling_factor)"
)
"""Every spelling that vLLM's `maybe_remap_kv_scale_name` and its `get_cache_scale` take for a scale of the KV cache."""


def scales_cache(name: str) -> bool:
    """Whether a tensor of that name is a scale of the KV cache."""
    return _CACHE_SCALE.fullmatch(name) is not None


class Rule(NamedTuple):
    """A layout in which a format is kept."""

    format: str
    weight: str
    """Role of the tensor with the elements."""
    dtypes: frozenset[str]
    """Dtypes that this tensor may have."""
    scales: tuple[str, ...]
    """Role of the tensor with the scales, or several names for it."""
    scale_dtypes: frozenset[str]
    rows: int = 1
    """Rows that share one stored element."""
    columns: int = 1
    """Values along a row in one stored element."""
    group: int = 0
    """Values that share a scale, where the format says how many."""
    also: str = ""
    """Another role that it cannot do without."""


_E4M3 = frozenset(["F8_E4M3"])
_BYTES, _WORDS = frozenset(["U8"]), frozenset(["I32"])
_SCALE = ("weight_scale", "scale")
RULES = (
    Rule("NVFP4", "weight", _BYTES, ("weight_scale",), _E4M3, columns=2, group=16, also="weight_scale_2"),
    Rule(
        "NVFP4",
        "weight_packed",
        _BYTES,
        ("weight_scale",),
        _E4M3,
        columns=2,
        group=16,
        also="weight_global_scale",
    ),
    Rule("MXFP4", "weight", _BYTES | {"I8"}, _SCALE, _E8M0, columns=2, group=32),
    Rule("MXFP4", "weight_packed", _BYTES, ("weight_scale",), _E8M0, columns=2, group=32),
    Rule("MXFP4", "blocks", _BYTES, ("scales",), _E8M0, columns=2, group=32),
    Rule("INT4", "weight", _BYTES, ("weight_scale",), FLOATS, rows=2),
    Rule("INT4", "weight_packed", _WORDS, ("weight_scale",), FLOATS, columns=8),
    Rule("FP8", "weight", _E4M3, (*_SCALE, "weight_scale_inv", "scale_inv"), _E8M0),
    Rule(
        "FP8",
        "weight",
        _E4M3 | {"F8_E5M2"},
        (*_SCALE, "weight_scale_inv", "scale_inv", "qscale_weight"),
        FLOATS,
    ),
    Rule("INT8", "weight", frozenset(["I8"]), (*_SCALE, "SCB"), FLOATS),
)
ELEMENTS = ("weight", "weight_packed", "blocks", "qweight")
"""Roles of tensors that hold the elements; the other roles belong to them."""
_ACTIVATIONS = ("input", "pre_quant", "qscale_act")
"""How the roles begin that scale what a weight is multiplied with, and not the weight."""
USUAL_BLOCK = (128, 128)
"""What FP8 in blocks has wherever the configuration does not say."""
_BITS = (2, 3, 4, 5, 6, 8)


class Hints(NamedTuple):
    """What the configuration says where names and shapes leave a choice."""

    word_bits: int = 4
    """Bits of a value in a packed word."""
    group: int = 0
    """Values that share a scale; 0 where it does not say."""
    block: tuple[int, int] | None = None
    """Rows and columns that share a scale; None where it does not say."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight, or any other tensor that stands for itself, such as a bias."""

    name: str
    """The name of its module; a tensor's own name where it is no `weight`."""
    format: str
    """`NVFP4`, `MXFP4`, `NF4`, `FP4`, `INT2` to `INT8`, `FP8`, `MXFP8`, `BF16`, `FP16`, `FP32`, an integer's dtype; or
    `unknown`."""
    shape: Shape
    """The shape of the values, not of what packs them."""
    parts: Mapping[str, Tensor]
    """Its tensors by role: `weight`, `weight_scale`, …"""
    block: tuple[int, int] | None = None
    """Rows and columns that share a scale; None where there is none."""
    faults: tuple[str, ...] = field(default=())
    """What keeps it from being read."""

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all its parts."""
        return sum(part.nbytes for part in self.parts.values())

    @property
    def quantized(self) -> bool:
        """Whether a number takes fewer bits than its scale would suggest: it has one."""
        return self.block is not None


def weights_of(
    tensors: Mapping[str, Tensor],
    *,
    word_bits: int = 4,
    group: int = 0,
    block: tuple[int, int] | None = None,
) -> dict[str, Weight]:
    """Every tensor's weight, by name, in the order of the first of its tensors.

    Args:
        tensors: By name, as headers have them.
        word_bits: Bits of a value in a packed word, which only the configuration tells.
        group: Values that share a scale, as the configuration says; 0 where it does not.
        block: Rows and columns that share a scale, as the configuration says.

    Raises:
        BadCheckpoint: Two tensors claim to be the same part of one weight.
    """
    owners: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        owner, role = _place(name, tensors)
        other = owners.setdefault(owner, {}).setdefault(role, tensor)
        if other is not tensor:
            raise BadCheckpoint(f"{other.name} and {name} both claim to be the {role} of {owner}")
    hints = Hints(word_bits, group, block)
    return {name: _weight(name, parts, hints) for name, parts in owners.items()}


def _place(name: str, tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """Whose tensor it is, and as what."""
    if found := _ROLE.fullmatch(name):
        return found["owner"], found["role"].removeprefix("weight.")
    if (found := _PAIRED.fullmatch(name)) and _is_part(found["owner"], found["role"], tensors):
        return found["owner"], found["role"]
    return name.removesuffix(".weight"), "weight"


def _is_part(owner: str, role: str, tensors: Mapping[str, Tensor]) -> bool:
    """Whether the elements that such a part belongs to are there."""
    others = (tensors.get(f"{owner}{ending}") for ending in _ELEMENTS_OF[role])
    return any(other is not None and len(other.shape) > 1 for other in others)


def _weight(name: str, parts: dict[str, Tensor], hints: Hints) -> Weight:
    found = [parts[role] for role in ELEMENTS if role in parts]
    if len(found) != 1:
        first, *_ = parts.values()
        told = f"{name}: {', '.join(sorted(parts))}, {'more than one' if found else 'but no'} weight"
        return Weight(name, "unknown", first.shape, parts, faults=(told,))
    for layout in (_packed_words, _mlx, _bitsandbytes):
        if weight := layout(name, parts, hints):
            return weight
    elements = found[0]
    rule = next((rule for rule in RULES if _fits(rule, parts)), None)
    if rule is None:
        return _unquantized(name, elements, parts)
    if rule.dtypes == _WORDS:
        bits = _bits_of_words(elements.shape, parts["weight_scale"].shape, hints)
        rule = rule._replace(format=f"INT{bits}", columns=32 // bits)
    shape = _unpacked(elements.shape, rule)
    scale = next(parts[role] for role in rule.scales if role in parts)
    block = _block(shape, scale.shape, hints.block)
    if rule.rows > 1 and (block is None or block[0] != 1):
        return _unquantized(name, elements, parts)  # BitNet packs four rows into bytes too, under one scale
    if rule.format == "FP8" and scale.dtype in _E8M0 and block == (1, 32):
        rule = rule._replace(format="MXFP8", group=32)
    return Weight(
        name, rule.format, shape, parts, block or (0, 0), tuple(_faults(name, rule, shape, block, parts))
    )


def _bits_of_words(packed: Shape, scale: Shape, hints: Hints) -> int:
    """Return the bits of a value in int32 words: with more than one group in a row, their number tells."""
    if hints.group and len(scale) > 1 and scale[-1] > 1:
        bits, rest = divmod(32 * packed[-1], scale[-1] * hints.group)
        if not rest and bits in _BITS:
            return bits
    return hints.word_bits if hints.word_bits in _BITS else 4


def _packed_words(name: str, parts: dict[str, Tensor], hints: Hints) -> Weight | None:
    """GPTQ and AWQ: the weight is transposed; GPTQ packs along its first axis, AWQ along its last."""
    words, scales = parts.get("qweight"), parts.get("scales")
    if words is None:
        return None
    told = ", ".join(f"{role} {part.dtype}{list(part.shape)}" for role, part in sorted(parts.items()))
    unknown = Weight(name, "unknown", words.shape, parts, faults=(f"{name}: no format known has {told}",))
    if words.dtype not in ("I32", "U32") or len(words.shape) < 2 or scales is None or len(scales.shape) < 2:
        return unknown
    *above, inputs, outputs = words.shape
    groups, columns = scales.shape[-2:]
    bits = hints.word_bits
    if zeros := parts.get("qzeros"):
        bits = 32 * zeros.shape[-1] // columns if zeros.shape and columns else 0
    if outputs == columns:
        inputs = 32 * inputs // bits if bits in _BITS else 0
    elif outputs and columns % outputs == 0:
        bits = 32 * outputs // columns
    else:
        return unknown
    if bits not in _BITS or not groups or not inputs or inputs % groups:
        return unknown
    return Weight(name, f"INT{bits}", (*above, columns, inputs), parts, (1, inputs // groups))


def _mlx(name: str, parts: dict[str, Tensor], hints: Hints) -> Weight | None:
    """MLX: uint32 words along a row, with scales and, but for floating-point elements, biases."""
    words, scales = parts.get("weight"), parts.get("scales")
    if words is None or scales is None or words.dtype != "U32" or len(words.shape) < 2:
        return None
    *above, rows, columns = words.shape
    if scales.shape[:-1] != (*above, rows) or not scales.shape[-1]:
        told = f"{name}: scales of shape {list(scales.shape)} do not fit words of {list(words.shape)}"
        return Weight(name, "unknown", words.shape, parts, faults=(told,))
    bits_of_group = 32 * columns // scales.shape[-1]
    if "biases" in parts:
        group = hints.group or 64
        kind, bits = f"INT{bits_of_group // group}", bits_of_group // group
        if bits not in _BITS:
            group, bits = next(((bits_of_group // bits, bits) for bits in (4, 8)), (0, 0))
            kind = f"INT{bits}"
    else:
        kind, group, bits = {64: ("NVFP4", 16, 4), 128: ("MXFP4", 32, 4), 256: ("MXFP8", 32, 8)}.get(
            bits_of_group, ("unknown", 0, 0)
        )
    if not bits:
        return Weight(name, "unknown", words.shape, parts, faults=(f"{name}: MLX's words of no known width",))
    return Weight(name, kind, (*above, rows, 32 * columns // bits), parts, (1, group))


def _bitsandbytes(name: str, parts: dict[str, Tensor], _: Hints) -> Weight | None:
    """Four bits in one column of bytes; the weight's own shape is in a tensor's bytes, which are not read here."""
    absmax, elements = parts.get("absmax"), parts.get("weight")
    if absmax is None or elements is None or elements.dtype != "U8":
        return None
    state = next((role for role in parts if role.startswith("quant_state.")), "")
    kind = {"nf4": "NF4", "fp4": "FP4"}.get(state.rpartition("__")[2], "unknown")
    values, scales = 2 * math.prod(elements.shape), math.prod(absmax.shape)
    faults = (f"{name}: bitsandbytes without a quant_state that is known",) if kind == "unknown" else ()
    return Weight(name, kind, (1, values), parts, (1, values // scales if scales else 0), faults)


def _fits(rule: Rule, parts: Mapping[str, Tensor]) -> bool:
    elements = parts.get(rule.weight)
    scale = next((parts[role] for role in rule.scales if role in parts), None)
    return (
        elements is not None
        and scale is not None
        and elements.dtype in rule.dtypes
        and scale.dtype in rule.scale_dtypes
        and len(elements.shape) >= 2
    )


def _unquantized(name: str, elements: Tensor, parts: dict[str, Tensor]) -> Weight:
    """One tensor that stands for itself, or a weight whose scales are not there."""
    kind = PLAIN.get(elements.dtype)
    scaled = [role for role in parts if role not in ELEMENTS and not role.startswith(_ACTIVATIONS)]
    if kind and not scaled and "weight" in parts:
        return Weight(name, kind, elements.shape, parts)
    if scaled:
        told = ", ".join(f"{role} {part.dtype}{list(part.shape)}" for role, part in sorted(parts.items()))
        return Weight(name, "unknown", elements.shape, parts, faults=(f"{name}: no format known has {told}",))
    if len(elements.shape) >= 2 and elements.name.endswith((".weight", "weight_packed")):
        told = f"{name}: a weight of {elements.dtype}{list(elements.shape)} without weight_scale"
        return Weight(name, "unknown", elements.shape, parts, faults=(told,))
    stands_for_itself = not kind and (len(elements.shape) < 2 or elements.dtype == "BOOL")
    return Weight(name, elements.dtype if stands_for_itself else "unknown", elements.shape, parts)


def _unpacked(stored: Shape, rule: Rule) -> Shape:
    """The shape of the values; gpt-oss keeps the 16 bytes of a block on an axis of their own."""
    if rule.weight == "blocks" and len(stored) > 2:
        stored = (*stored[:-2], stored[-2] * stored[-1])
    return (*stored[:-2], stored[-2] * rule.rows, stored[-1] * rule.columns)


def _block(shape: Shape, scale: Shape, said: tuple[int, int] | None) -> tuple[int, int] | None:
    """Rows and columns that share a scale, None where the shapes do not fit each other."""
    *above, rows, columns = shape
    if math.prod(scale) == 1 or list(scale) == above:
        return rows, columns
    if scale == (rows,):
        return 1, columns
    if len(scale) == 4 and scale[1] == scale[3] == 1:
        scale = (scale[0], scale[2])
    if list(scale[:-2]) != above or len(scale) < 2 or 0 in scale:
        return None
    for likely in (said, USUAL_BLOCK):
        if likely and _tiles(shape, likely) == scale[-2:]:
            return likely
    block = math.ceil(rows / scale[-2]), math.ceil(columns / scale[-1])
    return block if 0 not in block and _tiles(shape, block) == scale[-2:] else None


def _tiles(shape: Shape, block: tuple[int, int]) -> Shape:
    return math.ceil(shape[-2] / block[0]), math.ceil(shape[-1] / block[1])


def _faults(
    name: str, rule: Rule, shape: Shape, block: tuple[int, int] | None, parts: Mapping[str, Tensor]
) -> list[str]:
    found = []
    if block is None:
        scale = next(parts[role] for role in rule.scales if role in parts)
        found.append(
            f"{name}: scales of shape {list(scale.shape)} do not fit a {rule.format} weight of {list(shape)}"
        )
    elif rule.group and shape[-1] % rule.group:
        found.append(f"{name}: {shape[-1]} columns are no multiple of the {rule.group} that share a scale")
    elif rule.group and block != (1, rule.group):
        found.append(
            f"{name}: one scale for {block[0]} × {block[1]} values, and {rule.format} has 1 × {rule.group}"
        )
    if rule.also and rule.also not in parts:
        found.append(f"{name}: {rule.format} without {rule.also}")
    return found
