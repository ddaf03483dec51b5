"""Reading a GGUF file: its metadata, and its tensors dequantized; the `gguf` package of llama.cpp knows the format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gb10docs.standins import NoStandIn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class GGUF:
    """A file's metadata, and its tensors as float32 arrays of shape (rows, columns) or (columns,)."""

    metadata: dict[str, Any]
    tensors: dict[str, NDArray[np.float32]]


def read(path: Path) -> GGUF:
    """The whole file, its tensors dequantized.

    Raises:
        NoStandIn: It is not a GGUF.
        OSError: It cannot be read.
    """
    from gguf import GGUFReader
    from gguf.quants import dequantize

    try:
        reader = GGUFReader(path)
    except ValueError as error:
        raise NoStandIn(f"{path} is no GGUF: {error}") from error
    return GGUF(
        {name: field.contents() for name, field in reader.fields.items()},
        {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors},
    )
