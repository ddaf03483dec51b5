"""Run by vLLM's own interpreter: our kernel beside vLLM's emulation, on the layers of a checkpoint and on its logits.

Prints one JSON object. The emulation dequantizes the packed weight at each call, by vLLM's own functions; for
weight-only layers it is its product without the rounding of activations, which that format has not.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

os.environ |= {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}

import torch
from vllm import LLM, SamplingParams
from vllm.model_executor.kernels.linear.nvfp4.emulation import EmulationNvFp4LinearKernel
from vllm.model_executor.layers.quantization.utils.nvfp4_emulation_utils import dequantize_to_dtype

PROMPT = list(range(100, 164))
ours = importlib.import_module("gb10docs_nvfp4_cpu")  # after vLLM, which imports it in a circle else
Kernel = ours.DequantizedAtLoadNvFp4LinearKernel
packed: dict[int, dict[str, torch.Tensor]] = {}
at_load = Kernel.process_weights_after_loading


def remember(self: Any, layer: Any) -> None:
    """Load as ever, but keep what the checkpoint held."""
    names = ("weight", "weight_scale", "weight_global_scale")
    packed[id(layer)] = {name: getattr(layer, name).data.clone() for name in names}
    at_load(self, layer)


class Held:
    """A layer as vLLM's emulation wants it."""

    weight: torch.nn.Parameter
    weight_scale: torch.nn.Parameter
    weight_global_scale: torch.nn.Parameter

    def __init__(self, layer: Any) -> None:
        for name, tensor in packed[id(layer)].items():
            setattr(self, name, torch.nn.Parameter(tensor, requires_grad=False))
        if hasattr(layer, "input_global_scale_inv"):
            self.input_global_scale_inv = layer.input_global_scale_inv


def emulated(_self: Any, layer: Any, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """The product as the emulation makes it."""
    held = Held(layer)
    if hasattr(held, "input_global_scale_inv"):
        kernel = EmulationNvFp4LinearKernel.__new__(EmulationNvFp4LinearKernel)
        return kernel.apply_weights(held, x, bias)
    weight = dequantize_to_dtype(
        held.weight.data, held.weight_scale.data, held.weight_global_scale, x.dtype, 16, swizzle=False
    )
    product = torch.matmul(x, weight.t())
    return product if bias is None else product + bias


def logits(llm: LLM) -> torch.Tensor:
    """Of the last token of a prompt."""
    seen: list[torch.Tensor] = []
    model = llm.llm_engine.model_executor.driver_worker.worker.model_runner.model
    compute = type(model).compute_logits

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        seen.append(compute(self, *arguments, **named))
        return seen[-1]

    type(model).compute_logits = watched
    params = SamplingParams(max_tokens=4, temperature=0, ignore_eos=True, detokenize=False)
    llm.generate([{"prompt_token_ids": PROMPT}], params, use_tqdm=False)
    type(model).compute_logits = compute
    return torch.cat(seen).float()


def layers(llm: LLM) -> list[Any]:
    """Every layer that our kernel computes."""
    model = llm.llm_engine.model_executor.driver_worker.worker.model_runner.model
    return [layer for layer in model.modules() if id(layer) in packed]


def main(checkpoint: str) -> None:
    """Compare, and say what came out."""
    Kernel.process_weights_after_loading = remember
    llm = LLM(
        checkpoint,
        enforce_eager=True,
        max_model_len=256,
        max_num_seqs=1,
        kv_cache_memory_bytes=64 * 2**20,
        enable_prefix_caching=False,
    )
    quick = logits(llm)
    torch.manual_seed(0)
    unlike = 0
    for layer in layers(llm):
        kernel = layer.quant_method.kernel
        x = torch.randn(5, packed[id(layer)]["weight"].shape[1] * 2, dtype=torch.bfloat16)
        unlike += not torch.equal(kernel.apply_weights(layer, x), emulated(kernel, layer, x))
    Kernel.apply_weights = emulated
    slow = logits(llm)
    told = {
        "layers": len(layers(llm)),
        "unlike": unlike,
        "logits": list(quick.shape),
        "difference": float((quick - slow).abs().max()),
        "spread": float(quick.max() - quick.min()),
        "argmax": bool((quick.argmax(-1) == slow.argmax(-1)).all()),
    }
    print("TOLD", json.dumps(told), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
