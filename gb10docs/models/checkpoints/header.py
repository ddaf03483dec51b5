"""The header of a safetensors file, checked before anything is believed or allocated.

The format: https://huggingface.co/docs/safetensors/index#format
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

from gb10docs.models.checkpoints.documents import BadCheckpoint, IncompleteCheckpoint, parse, table
from gb10docs.models.checkpoints.files import Files

BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
"""Bits of one element, by the dtypes of safetensors 0.8."""

HEADER_BYTES = 25_000_000
"""Longest header: huggingface_hub's own limit."""
FIRST_BYTES = 100_000
"""What is asked for at first; longer headers take a second read."""
_AXES, _NAME = 16, 1000


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as a header tells of it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: str
    start: int
    """In bytes, from the beginning of the file."""
    nbytes: int


def read_header(files: Files, file: str) -> dict[str, Tensor]:
    """The tensors of one file, by name.

    Raises:
        IncompleteCheckpoint: The file is not there, or shorter than its header says.
        BadCheckpoint: It is no safetensors file, or its header cannot be true.
    """
    where = files.where(file)
    size = files.size(file)
    if size is None:
        raise IncompleteCheckpoint(f"{where}: not there")
    head = files.read(file, 0, min(size, FIRST_BYTES))
    if size < 8:
        raise IncompleteCheckpoint(f"{where}: a file of {size} bytes is no safetensors file")
    (length,) = struct.unpack("<Q", head[:8])
    if length > HEADER_BYTES:
        raise BadCheckpoint(
            f"{where}: its first 8 bytes promise a header of {length} bytes, and {HEADER_BYTES} is the most: "
            "no safetensors file, or a damaged one"
        )
    data = 8 + length
    if data > size:
        raise IncompleteCheckpoint(
            f"{where}: cut off within its header ({size} of at least {data} bytes): fetch it again"
        )
    raw = head[8:data] if data <= len(head) else files.read(file, 8, length)
    entries = parse(raw, f"{where}: header")
    entries.pop("__metadata__", None)
    tensors = {name: _tensor(name, entry, file, data, where) for name, entry in entries.items()}
    _check_bytes(tensors.values(), data, size, where)
    return tensors


def _tensor(name: str, entry: object, file: str, data: int, where: str) -> Tensor:
    """An entry of a header; `data` is where the file's tensors begin."""
    if not name.isprintable() or len(name) > _NAME:
        raise BadCheckpoint(f"{where}: {name[:200]!r} is no name of a tensor")
    members = table(entry)
    dtype, shape, offsets = members.get("dtype"), members.get("shape"), members.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in BITS:
        raise BadCheckpoint(f"{where}: {name}: dtype {str(dtype)[:200]!r}, which gb10docs does not know")
    if not _are_sizes(shape) or len(shape) > _AXES:
        raise BadCheckpoint(f"{where}: {name}: its shape is no list of sizes")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise BadCheckpoint(f"{where}: {name}: its data_offsets are no beginning and end")
    start, nbytes = data + offsets[0], offsets[1] - offsets[0]
    if math.prod(shape) * BITS[dtype] != nbytes * 8:
        raise BadCheckpoint(
            f"{where}: {name}: {nbytes} bytes cannot be {dtype} of shape {list(shape)}: a damaged header"
        )
    return Tensor(name, dtype, tuple(shape), file, start, nbytes)


def _are_sizes(value: object) -> TypeGuard[list[int]]:
    """Whether it is a list of whole numbers from 0 to what fits into 63 bits."""
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 1 << 63 for one in value)


def _check_bytes(tensors: Iterable[Tensor], data: int, size: int, where: str) -> None:
    """Each byte behind the header belongs to one tensor: none to two, none to nobody."""
    in_order = sorted(tensors, key=lambda one: (one.start, one.nbytes))
    at, before = data, "the header"
    for tensor in in_order:
        if tensor.start < at:
            raise BadCheckpoint(f"{where}: {before} and {tensor.name} overlap: a damaged header")
        if tensor.start > at:
            raise BadCheckpoint(
                f"{where}: {tensor.start - at} bytes before {tensor.name} belong to no tensor: a damaged header"
            )
        at, before = tensor.start + tensor.nbytes, tensor.name
    if at > size:
        raise IncompleteCheckpoint(
            f"{where}: cut off: {size} bytes, and {before} ends at {at}: fetch or export it again"
        )
    if at < size:
        raise BadCheckpoint(f"{where}: {size - at} bytes behind the last tensor: a damaged file")
