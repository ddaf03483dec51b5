"""A small real Hugging Face checkpoint, made once from the GGUF: what a local hub serves as a model."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gb10docs.standins.gguf import GGUF, read

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORM = "SmolLM2-135M-Instruct-F16-1"
"""Name of the folder in the store; changes when what is written into it does."""

CONTROL = 3
"""The GGUF's token type of a special token."""

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

README = """---
license: apache-2.0
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
---
# A stand-in

These are the weights of SmolLM2-135M-Instruct (Apache-2.0), taken back to float16 from a Q4_1 GGUF by
gb10docs. They lie here in the place of the model that the page names, which this machine does not have.
They load and they answer, but they say nothing about the other model: not its quality, speed, size or format.
"""


def smollm2(gguf: Path, store: Path) -> Path:
    """The folder of the checkpoint in the store (270 MB), made if it is not there; a second process waits."""
    from filelock import FileLock

    folder = store / FORM
    if folder.is_dir():
        return folder
    store.mkdir(parents=True, exist_ok=True)
    with FileLock(store / f"{FORM}.lock"):
        if not folder.is_dir():
            made = store / f"{FORM}.part"
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            write(read(gguf), made)
            made.rename(folder)
    return folder


def write(source: GGUF, folder: Path) -> None:
    """Write config, weights, tokenizer and README of a llama-shaped GGUF into a folder."""
    said = source.metadata
    documents = {
        "config.json": _config(said),
        "generation_config.json": {
            key: said[f"tokenizer.ggml.{key}"] for key in ("bos_token_id", "eos_token_id")
        },
        "tokenizer.json": _tokenizer(said),
        "tokenizer_config.json": _tokenizer_config(said),
    }
    for name, document in documents.items():
        (folder / name).write_text(
            json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    (folder / "README.md").write_text(README, encoding="utf-8")
    _save(_weights(source), folder / "model.safetensors")


def _config(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": said["llama.embedding_length"],
        "intermediate_size": said["llama.feed_forward_length"],
        "num_hidden_layers": said["llama.block_count"],
        "num_attention_heads": said["llama.attention.head_count"],
        "num_key_value_heads": said["llama.attention.head_count_kv"],
        "head_dim": said["llama.rope.dimension_count"],
        "max_position_embeddings": said["llama.context_length"],
        "rms_norm_eps": 1e-05,
        "rope_theta": said["llama.rope.freq_base"],
        "vocab_size": said["llama.vocab_size"],
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": said["tokenizer.ggml.bos_token_id"],
        "eos_token_id": said["tokenizer.ggml.eos_token_id"],
        "pad_token_id": said["tokenizer.ggml.padding_token_id"],
        "torch_dtype": "float16",
    }


def _weights(source: GGUF) -> dict[str, NDArray[np.float16]]:
    """The tensors under the names and in the row order of Hugging Face's llama."""
    import numpy as np

    heads = {
        "attn_q": source.metadata["llama.attention.head_count"],
        "attn_k": source.metadata["llama.attention.head_count_kv"],
    }
    weights = {}
    for name, tensor in source.tensors.items():
        parts = name.removesuffix(".weight").split(".")
        if parts[-1] in heads:
            tensor = _unpermuted(tensor, heads[parts[-1]])
        layer = f"model.layers.{parts[1]}." if parts[0] == "blk" else ""
        weights[f"{layer}{NAMES[parts[-1]]}.weight"] = tensor.astype(np.float16)
    return weights


def _unpermuted(tensor: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of a query or key projection from llama.cpp's order (rotated pairs together) back to halves."""
    rows, columns = tensor.shape
    return tensor.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _save(weights: dict[str, NDArray[np.float16]], path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(weights, path, metadata={"format": "pt"})
    # Without it a loss of power may leave a folder that looks whole, and such a one is never made again.
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _tokenizer(said: Mapping[str, Any]) -> dict[str, Any]:
    """Byte-level BPE with each digit a token of its own, as SmolLM2's own tokenizer.json has it."""
    tokens, kinds = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": index, "content": token, **plain}
            for index, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
            if kind == CONTROL
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [merge.split(" ", 1) for merge in said["tokenizer.ggml.merges"]],
        },
    }


def _tokenizer_config(said: Mapping[str, Any]) -> dict[str, Any]:
    tokens = said["tokenizer.ggml.tokens"]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokens[said["tokenizer.ggml.bos_token_id"]],
        "eos_token": tokens[said["tokenizer.ggml.eos_token_id"]],
        "pad_token": tokens[said["tokenizer.ggml.padding_token_id"]],
        "unk_token": tokens[said["tokenizer.ggml.unknown_token_id"]],
        "chat_template": said["tokenizer.chat_template"],
        "clean_up_tokenization_spaces": False,
        "model_max_length": said["llama.context_length"],
    }
