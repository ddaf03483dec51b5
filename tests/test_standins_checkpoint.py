"""The checkpoint made from the GGUF computes what the GGUF computes."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from gb10docs.standins import checkpoint, weights
from gb10docs.standins.gguf import GGUFError, read
from gb10docs.standins.host import Host
from gb10docs.standins.rules import Service

PROMPT = "one two three four five six seven eight nine ten one two three four"
PROMPT_TOKENS = [537, 827, 1296, 1876, 2531, 2976, 4962, 4475, 7462, 3772, 582, 827, 1296, 1876]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made here, over what an earlier attempt left."""
    store = tmp_path_factory.mktemp("store")
    unfinished = store / f"{checkpoint.FORM}.part"
    unfinished.mkdir()
    (unfinished / "leftover").write_text("")
    return checkpoint.smollm2(weights.smollm2(weights.default_store()), store)


def _load(folder: Path) -> dict[str, Any]:
    raw = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        first, last = (8 + length + at for at in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[first:last], np.float16).reshape(entry["shape"]).astype(np.float32)
    return tensors


def _next_token(folder: Path, tokens: list[int]) -> int:
    """Greedy next token, by the arithmetic of Hugging Face's llama."""
    config, weight = json.loads((folder / "config.json").read_text()), _load(folder)
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
    logits = norm(x, "model.norm")[-1] @ weight["model.embed_tokens.weight"].T
    return int(logits.argmax())


def test_says_what_llamacpp_says(folder: Path, tmp_path: Path) -> None:
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    word = {index: token for token, index in vocabulary.items()}
    assert "".join(word[token] for token in PROMPT_TOKENS).replace("Ġ", " ") == PROMPT
    assert word[_next_token(folder, PROMPT_TOKENS)] == "Ġfive"
    host = Host(weights.smollm2(weights.default_store()), stderr=tmp_path / "log", env=os.environ)
    host.start()
    try:
        port = host.hub({}) + 1
        host.open(Service("a", "vllm", port, "m", "x/m", 512))
        body = {"model": "m", "prompt": PROMPT_TOKENS, "max_tokens": 1, "temperature": 0}
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/completions", json=body, timeout=60).json()
    finally:
        host.stop()
    assert answer["choices"][0]["text"] == " five"


def test_is_what_a_hub_has(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert "stand-in" in (folder / "README.md").read_text()
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    assert [token["content"] for token in tokenizer["added_tokens"][:3]] == [
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
    ]


def test_what_is_made_is_kept(folder: Path) -> None:
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert checkpoint.smollm2(Path("none"), folder.parent) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert not (folder.parent / f"{checkpoint.FORM}.part").exists()


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(GGUFError, match="is no GGUF"):
        read(tmp_path / "x")
