"""Decode speed by weight format on this machine's GPU: vLLM, a model of Qwen3-8B's shape, random weights.

`python tests/gpu/decode_speed.py FILE bf16 fp8 nvfp4` measures each format in a process of its own and adds it to the
JSON file. Random weights cost what real ones cost: the same bytes are read, and the same kernels run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULT = "RESULT"
FORMATS = ("bf16", "fp8", "nvfp4")
SHAPE = {
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
}
CONFIG: dict[str, Any] = SHAPE | {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "max_position_embeddings": 40960,
    "rope_theta": 1000000,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
    "hidden_act": "silu",
    "attention_bias": False,
    "torch_dtype": "bfloat16",
    "bos_token_id": 0,
    "eos_token_id": 1,
}
BATCHES = (1, 8, 32)
PROMPT, SHORT, LONG, REPEATS = 128, 16, 272, 5
"""Tokens of a prompt; tokens of a short and a long answer, whose times are subtracted; how often."""


def main() -> None:
    """Measure every format that is named."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("file", type=Path)
    arguments.add_argument("formats", nargs="+", choices=FORMATS)
    arguments.add_argument("--here", action="store_true", help="In this very process; of one format.")
    given = arguments.parse_args()
    if given.here:
        print(RESULT, json.dumps(_measured(given.formats[0])), flush=True)
        return
    for kind in given.formats:
        result = _in_a_process(given.file, kind)
        told = json.loads(given.file.read_text()) if given.file.exists() else _machine()
        told["formats"][kind] = result
        given.file.write_text(json.dumps(told, indent=2) + "\n")
        print(kind, json.dumps(result["batches"]), flush=True)


def matrices() -> dict[str, tuple[int, int]]:
    """The seven matrices of a layer: rows and columns."""
    hidden, inner, size = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["head_dim"]
    queries, keys = SHAPE["num_attention_heads"] * size, SHAPE["num_key_value_heads"] * size
    return {
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }


def read_per_token(kind: str) -> int:
    """Bytes of weights that a token at batch 1 reads: the layers' matrices, norms aside, and the output layer."""
    bits = {"bf16": 16.0, "fp8": 8.0, "nvfp4": 4.5}[kind]
    values = SHAPE["num_hidden_layers"] * sum(rows * columns for rows, columns in matrices().values())
    return round(values * bits / 8) + SHAPE["vocab_size"] * SHAPE["hidden_size"] * 2


def spread(seconds: list[float], batch: int) -> dict[str, float]:
    """Tokens per second of all users together: the median, the slowest and the fastest of the repeats."""
    speeds = sorted(batch / one for one in seconds)
    told = {"tok_s": statistics.median(speeds), "slowest": speeds[0], "fastest": speeds[-1]}
    return {name: round(value, 1) for name, value in told.items()}


def _in_a_process(file: Path, kind: str) -> dict[str, Any]:
    log = file.with_name(f"{file.stem}-{kind}.log")
    with log.open("w") as output:
        done = subprocess.run(
            [sys.executable, __file__, str(file), kind, "--here"],
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        sys.exit(f"{kind}: not measured; see {log}\n{log.read_text()[-1500:]}")
    (line,) = (line for line in done.stdout.splitlines() if line.startswith(RESULT))
    result: dict[str, Any] = json.loads(line.removeprefix(RESULT))
    found = re.search(r"Using (\w+) for NVFP4 GEMM", log.read_text() + done.stdout)
    return result | ({"kernel": found[1]} if found else {})


def _machine() -> dict[str, Any]:
    import torch

    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    driver = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "schema": "gb10docs.decode/1",
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "gpu": torch.cuda.get_device_name(),
        "driver": driver,
        "vllm": version("vllm"),
        "torch": torch.__version__,
        "model": "the shape of Qwen3-8B, random weights",
        "shape": SHAPE,
        "prompt_tokens": PROMPT,
        "answer_tokens": [SHORT, LONG],
        "repeats": REPEATS,
        "copy_gb_s": round(_copy_speed(), 1),
        "formats": {},
    }


