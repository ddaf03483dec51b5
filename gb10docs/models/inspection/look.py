"""Look at a checkpoint: rows by layer type, totals, and what the whole is called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

from gb10docs.models.checkpoints.checkpoint import Checkpoint
from gb10docs.models.checkpoints.documents import text
from gb10docs.models.checkpoints.hub import HubFiles
from gb10docs.models.checkpoints.weights import PLAIN, Weight, scales_cache
from gb10docs.models.inspection.faults import faults
from gb10docs.models.inspection.model import Inspection, Row
from gb10docs.models.inspection.traps import traps

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")
_ACTIVATIONS = ("input_scale", "input_global_scale")
VECTORS = "vectors and scalars"
NEGLIGIBLE = 0.001
"""Share of the bytes below which a format that is not known does not decide what the whole is."""


def look(checkpoint: Checkpoint, source: str) -> Inspection:
    """What a checkpoint is, from its headers alone; `source` is what the user calls it."""
    weights = checkpoint.weights.values()
    declared = checkpoint.declared
    scheme = scheme_of(weights)
    parameters = sum(weight.values for weight in weights if _is_weight(weight))
    files = checkpoint.files
    return Inspection(
        schema="gb10docs.inspection/1",
        source=source,
        revision=files.commit if isinstance(files, HubFiles) else "",
        architecture=_architecture((checkpoint.config or {}).get("architectures")),
        scheme=scheme,
        declared=declared.word,
        method=declared.method,
        producer=declared.producer,
        kv_cache=_kv_cache(checkpoint),
        files=len(checkpoint.shards),
        parameters=parameters,
        bytes=sum(tensor.nbytes for tensor in checkpoint.tensors.values()),
        bf16_bytes=2 * parameters,
        unquantized_bytes=sum(weight.nbytes for weight in weights if not weight.quantized),
        rows=_rows(weights),
        traps=list(traps(checkpoint, scheme)),
        faults=list(faults(checkpoint, scheme)),
    )


def scheme_of(weights: Collection[Weight]) -> str:
    """What the quantized weights are together, else the format that most numbers are in.

    It is `unknown` where more than a negligible part is in no format that is known here.
    """
    sizes: Counter[str] = Counter()
    values: Counter[str] = Counter()
    for weight in weights:
        sizes[weight.format] += weight.nbytes
        values[weight.format] += weight.values
    if sizes["unknown"] > NEGLIGIBLE * sizes.total():
        return "unknown"
    quantized = {weight.format for weight in weights if weight.quantized} - {"unknown"}
    if len(quantized) > 1:
        return "mixed"
    if quantized == {"NVFP4"}:
        four_bit = any(weight.parts.keys() & set(_ACTIVATIONS) for weight in weights if weight.quantized)
        return "NVFP4" if four_bit else "W4A16_NVFP4"
    return quantized.pop() if quantized else values.most_common(1)[0][0]


def _is_weight(weight: Weight) -> bool:
    return weight.quantized or weight.format in PLAIN.values() or weight.format == "unknown"


def _rows(weights: Iterable[Weight]) -> list[Row]:
    alike: dict[tuple[object, ...], list[Weight]] = {}
    for weight in weights:
        matrix = len(weight.shape) > 1
        layer = _NUMBER.sub("*", weight.name) if matrix else VECTORS
        shape = weight.shape if matrix else ()
        alike.setdefault((layer, shape, weight.format, weight.block), []).append(weight)
    rows = [_row(str(key[0]), same) for key, same in alike.items()]
    return sorted(rows, key=lambda row: (row.layer == VECTORS, "." not in row.layer, row.layer))


def _row(layer: str, same: list[Weight]) -> Row:
    values, size = sum(one.values for one in same), sum(one.nbytes for one in same)
    return Row(
        layer=layer,
        count=len(same),
        shape=[] if layer == VECTORS else list(same[0].shape),
        format=same[0].format,
        block=list(same[0].block or ()),
        bits_per_value=round(8 * size / values, 4) if values else 0.0,
        values=values,
        bytes=size,
    )


def _architecture(said: object) -> str:
    return text(said[0]) if isinstance(said, list) and said else ""


def _kv_cache(checkpoint: Checkpoint) -> str:
    said = checkpoint.declared.kv_cache
    scaled = any(map(scales_cache, checkpoint.tensors))
    if not said:
        return "not declared, though there are scales for it" if scaled else "not quantized"
    return f"{said}, with scales" if scaled else f"{said}, without scales"
