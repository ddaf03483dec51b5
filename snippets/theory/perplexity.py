# /// script
# requires-python = ">=3.11"
# dependencies = ["gb10docs[formats]", "torch", "transformers"]
#
# [tool.gb10docs]
# needs = ["result:smollm2-135m", "package:gb10docs", "package:torch", "package:transformers", "memory:4GB"]
# timeout = "1h"
#
# [tool.gb10docs.expect.json]
# required = ["text", "weights", "versions", "BF16", "FP8 W8A8", "NVFP4 W4A16", "NVFP4 W4A4"]
# properties.BF16.properties.perplexity = { minimum = 20, maximum = 80 }
# ///
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import transformers

from gb10docs.models.formats import e4m3, mxfp4, nvfp4

TEXT = Path("snippets/theory/passages.txt")
MODEL = Path.home() / "gb10/models/SmolLM2-135M-Instruct"
CALIBRATION = 4  # passages that only set the scales of activations; the others are scored


def fp8(x: np.ndarray, largest: float) -> np.ndarray:
    """E4M3 with one scale for the tensor, set so that `largest` becomes 448."""
    scale = np.float32(largest) / e4m3.MAX
    return e4m3.decode(e4m3.encode(x / scale)) * scale


def nv(x: np.ndarray, largest: float) -> np.ndarray:
    """NVFP4; the tensor's scale comes from `largest`, those of its blocks from x."""
    return nvfp4.quantize(x, tensor_scale=largest / float(nvfp4.RANGE)).dequantize()


def mx(x: np.ndarray, _largest: float) -> np.ndarray:
    """MXFP4 by the rule of the specification; its blocks need no scale of the tensor."""
    return mxfp4.quantize(x).dequantize()


Rounding = Callable[[np.ndarray, float], np.ndarray]
FORMATS: dict[str, tuple[Rounding | None, Rounding | None]] = {  # of weights, of activations
    "BF16": (None, None),
    "FP8 W8A8": (fp8, fp8),
    "NVFP4 W4A16": (nv, None),
    "MXFP4 W4A16": (mx, None),
    "NVFP4 W4A4": (nv, nv),
    "MXFP4 W4A4": (mx, mx),
}

torch.set_grad_enabled(False)
transformers.logging.disable_progress_bar()
tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
model = transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.bfloat16).float()
layers = [m for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and name != "lm_head"]
originals = [layer.weight.numpy().copy() for layer in layers]
largest = [0.0] * len(layers)  # of what went into each layer during calibration

paragraphs = TEXT.read_text(encoding="utf-8").strip().split("\n\n")
passages = [tokenizer(" ".join(one.split()), return_tensors="pt")["input_ids"] for one in paragraphs]


def nats(ids: torch.Tensor) -> float:
    """Mean negative log likelihood of a passage's tokens, each given those before it."""
    logits = model(ids).logits[0, :-1]
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]))


def watch(index: int, x: torch.Tensor) -> None:
    largest[index] = max(largest[index], float(x.abs().max()))


def run(
    texts: list[torch.Tensor], on_input: Callable[[int, torch.Tensor], torch.Tensor | None]
) -> list[float]:
    """Score passages while a function sees, and may replace, what goes into each layer."""
    hooks = [
        layer.register_forward_pre_hook(lambda _layer, x, index=index: on_input(index, x[0]))
        for index, layer in enumerate(layers)
    ]
    scores = [round(nats(ids), 4) for ids in texts]
    for hook in hooks:
        hook.remove()
    return scores


run(passages[:CALIBRATION], watch)
scored = passages[CALIBRATION:]
result: dict[str, object] = {
    "text": {
        "sha256": hashlib.sha256(TEXT.read_bytes()).hexdigest(),
        "passages": len(scored),
        "tokens": sum(ids.shape[1] - 1 for ids in scored),
    },
    "weights": {
        "sha256": hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest(),
        "origin": "SmolLM2-135M-Instruct, dequantized from Q4_1",
        "rounded": f"{len(layers)} linear layers",
    },
    "versions": {module.__name__: module.__version__ for module in (torch, transformers, np)},
}
for label, (of_weights, of_inputs) in FORMATS.items():
    for layer, weight in zip(layers, originals, strict=True):
        rounded = of_weights(weight, float(np.abs(weight).max())) if of_weights else weight
        layer.weight.copy_(torch.from_numpy(rounded))

    def quantize(index: int, x: torch.Tensor, rounding: Rounding | None = of_inputs) -> torch.Tensor:
        return torch.from_numpy(rounding(x.numpy(), largest[index])) if rounding else x

    each = run(scored, quantize)
    result[label] = {"perplexity": round(float(np.exp(np.mean(each))), 2), "nats": each}

rows = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in result.items())
print("{", ",\n".join(rows), "}", sep="\n")