def _copy_speed() -> float:
    """Gigabytes per second of a copy within the GPU's memory, read and written ones counted; median of five."""
    import torch

    source = torch.empty(2**32, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    seconds = []
    for _ in range(6):
        begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begun.record()
        target.copy_(source)
        ended.record()
        torch.cuda.synchronize()
        seconds.append(begun.elapsed_time(ended) / 1e3)
    return float(2 * source.numel() / statistics.median(seconds[1:]) / 1e9)


def _measured(kind: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        size = _write(Path(folder), kind)
        run = _runner(folder)
        batches = {str(batch): spread(_seconds(run, batch), batch) for batch in BATCHES}
    return {
        "checkpoint_gb": round(size / 1e9, 3),
        "read_gb_per_token": round(read_per_token(kind) / 1e9, 3),
        "batches": batches,
    }


def _seconds(run: Callable[[int, int], float], batch: int) -> list[float]:
    """Seconds for each token of each user, once for every repeat."""
    run(batch, SHORT)
    run(batch, LONG)
    return [(run(batch, LONG) - run(batch, SHORT)) / (LONG - SHORT) for _ in range(REPEATS)]


def _runner(folder: str) -> Callable[[int, int], float]:
    from vllm import LLM, SamplingParams

    llm = LLM(
        folder,
        skip_tokenizer_init=True,
        max_model_len=4096,
        gpu_memory_utilization=0.6,
        enable_prefix_caching=False,
        max_num_seqs=64,
    )
    draw = random.Random(1)

    def run(batch: int, tokens: int) -> float:
        prompts = [{"prompt_token_ids": draw.choices(range(100, 40000), k=PROMPT)} for _ in range(batch)]
        wanted = SamplingParams(
            temperature=0.7, max_tokens=tokens, min_tokens=tokens, ignore_eos=True, detokenize=False
        )
        begun = time.perf_counter()
        answers = llm.generate(prompts, wanted, use_tqdm=False)
        took = time.perf_counter() - begun
        assert all(len(answer.outputs[0].token_ids) == tokens for answer in answers)
        return took

    return run


def _write(folder: Path, kind: str) -> int:
    """A checkpoint in Model Optimizer's layout; returns the bytes of its tensors."""
    import torch
    from safetensors.torch import save_file

    index: dict[str, str] = {}
    size = 0
    for name, tensors in _files(kind, torch.Generator(device="cuda").manual_seed(0)):
        save_file({key: held.contiguous().cpu() for key, held in tensors.items()}, folder / name)
        index |= dict.fromkeys(tensors, name)
        size += sum(held.numel() * held.element_size() for held in tensors.values())
    told = {"metadata": {"total_size": size}, "weight_map": index}
    (folder / "model.safetensors.index.json").write_text(json.dumps(told))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    if kind != "bf16":
        quantized: dict[str, Any] = {
            "quant_algo": kind.upper(),
            "kv_cache_quant_algo": None,
            "exclude_modules": ["lm_head"],
        }
        quantized |= {"group_size": 16} if kind == "nvfp4" else {}
        told = {"producer": {"name": "modelopt", "version": "0.47.0"}, "quantization": quantized}
        (folder / "hf_quant_config.json").write_text(json.dumps(told))
    torch.cuda.empty_cache()
    return size


def _files(kind: str, generator: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    import torch

    hidden, size = SHAPE["hidden_size"], SHAPE["head_dim"]

    def drawn(*shape: int) -> Any:
        return (torch.randn(*shape, device="cuda", generator=generator) * 0.02).bfloat16()

    def ones(length: int) -> Any:
        return torch.ones(length, dtype=torch.bfloat16)

    outer = {
        f"{name}.weight": drawn(SHAPE["vocab_size"], hidden) for name in ("model.embed_tokens", "lm_head")
    }
    yield "outer.safetensors", {**outer, "model.norm.weight": ones(hidden)}
    norms = {"input_layernorm": hidden, "post_attention_layernorm": hidden}
    norms |= {"self_attn.q_norm": size, "self_attn.k_norm": size}
    for number in range(SHAPE["num_hidden_layers"]):
        at = f"model.layers.{number}."
        tensors = {f"{at}{name}.weight": ones(length) for name, length in norms.items()}
        for name, (rows, columns) in matrices().items():
            held = _matrix(kind, drawn(rows, columns), generator)
            tensors |= {f"{at}{name}.{part}": tensor for part, tensor in held.items()}
        yield f"layer{number:02}.safetensors", tensors


def _matrix(kind: str, values: Any, generator: Any) -> Mapping[str, Any]:
    """One matrix as the format holds it; of NVFP4 the values themselves do not matter."""
    import torch

    if kind == "bf16":
        return {"weight": values}
    if kind == "fp8":
        scale = torch.tensor(0.01)
        return {
            "weight": (values.float() * 100).to(torch.float8_e4m3fn),
            "weight_scale": scale,
            "input_scale": scale,
        }
    rows, columns = values.shape
    packed = torch.randint(
        0, 256, (rows, columns // 2), dtype=torch.uint8, device="cuda", generator=generator
    )
    scales = torch.rand(rows, columns // 16, device="cuda", generator=generator) * 200 + 50
    return {
        "weight": packed,
        "weight_scale": scales.to(torch.float8_e4m3fn),
        "weight_scale_2": torch.tensor(5e-5),
        "input_scale": torch.tensor(1e-3),
    }


if __name__ == "__main__":
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    main()
