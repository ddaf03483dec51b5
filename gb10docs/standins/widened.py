"""The same function in a wider shape, for kernels that want rows in multiples of 128.

SmolLM2-135M has rows of 576 values, which Marlin, vLLM's kernel for NVFP4 on GPUs without FP4 arithmetic, does
not take. Zeros make them 768. What the model says stays the same, and so does each of its NVFP4 values, since 576
is a multiple of 16.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gb10docs.standins import NoStandIn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 768
Weights = Mapping[str, "NDArray[np.floating[Any]]"]


def write(source: Path, target: Path, width: int = WIDTH) -> None:
    """Write the checkpoint of a llama-shaped folder anew, `width` values wide."""
    from safetensors.numpy import load_file, save_file

    config, weights = widen(
        json.loads((source / "config.json").read_text()), load_file(source / "model.safetensors"), width
    )
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("model.safetensors"))
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def widen(
    config: Mapping[str, Any], weights: Weights, width: int
) -> tuple[dict[str, Any], dict[str, NDArray[np.floating[Any]]]]:
    """Configuration and weights of the same function with `width` values a token.

    Norms divide by the root of the mean square, which is smaller over more values of which some are zero; their
    weights and their epsilon make up for it. New heads read and write zeros.

    Raises:
        NoStandIn: The width is no more than the model's, or no whole number of its groups of heads.
    """
    hidden, size = config["hidden_size"], config["head_dim"]
    a_group = config["num_attention_heads"] // config["num_key_value_heads"]
    if width <= hidden or width % (a_group * size):
        raise NoStandIn(
            f"{width} is no width for a model of {hidden}: take a multiple of {a_group * size} above it"
        )
    heads, groups = width // size, width // size // a_group
    pads = _pads(width, heads * size, groups * size, (width / hidden) ** 0.5)
    wider = {
        name: next((pad for part, pad in pads.items() if part in name), _as_it_is)(array)
        for name, array in weights.items()
    }
    shape = {"hidden_size": width, "num_attention_heads": heads, "num_key_value_heads": groups}
    return {**config, **shape, "rms_norm_eps": config["rms_norm_eps"] * hidden / width}, wider


def _pads(
    width: int, queries: int, keys: int, root: float
) -> dict[str, Callable[[NDArray[Any]], NDArray[Any]]]:
    """What makes a tensor wide, by a part of its name."""

    def to(rows: int | None, columns: int | None) -> Callable[[NDArray[Any]], NDArray[Any]]:
        return lambda array: _padded(array, rows, columns)

    inner = dict.fromkeys(("embed_tokens", "lm_head", "gate_proj", "up_proj"), to(None, width))
    outer = {"down_proj": to(width, None), "o_proj": to(width, queries), "q_proj": to(queries, width)}
    both = dict.fromkeys(("k_proj", "v_proj"), to(keys, width))
    return {**inner, **outer, **both, "norm": lambda array: _padded(array / root, width, None)}


def _padded(array: NDArray[Any], rows: int | None, columns: int | None) -> NDArray[Any]:
    """With zeros below and to the right, up to these sizes."""
    import numpy as np

    wanted = (rows, columns)[: array.ndim]
    more = [(0, (size or now) - now) for size, now in zip(wanted, array.shape, strict=True)]
    return np.pad(array, more)


def _as_it_is(array: NDArray[Any]) -> NDArray[Any]:
    return array
