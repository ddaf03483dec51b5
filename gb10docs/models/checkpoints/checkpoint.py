"""A checkpoint: its headers and configuration, and each tensor when it is asked for."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gb10docs.errors import did_you_mean
from gb10docs.models.checkpoints import configuration
from gb10docs.models.checkpoints.configuration import Configuration
from gb10docs.models.checkpoints.declared import Declared
from gb10docs.models.checkpoints.documents import BadCheckpoint, IncompleteCheckpoint, Table, table
from gb10docs.models.checkpoints.files import Files, LocalFiles, check_name, document
from gb10docs.models.checkpoints.header import Tensor, read_header
from gb10docs.models.checkpoints.hub import HubFiles
from gb10docs.models.checkpoints.weights import Weight, weights_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"
CONSOLIDATED_INDEX, CONSOLIDATED = "consolidated.safetensors.index.json", "consolidated.safetensors"
"""The weights as Mistral names them, beside its `params.json`."""


class Dequantizes(Protocol):
    """What a quantized weight is, in whichever format."""

    def dequantize(self) -> NDArray[np.float32]:
        """The values: float32, in the weight's shape."""


@dataclass(frozen=True)
class Checkpoint:
    """What lies in a folder or a repository, read as far as its headers."""

    files: Files
    shards: tuple[str, ...]
    """The safetensors files, in the order of their names."""
    tensors: Mapping[str, Tensor]
    """The tensors of all shards by name."""
    documents: Configuration = field(default_factory=Configuration)
    """What lies beside the weights."""

    @property
    def config(self) -> Table | None:
        """`config.json`, or `params.json` in its words; None where there is neither."""
        return self.documents.config

    @property
    def declared(self) -> Declared:
        """What it says of its own quantization."""
        return self.documents.declared

    @cached_property
    def weights(self) -> dict[str, Weight]:
        """Its weights by the names of their modules, told from the tensors."""
        said = self.declared
        return weights_of(self.tensors, word_bits=said.bits or 4, group=said.group, block=said.block)

    def read(self, name: str) -> NDArray[Any]:
        """One tensor, read now, in the dtype of the file; read-only.

        Raises:
            BadCheckpoint: There is none of that name, or numpy has no such dtype.
        """
        import numpy as np

        if name not in self.tensors:
            raise BadCheckpoint(f"{self.files.where()}: no tensor {name}: {did_you_mean(name, self.tensors)}")
        tensor = self.tensors[name]
        dtype = _dtypes().get(tensor.dtype)
        if dtype is None:
            raise BadCheckpoint(f"{self.files.where(tensor.file)}: {name}: {tensor.dtype} is not read here")
        data = self.files.read(tensor.file, tensor.start, tensor.nbytes)
        return np.frombuffer(data, dtype).reshape(tensor.shape)

    def weight(self, name: str) -> Dequantizes:
        """One weight, in the format it has: an object of `gb10docs.models.formats` for a quantized one.

        Raises:
            BadCheckpoint: There is no weight of that name, it lacks a part, or its format is not read here.
        """
        from gb10docs.models.checkpoints.reading import load

        if name not in self.weights:
            raise BadCheckpoint(f"{self.files.where()}: no weight {name}: {did_you_mean(name, self.weights)}")
        return load(self.weights[name], self.read)


def open_checkpoint(place: Path | Files) -> Checkpoint:
    """Read the headers and configuration of a folder, a safetensors file, or of files elsewhere.

    Raises:
        IncompleteCheckpoint: A file is missing or cut off.
        BadCheckpoint: There is no checkpoint, or what is there cannot be true.
    """
    files, only = _files(place) if isinstance(place, Path) else (place, "")
    shards, index = ((only,), {}) if only else _shards(files)
    tensors: dict[str, Tensor] = {}
    for shard in shards:
        for name, tensor in read_header(files, shard).items():
            if name in tensors:
                raise BadCheckpoint(f"{files.where()}: {name} is both in {tensors[name].file} and in {shard}")
            tensors[name] = tensor
    if not tensors:
        raise BadCheckpoint(f"{files.where()}: there is no tensor in it")
    _check_index(files, index, tensors)
    return Checkpoint(files, shards, tensors, configuration.read(files))


def open_repository(repo: str, revision: str | None = None) -> Checkpoint:
    """Do as `open_checkpoint` for a repository on the hub; headers and configuration are all that is fetched."""
    return open_checkpoint(HubFiles(repo, revision))


def _files(path: Path) -> tuple[LocalFiles, str]:
    """A folder's files; of a single file its folder, and its name."""
    try:
        return (
            (LocalFiles(path), "")
            if stat.S_ISDIR(path.stat().st_mode)
            else (LocalFiles(path.parent), path.name)
        )
    except OSError as error:
        raise BadCheckpoint(f"{path}: {error.strerror}: expected a folder or a safetensors file") from error


def _shards(files: Files) -> tuple[tuple[str, ...], dict[str, str]]:
    """The safetensors files that make up the model, and the index's map from tensors to them."""
    there = [name for name in files.names() if name.endswith(".safetensors") and "/" not in name]
    for index_name, whole in ((INDEX, SINGLE), (CONSOLIDATED_INDEX, CONSOLIDATED)):
        if (index := document(files, index_name)) is not None:
            return _named(files, index_name, index)
        if whole in there:
            return (whole,), {}
    if len(there) == 1:
        return (there[0],), {}
    if there:
        raise IncompleteCheckpoint(f"{files.where()}: {len(there)} safetensors files, but no {INDEX}")
    raise BadCheckpoint(f"{files.where()}: no safetensors file there, so no checkpoint that gb10docs reads")


def _named(files: Files, name: str, index: Table) -> tuple[tuple[str, ...], dict[str, str]]:
    """The files that an index names, all of which are there, and its map."""
    found = table(index.get("weight_map"))
    if not found or not all(isinstance(one, str) for one in found.values()):
        raise BadCheckpoint(f"{files.where(name)}: its weight_map names no files")
    shards = sorted(set(found.values()))
    for shard in shards:
        check_name(shard, files.where(name))
    missing = [shard for shard in shards if files.size(shard) is None]
    if missing:
        told = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise IncompleteCheckpoint(
            f"{files.where()}: {len(missing)} of the {len(shards)} files that its index names "
            f"are not there: {told}"
        )
    return tuple(shards), found


def _check_index(files: Files, index: Mapping[str, str], tensors: Mapping[str, Tensor]) -> None:
    """Each tensor lies where the index says."""
    for name, shard in index.items():
        if name not in tensors or tensors[name].file != shard:
            raise IncompleteCheckpoint(
                f"{files.where()}: its index places {name[:200]!r} in {shard}, where it is not"
            )


def _dtypes() -> dict[str, Any]:
    """Types of numpy by the names of safetensors, without those of which numpy has no array."""
    import ml_dtypes
    import numpy as np

    return {
        "BOOL": np.dtype(np.bool_),
        "U8": np.dtype("<u1"), "U16": np.dtype("<u2"), "U32": np.dtype("<u4"), "U64": np.dtype("<u8"),
        "I8": np.dtype("<i1"), "I16": np.dtype("<i2"), "I32": np.dtype("<i4"), "I64": np.dtype("<i8"),
        "F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "C64": np.dtype("<c8"),
        "BF16": np.dtype(ml_dtypes.bfloat16),
        "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn), "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
        "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    }  # fmt: skip
