"""The weights of a checkpoint: which tensors belong to one, and what format they are together.

Told from names, dtypes and shapes alone. The layouts were seen in checkpoints that nvidia-modelopt 0.47 and
compressed-tensors 0.20 wrote, and in the README of gpt-oss (https://github.com/openai/gpt-oss).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gb10docs.checkpoints.documents import BadCheckpointError
from gb10docs.checkpoints.header import Tensor

Shape = tuple[int, ...]

PLAIN = {"BF16": "BF16", "F16": "FP16", "F32": "FP32", "F64": "FP64"}
"""By dtype, the format of a weight that is not quantized."""

_ROLE = re.compile(
    r"(?P<owner>.+)[._](?P<role>weight_packed|weight_scale|weight_scale_2|weight_scale_inv|weight_global_scale"
    r"|weight_shape|weight_zero_point|weight_g_idx|input_scale|input_global_scale|input_zero_point"
    r"|pre_quant_scale|blocks|scales)"
)
FLOATS = frozenset(["F32", "F16", "BF16"])
_E8M0 = frozenset(["U8", "F8_E8M0"])


class Rule(NamedTuple):
    """A layout in which a format is kept."""

    format: str
    weight: str
    """Role of the tensor with the elements."""
    dtypes: frozenset[str]
    """Of that tensor."""
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
    Rule("MXFP4", "weight", _BYTES, ("weight_scale",), _E8M0, columns=2, group=32),
    Rule("MXFP4", "weight_packed", _BYTES, ("weight_scale",), _E8M0, columns=2, group=32),
    Rule("MXFP4", "blocks", _BYTES, ("scales",), _E8M0, columns=2, group=32),
    Rule("INT4", "weight", _BYTES, ("weight_scale",), FLOATS, rows=2),
    Rule("INT4", "weight_packed", _WORDS, ("weight_scale",), FLOATS, columns=8),
    Rule("MXFP8", "weight", _E4M3, ("weight_scale",), _E8M0, group=32),
    Rule("FP8", "weight", _E4M3 | {"F8_E5M2"}, ("weight_scale", "weight_scale_inv"), FLOATS),
    Rule("INT8", "weight", frozenset(["I8"]), ("weight_scale",), FLOATS),
)
ELEMENTS = ("weight", "weight_packed", "blocks")
"""Roles of tensors that hold the elements; the other roles belong to them."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight, or any other tensor that stands for itself, such as a bias."""

    name: str
    """Of its module; a tensor's own name where it is no `weight`."""
    format: str
    """`NVFP4`, `MXFP4`, `INT4`, `FP8`, `MXFP8`, `INT8`, `BF16`, `FP16`, `FP32`, an integer's dtype; or `unknown`."""
    shape: Shape
    """Of the values, not of what packs them."""
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


def weights_of(tensors: Mapping[str, Tensor], *, word_bits: int = 4) -> dict[str, Weight]:
    """Every tensor's weight, by name, in the order of the first of its tensors.

    Args:
        tensors: By name, as headers have them.
        word_bits: Bits of a value in a packed int32 `weight_packed`, which only the configuration tells.

    Raises:
        BadCheckpointError: Two tensors claim to be the same part of one weight.
    """
    owners: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        owner, role = _place(name, tensors)
        other = owners.setdefault(owner, {}).setdefault(role, tensor)
        if other is not tensor:
            raise BadCheckpointError(f"{other.name} and {name} both claim to be the {role} of {owner}")
    return {name: _weight(name, parts, word_bits) for name, parts in owners.items()}


def _place(name: str, tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """Whose tensor it is, and as what."""
    found = _ROLE.fullmatch(name)
    if found and (found["role"] not in {"blocks", "scales"} or _is_gpt_oss(found, tensors)):
        return found["owner"], found["role"]
    return name.removesuffix(".weight"), "weight"


def _is_gpt_oss(found: re.Match[str], tensors: Mapping[str, Tensor]) -> bool:
    """`X_blocks` and `X_scales`, both."""
    other = {"blocks": "scales", "scales": "blocks"}[found["role"]]
    return f"{found.string[: found.start('role')]}{other}" in tensors


def _weight(name: str, parts: dict[str, Tensor], word_bits: int) -> Weight:
    found = [parts[role] for role in ELEMENTS if role in parts]
    if len(found) != 1:
        first, *_ = parts.values()
        told = f"{name}: {', '.join(sorted(parts))}, {'more than one' if found else 'but no'} weight"
        return Weight(name, "unknown", first.shape, parts, faults=(told,))
    elements = found[0]
    rule = next((rule for rule in RULES if _fits(rule, parts)), None)
    if rule is None:
        return _unquantized(name, elements, parts)
    if rule.dtypes == _WORDS:
        rule = rule._replace(format=f"INT{word_bits}", columns=32 // word_bits)
    shape = _unpacked(elements.shape, rule)
    scale = next(parts[role] for role in rule.scales if role in parts)
    block = _block(shape, scale.shape)
    return Weight(
        name, rule.format, shape, parts, block or (0, 0), tuple(_faults(name, rule, shape, block, parts))
    )


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
    scaled = [role for role in parts if role not in ELEMENTS and not role.startswith(("input", "pre_quant"))]
    if kind and not scaled and "weight" in parts:
        return Weight(name, kind, elements.shape, parts)
    if scaled:
        told = ", ".join(f"{role} {part.dtype}{list(part.shape)}" for role, part in sorted(parts.items()))
        return Weight(name, "unknown", elements.shape, parts, faults=(f"{name}: no format known has {told}",))
    if len(elements.shape) >= 2 and elements.name.endswith((".weight", "weight_packed")):
        told = f"{name}: a weight of {elements.dtype}{list(elements.shape)} without weight_scale"
        return Weight(name, "unknown", elements.shape, parts, faults=(told,))
    integers = not kind and len(elements.shape) < 2
    return Weight(name, elements.dtype if integers else "unknown", elements.shape, parts)


def _unpacked(stored: Shape, rule: Rule) -> Shape:
    """The shape of the values; gpt-oss keeps the 16 bytes of a block on an axis of their own."""
    if rule.weight == "blocks" and len(stored) > 2:
        stored = (*stored[:-2], stored[-2] * stored[-1])
    return (*stored[:-2], stored[-2] * rule.rows, stored[-1] * rule.columns)


def _block(shape: Shape, scale: Shape) -> tuple[int, int] | None:
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
