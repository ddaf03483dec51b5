"""Which format the KV cache of a server has: as its engine was told, else as its checkpoint declares."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from gb10docs.bench.identity import Identity
from gb10docs.engines import engine
from gb10docs.models.checkpoints import configuration
from gb10docs.models.checkpoints.checkpoint import open_checkpoint
from gb10docs.models.checkpoints.documents import BadCheckpoint
from gb10docs.models.checkpoints.files import LocalFiles
from gb10docs.models.checkpoints.weights import scales_cache
from gb10docs.models.roofline import Model

_TOLD = re.compile(r"(?:--kv[-_]cache[-_]dtype|--cache-type-k|-ctk)[=\s]+[\"']?(?P<format>[\w.]+)")
"""vLLM, SGLang and NIM; trtllm-serve, with underscores; llama.cpp, whose values have a cache of their own."""

_SIXTEEN_BITS = frozenset({"bf16", "bfloat16", "fp16", "f16", "float16", "half"})


def format_of(server: Identity, model: Model) -> str:
    """`bf16` for any with 16 bits, `fp8` for either of its kinds, or what else the engine or the checkpoint calls it.

    With `auto`, as without the option, vLLM, SGLang and TensorRT-LLM follow the checkpoint.
    """
    told = [found["format"].lower() for found in _TOLD.finditer(" ".join(server.flags))]
    said = told[-1] if told else "auto"
    if said == "auto":
        said = "bf16" if engine(server.engine).loads_gguf else _declared(server.root) or model.cache
    return "bf16" if said in _SIXTEEN_BITS else "fp8" if said.startswith("fp8") else said


def _declared(root: str) -> str:
    """What the checkpoint that is served says or has scales for; empty where it is not to be found here."""
    folder = _folder(root)
    if not folder:
        return ""
    with suppress(BadCheckpoint, OSError):
        files = LocalFiles(folder)
        if said := configuration.read(files).declared.kv_cache:
            return said.lower()
        return "fp8" if any(map(scales_cache, open_checkpoint(files).tensors)) else "bf16"
    return ""


def _folder(root: str) -> Path | None:
    """Return where the files of a model are: the folder itself, or that of a repository in the hub's cache here."""
    if (Path(root) / "config.json").is_file():
        return Path(root)
    with suppress(ImportError, ValueError):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(root, "config.json") if root.count("/") == 1 else None
        return Path(found).parent if isinstance(found, str) else None
    return None
