"""The layers of a model: what each mixes its tokens with, and what it multiplies them by afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from gb10docs.models.roofline.fields import BadConfig, Fields

MOST = 4096
"""Layers, of any model."""

Mixer: TypeAlias = Literal["full", "window", "linear", "none"]
"""Attention to everything, attention to a window, a state of fixed size (Gated DeltaNet, Mamba), or nothing."""
After: TypeAlias = Literal["dense", "experts", "none"]
Layer: TypeAlias = tuple[Mixer, After]

_MIXERS: Mapping[str, Mixer] = {
    "full_attention": "full",
    "attention": "full",
    "global_attention": "full",
    "sliding_attention": "window",
    "chunked_attention": "window",
    "local_attention": "window",
    "linear_attention": "linear",
    "mamba": "linear",
}
_BLOCKS: Mapping[str, Layer] = {
    "M": ("linear", "none"),
    "*": ("full", "none"),
    "E": ("none", "experts"),
    "-": ("none", "dense"),
    "mamba": ("linear", "none"),
    "linear_attention": ("linear", "none"),
    "attention": ("full", "none"),
    "full_attention": ("full", "none"),
    "moe": ("none", "experts"),
    "mlp": ("none", "dense"),
}
"""Nemotron-H's layers, which are half of another model's."""


@dataclass(frozen=True, slots=True)
class Family:
    """What models of one type do alike, and the configuration does not say."""

    latent: bool = False
    """Whether keys and values are kept as one vector for all heads (multi-head latent attention, MLA)."""
    gated: bool = False
    """Whether queries bring as many values again, which gate the attention's output."""
    norms: int = 2
    """Norms of a layer as wide as the model."""
    query_key_norm: Literal["", "head", "all"] = ""
    """Whether queries and keys are normalized, by head or all heads together."""
    biased: bool = False
    """Whether queries, keys and values always have biases."""
    matrices: int = 3
    """How many matrices a dense layer or an expert has."""
    windows: Literal["all", "alternate", "last", "pattern", "three_of_four", "none"] = "all"
    """Which layers have a window where one is given and the layers are not listed."""
    tied: bool = False
    """Whether the head is the embedding where the configuration does not say."""
    defaults: Mapping[str, int] | None = None
    """Fields that its configurations leave out."""


FAMILIES: Mapping[str, Family] = {
    "cohere2": Family(norms=1, windows="pattern", tied=True, defaults={"sliding_window_pattern": 4}),
    "deepseek_v3": Family(latent=True, windows="none"),
    "deepseek_v32": Family(latent=True, windows="none"),
    "gemma3": Family(norms=4, query_key_norm="head", windows="pattern", tied=True),
    "gemma2": Family(norms=4, windows="alternate", tied=True),
    "glm4_moe": Family(windows="none"),
    "glm4_moe_lite": Family(latent=True, windows="none"),
    "glm_moe_dsa": Family(latent=True, windows="none"),
    "gpt_oss": Family(windows="alternate"),
    "granite": Family(windows="none"),
    "llama": Family(),
    "llama4": Family(windows="three_of_four"),
    "minimax_m2": Family(query_key_norm="all", windows="none"),
    "mistral": Family(),
    "mixtral": Family(),
    "nemotron_h": Family(norms=1, matrices=2, windows="none"),
    "phi3": Family(),
    "qwen2": Family(biased=True, windows="last"),
    "qwen3": Family(query_key_norm="head", windows="last"),
    "qwen3_5": Family(gated=True, query_key_norm="head", windows="none"),
    "qwen3_5_moe": Family(gated=True, query_key_norm="head", windows="none"),
    "qwen3_moe": Family(query_key_norm="head"),
    "qwen3_next": Family(gated=True, query_key_norm="head", windows="none"),
}
"""What is known of each `model_type`."""

ALIASES: Mapping[str, str] = {
    "glm4v_moe": "glm4_moe",
    "kimi_k2": "deepseek_v3",
    "kimi_k25": "deepseek_v3",
    "ministral": "mistral",
    "ministral3": "mistral",
    "qwen2_5_vl": "qwen2",
    "qwen2_vl": "qwen2",
    "qwen3_omni_moe": "qwen3_moe",
    "qwen3_vl": "qwen3",
    "qwen3_vl_moe": "qwen3_moe",
    "smollm3": "granite",
}
"""Language models that are laid out as another's."""


