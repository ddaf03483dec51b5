"""The checkpoint made from the GGUF computes what the GGUF computes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
import pytest
from llama import load, logits

from gb10docs.standins import NoStandIn, checkpoint, weights
from gb10docs.standins.gguf import read
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


def test_says_what_llamacpp_says(folder: Path, tmp_path: Path) -> None:
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    word = {index: token for token, index in vocabulary.items()}
    assert "".join(word[token] for token in PROMPT_TOKENS).replace("Ġ", " ") == PROMPT
    assert word[int(logits(*load(folder), PROMPT_TOKENS).argmax())] == "Ġfive"
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
    with pytest.raises(NoStandIn, match="is no GGUF"):
        read(tmp_path / "x")
