# /// script
# requires-python = ">=3.11"
# dependencies = ["safetensors", "torch", "vllm"]
#
# [tool.gb10docs]
# needs = ["gpu", "package:vllm", "package:torch", "memory:40GB", "disk:40GB"]
# timeout = "30m"
#
# [tool.gb10docs.expect.json]
# required = ["versions", "bf16", "fp8", "nvfp4"]
# ///
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

LAYERS, HIDDEN, INNER, VOCABULARY, HEADS, GROUPS, SIZE = 36, 4096, 12288, 151936, 32, 8, 128
LINEAR = {
    "self_attn.q_proj": (HEADS * SIZE, HIDDEN),
    "self_attn.k_proj": (GROUPS * SIZE, HIDDEN),
    "self_attn.v_proj": (GROUPS * SIZE, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HEADS * SIZE),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
ALGORITHMS = {"bf16": None, "fp8": "FP8", "nvfp4": "W4A16_NVFP4"}
BATCHES, ROUNDS, PROMPT, SHORT, LONG = (1, 8, 32), 5, 128, 16, 272


def linear(name: str, rows: int, columns: int, form: str) -> dict[str, torch.Tensor]:
    """One layer with random weights, as Model Optimizer would export it."""
    if form == "bf16":
        return {f"{name}.weight": 0.02 * torch.randn(rows, columns, device="cuda").bfloat16()}
    if form == "fp8":
        weight = torch.randn(rows, columns, device="cuda").clamp(-8, 8).to(torch.float8_e4m3fn)
        scales = {f"{name}.weight_scale": torch.tensor(0.02), f"{name}.input_scale": torch.tensor(0.02)}
        return {f"{name}.weight": weight, **scales}
    codes = torch.randint(256, (rows, columns // 2), dtype=torch.uint8, device="cuda")
    scales = torch.randint(0x60, 0x7F, (rows, columns // 16), dtype=torch.uint8, device="cuda")
    return {
        f"{name}.weight": codes,
        f"{name}.weight_scale": scales.view(torch.float8_e4m3fn),
        f"{name}.weight_scale_2": torch.tensor(5e-5),
    }


def layer(place: int, form: str) -> dict[str, torch.Tensor]:
    name = f"model.layers.{place}."
    norms = {
        "input_layernorm": HIDDEN,
        "post_attention_layernorm": HIDDEN,
        "self_attn.q_norm": SIZE,
        "self_attn.k_norm": SIZE,
    }
    made = {f"{name}{norm}.weight": torch.ones(width).bfloat16() for norm, width in norms.items()}
    for part, shape in LINEAR.items():
        made |= linear(name + part, *shape, form)
    return made


def write(folder: Path, form: str) -> float:
    """A checkpoint of Qwen3-8B's shape, a file a layer; returns its size in GB."""
    outer = {
        f"{name}.weight": 0.02 * torch.randn(VOCABULARY, HIDDEN).bfloat16()
        for name in ("model.embed_tokens", "lm_head")
    }
    files = {"outer": outer | {"model.norm.weight": torch.ones(HIDDEN).bfloat16()}}
    index = {}
    for name in ["outer", *range(LAYERS)]:
        tensors = files["outer"] if name == "outer" else layer(name, form)
        save_file(
            {key: tensor.cpu().contiguous() for key, tensor in tensors.items()},
            folder / f"{name}.safetensors",
        )
        index |= dict.fromkeys(tensors, f"{name}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    config = {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "dtype": "bfloat16", "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": GROUPS, "head_dim": SIZE,
        "intermediate_size": INNER, "vocab_size": VOCABULARY, "max_position_embeddings": 40960, "hidden_act": "silu",
        "rope_theta": 1000000, "rms_norm_eps": 1e-6, "tie_word_embeddings": False, "attention_bias": False,
    }  # fmt: skip
    if ALGORITHMS[form]:
        told = {
            "quant_method": "modelopt",
            "quant_algo": ALGORITHMS[form],
            "group_size": 16,
            "ignore": ["lm_head"],
        }
        config["quantization_config"] = told | {"producer": {"name": "modelopt", "version": "0.47.0"}}
    (folder / "config.json").write_text(json.dumps(config))
    return sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e9


def measure(folder: Path) -> dict[str, list[float]]:
    """Milliseconds a step by batch: a long answer less a short one, so that prefill does not count."""
    from vllm import LLM, SamplingParams

    llm = LLM(str(folder), skip_tokenizer_init=True, max_model_len=4096, max_num_seqs=64, gpu_memory_utilization=0.6,
              enable_prefix_caching=False)  # fmt: skip

    def seconds(batch: int, tokens: int) -> float:
        prompts = [{"prompt_token_ids": random.choices(range(100, 40000), k=PROMPT)} for _ in range(batch)]
        asked = SamplingParams(max_tokens=tokens, min_tokens=tokens, ignore_eos=True, detokenize=False)
        start = time.perf_counter()
        llm.generate(prompts, asked, use_tqdm=False)
        return time.perf_counter() - start

    found = {}
    for batch in BATCHES:
        seconds(batch, SHORT), seconds(batch, LONG)
        found[str(batch)] = sorted(
            1000 * (seconds(batch, LONG) - seconds(batch, SHORT)) / (LONG - SHORT) for _ in range(ROUNDS)
        )
    return found


def one(form: str) -> None:
    import vllm

    with tempfile.TemporaryDirectory() as name:
        size = write(Path(name), form)
        torch.cuda.empty_cache()
        steps = measure(Path(name))
    told = {
        "checkpoint_gb": round(size, 3),
        "ms_a_step": {key: [round(ms, 3) for ms in times] for key, times in steps.items()},
    }
    told["tok_s"] = {
        batch: round(1000 * int(batch) / statistics.median(times), 1) for batch, times in steps.items()
    }
    versions = {"vllm": vllm.__version__, "torch": torch.__version__, "gpu": torch.cuda.get_device_name()}
    print(json.dumps({"versions": versions, form: told}))


def main() -> None:
    """Each format in a process of its own, since vLLM keeps the GPU's memory."""
    result = {}
    for form in ALGORITHMS:
        variables = {**os.environ, "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_NO_USAGE_STATS": "1"}
        command = [sys.executable, __file__, form]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=variables, check=True)
        result |= json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(result))


if __name__ == "__main__":
    one(sys.argv[1]) if sys.argv[1:] else main()
