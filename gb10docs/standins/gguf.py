"""Reading a GGUF file: its metadata and its tensors, of the few types that our one model holds.

The layout is that of llama.cpp's `ggml/include/gguf.h` and `ggml/src/ggml-common.h`.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gb10docs.errors import GB10DocsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
F32, Q4_1, Q8_0 = 0, 3, 8
BLOCK = 32
"""Weights in a block of Q4_1 and of Q8_0."""


class GGUFError(GB10DocsError):
    """The file is not a GGUF that this reader knows."""


@dataclass(frozen=True)
class GGUF:
    """A file's metadata, and its tensors as float32 arrays of shape (rows, columns) or (columns,)."""

    metadata: dict[str, Any]
    tensors: dict[str, NDArray[np.float32]]


def read(path: Path) -> GGUF:
    """The whole file, its tensors dequantized; raises GGUFError."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = _Reader(data)
        magic, version = reader.take("4s"), reader.take("I")
        if magic != b"GGUF" or version != 3:
            raise GGUFError(f"{path} is no GGUF of version 3")
        tensor_count, pair_count = reader.take("Q"), reader.take("Q")
        metadata = {reader.string(): reader.value(reader.take("I")) for _ in range(pair_count)}
        infos = [reader.tensor_info() for _ in range(tensor_count)]
        alignment = metadata.get("general.alignment", 32)
        start = math.ceil(reader.at / alignment) * alignment
        tensors = {name: _tensor(data, start + at, kind, shape) for name, shape, kind, at in infos}
        return GGUF(metadata, tensors)


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return value

    def string(self) -> str:
        length = self.take("Q")
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            inner, count = self.take("I"), self.take("Q")
            return [self.value(inner) for _ in range(count)]
        return self.take(SCALARS[kind])

    def tensor_info(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self.string()
        dimensions = [self.take("Q") for _ in range(self.take("I"))]
        return name, tuple(reversed(dimensions)), self.take("I"), self.take("Q")


def _tensor(data: mmap.mmap, start: int, kind: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """One tensor; Q4_1 is scale · nibble + minimum, Q8_0 is scale · byte."""
    import numpy as np

    count = math.prod(shape)
    if kind == F32:
        return np.frombuffer(data, np.float32, count, start).reshape(shape).copy()
    if kind == Q8_0:
        form = np.dtype([("d", "<f2"), ("q", "i1", BLOCK)])
        blocks = np.frombuffer(data, form, count // BLOCK, start)
        weights = blocks["d"][:, None].astype(np.float32) * blocks["q"].astype(np.float32)
        return weights.reshape(shape)
    if kind == Q4_1:
        form = np.dtype([("d", "<f2"), ("m", "<f2"), ("q", "u1", BLOCK // 2)])
        blocks = np.frombuffer(data, form, count // BLOCK, start)
        nibbles = np.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1).astype(np.float32)
        scale, minimum = blocks["d"][:, None].astype(np.float32), blocks["m"][:, None].astype(np.float32)
        weights = scale * nibbles + minimum
        return weights.reshape(shape)
    raise GGUFError(f"a tensor of ggml type {kind}: this reader knows F32, Q4_1 and Q8_0")