def kind_of(told: Fields, outer: Fields) -> str:
    """The family of a language model, by its own type or by that of the configuration around it.

    Raises:
        BadConfig: Its weights are not counted here.
    """
    said = told.text("model_type") or outer.text("model_type")
    kind = said.removesuffix("_text")
    kind = ALIASES.get(kind, kind)
    if kind not in FAMILIES:
        known = ", ".join(sorted({*FAMILIES, *ALIASES}))
        shown = said if said.isprintable() and len(said) <= 100 else "?"
        raise BadConfig(f"{told.where}: models of type '{shown}' are not counted here: known: {known}")
    return kind


def layers_of(told: Fields, kind: str) -> list[Layer]:
    """Every layer, from the first to the last.

    Raises:
        BadConfig: There are too many, or a kind of layer is listed that is not known here.
    """
    if kind == "nemotron_h":
        return _blocks(told)
    number = told.count("num_hidden_layers")
    if number > MOST:
        raise BadConfig(f"{told.where}: 'num_hidden_layers' is {number}: no model has more than {MOST}")
    mixers = _listed(told, number) or _by_habit(told, kind, number)
    sparse = _with_experts(told, number)
    return [(mixer, "experts" if layer in sparse else "dense") for layer, mixer in enumerate(mixers)]


def _blocks(told: Fields) -> list[Layer]:
    listed = told.listed("layers_block_type") or list(told.text("hybrid_override_pattern"))
    if not listed or len(listed) > MOST or not all(isinstance(one, str) and one in _BLOCKS for one in listed):
        raise BadConfig(
            f"{told.where}: its 'hybrid_override_pattern' or 'layers_block_type' is no list of known layers"
        )
    return [_BLOCKS[one] for one in listed]


def _listed(told: Fields, number: int) -> list[Mixer] | None:
    listed = told.listed("layer_types")
    if listed is None:
        return None
    kinds = [one for one in listed[:number] if isinstance(one, str) and one in _MIXERS]
    if len(kinds) < number:
        raise BadConfig(f"{told.where}: its 'layer_types' do not name {number} layers of kinds known here")
    return [_MIXERS[one] for one in kinds]


def _by_habit(told: Fields, kind: str, number: int) -> list[Mixer]:
    """What transformers takes where the layers are not listed."""
    if kind in ("qwen3_next", "qwen3_5", "qwen3_5_moe"):
        interval = told.count("full_attention_interval", default=4, least=1)
        return ["linear" if (layer + 1) % interval else "full" for layer in range(number)]
    habit = FAMILIES[kind].windows if window_of(told, kind) else "none"
    first = told.count("max_window_layers", default=28)
    every = (FAMILIES[kind].defaults or {}).get("sliding_window_pattern", 6)
    every = told.count("sliding_window_pattern", default=every, least=1)
    nope = told.count("no_rope_layer_interval", default=4, least=1)
    windowed: Mapping[str, Callable[[int], bool]] = {
        "none": lambda _: False,
        "all": lambda _: True,
        "alternate": lambda layer: layer % 2 == 0,
        "last": lambda layer: layer >= first,
        "pattern": lambda layer: (layer + 1) % every != 0,
        "three_of_four": lambda layer: (layer + 1) % nope != 0,
    }
    return ["window" if windowed[habit](layer) else "full" for layer in range(number)]


def window_of(told: Fields, kind: str) -> int:
    """Tokens that a layer with a window sees; 0 where the configuration turns windows off."""
    unused = told.config.get("use_sliding_window") is False
    unused |= FAMILIES[kind].windows == "last" and not told.flag("use_sliding_window")
    if unused and told.listed("layer_types") is None:
        return 0
    default = (FAMILIES[kind].defaults or {}).get("sliding_window", 0)
    return told.count("attention_chunk_size" if kind == "llama4" else "sliding_window", default=default)


def _with_experts(told: Fields, number: int) -> set[int]:
    """The layers whose tokens go through experts."""
    every = range(number)
    if not told.count("n_routed_experts", "num_local_experts", "num_experts", default=0):
        return set()
    if kinds := told.listed("mlp_layer_types"):
        return {layer for layer, kind in enumerate(kinds[:number]) if kind == "sparse"}
    if chosen := told.listed("moe_layers"):
        return {layer for layer in every if layer in chosen}
    step = told.count("interleave_moe_layer_step", "decoder_sparse_step", default=1, least=1)
    dense: list[Any] = told.listed("mlp_only_layers") or []
    first = told.count("first_k_dense_replace", default=0)
    often = told.count("moe_layer_freq", default=1, least=1)
    return {
        layer
        for layer in every
        if (layer + 1) % step == 0 and layer not in dense and layer >= first and layer % often == 0
    }
