"""The safetensors files of a checkpoint that is written, of which the names are known when the last is full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from gb10docs.atomic import CannotWrite, write_text
from gb10docs.models.checkpoints.checkpoint import INDEX, SINGLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

Tensors: TypeAlias = "dict[str, NDArray[Any]]"


class Shards:
    """Files in a folder, each up to a limit in bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._held: Tensors = {}
        self._held_bytes = 0
        self._total = 0
        self._part_of: dict[str, int] = {}

    def add(self, tensors: Tensors) -> None:
        """Take the tensors of one weight, which stay in one file.

        Raises:
            CannotWrite: A name has been there before.
        """
        size = sum(tensor.nbytes for tensor in tensors.values())
        if self._held and self._held_bytes + size > self._limit:
            self._flush()
        for name in tensors:
            if name in self._part_of:
                raise CannotWrite(f"{name}: given twice")
            self._part_of[name] = self._count
        self._held |= tensors
        self._held_bytes += size

    def finish(self) -> None:
        """Write what is left, give the files their names, and write the index of several."""
        self._flush()
        files = [f"model-{n:05}-of-{self._count:05}.safetensors" for n in range(1, self._count + 1)]
        files = files if self._count > 1 else [SINGLE]
        for part, file in enumerate(files):
            self._path(part).replace(self._folder / file)
        if self._count > 1:
            weight_map = {name: files[part] for name, part in sorted(self._part_of.items())}
            index = {"metadata": {"total_size": self._total}, "weight_map": weight_map}
            write_text(self._folder / INDEX, json.dumps(index, indent=2) + "\n")

    _count = 0
    """Parts that are written."""

    def _path(self, part: int) -> Path:
        return self._folder / f"{part}.part"

    def _flush(self) -> None:
        from safetensors.numpy import save_file

        # it writes memory as it lies, whatever the strides say
        tensors = {name: one if one.flags.c_contiguous else one.copy("C") for name, one in self._held.items()}
        save_file(tensors, self._path(self._count), metadata={"format": "pt"})
        self._total += self._held_bytes
        self._held, self._held_bytes = {}, 0
        self._count += 1
