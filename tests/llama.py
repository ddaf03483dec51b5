"""The arithmetic of Hugging Face's llama, in numpy."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np


def load(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and weights of a checkpoint in float16, the latter as float32 arrays."""
    raw = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        first, last = (8 + length + at for at in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[first:last], np.float16).reshape(entry["shape"]).astype(np.float32)
    return json.loads((folder / "config.json").read_text()), tensors


def logits(config: dict[str, Any], weight: dict[str, Any], tokens: list[int]) -> Any:
    """Of the token that follows."""
    heads, groups, size = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]
    angles = np.outer(np.arange(len(tokens)), config["rope_theta"] ** (-np.arange(0, size, 2) / size))
    cos, sin = (np.concatenate([turn(angles)] * 2, axis=1) for turn in (np.cos, np.sin))

    def norm(x: Any, name: str) -> Any:
        return (
            x
            / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + config["rms_norm_eps"])
            * weight[f"{name}.weight"]
        )

    def project(x: Any, name: str, count: int) -> Any:
        return (x @ weight[f"{name}.weight"].T).reshape(len(tokens), count, size).swapaxes(0, 1)

    def rotate(x: Any) -> Any:
        return x * cos + np.concatenate([-x[..., size // 2 :], x[..., : size // 2]], axis=-1) * sin

    x = weight["model.embed_tokens.weight"][tokens]
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}"
        y = norm(x, f"{layer}.input_layernorm")
        q = rotate(project(y, f"{layer}.self_attn.q_proj", heads))
        k = rotate(project(y, f"{layer}.self_attn.k_proj", groups)).repeat(heads // groups, axis=0)
        v = project(y, f"{layer}.self_attn.v_proj", groups).repeat(heads // groups, axis=0)
        scores = q @ k.swapaxes(1, 2) / np.sqrt(size) + np.triu(np.full((len(tokens), len(tokens)), -1e9), 1)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(tokens), -1)
        x = x + mixed @ weight[f"{layer}.self_attn.o_proj.weight"].T
        y = norm(x, f"{layer}.post_attention_layernorm")
        gate = y @ weight[f"{layer}.mlp.gate_proj.weight"].T
        up = y @ weight[f"{layer}.mlp.up_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ weight[f"{layer}.mlp.down_proj.weight"].T
    return norm(x, "model.norm")[-1] @ weight["model.embed_tokens.weight"].T
