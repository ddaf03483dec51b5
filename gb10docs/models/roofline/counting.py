"""How many values the layers of a model have, and what they keep of each token."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gb10docs.models.roofline.fields import Fields
from gb10docs.models.roofline.layers import FAMILIES, Family, Layer


@dataclass(frozen=True, slots=True)
class Block:
    """One layer's part: values that a format narrows, values that it leaves, and what is kept."""

    narrow: int = 0
    """Values of its matrices."""
    rest: int = 0
    """Values of norms, biases, convolutions and the like."""
    kept: int = 0
    """Values for each token."""
    width: int = 0
    """Products with each token that is kept, of one query: heads times the mean size of a key and a value."""
    state_bytes: int = 0
    """For each sequence, however long."""


@dataclass(frozen=True, slots=True)
class Experts:
    """What a layer with experts has."""

    number: int = 0
    used: int = 0
    """How many of them each token uses."""
    each: int = 0
    """Values of one."""
    shared: int = 0
    """Values of matrices that every token goes through."""
    router: int = 0
    biases: int = 0
    """Values of the biases of all of them."""


def attention(told: Fields, kind: str) -> Block:
    """One layer's attention."""
    family, hidden = FAMILIES[kind], told.count("hidden_size")
    heads = told.count("num_attention_heads", default=_default(family, "num_attention_heads"), least=1)
    if family.latent:
        return _latent(told, hidden, heads)
    groups = told.count(
        "num_key_value_heads", default=_default(family, "num_key_value_heads") or heads, least=1
    )
    head = told.count("head_dim", default=_default(family, "head_dim") or max(1, hidden // heads), least=1)
    queries, keys = heads * head, groups * head
    projected = queries + 2 * keys
    rest = {"": 0, "head": 2 * head, "all": queries + keys}[family.query_key_norm]
    if kind == "glm4_moe" and told.flag("use_qk_norm"):
        rest += 2 * head
    if kind == "gpt_oss":
        rest += projected + hidden + heads  # the last are sinks
    elif family.biased:
        rest += projected
    elif told.flag("attention_bias"):
        rest += projected + (hidden if kind != "glm4_moe" else 0)
    gate = queries if family.gated else 0
    return Block(hidden * (projected + gate + queries), rest, kept=2 * keys, width=queries)


def _latent(told: Fields, hidden: int, heads: int) -> Block:
    """Multi-head latent attention: one vector a token for all heads; with an indexer, that keeps a key beside it."""
    rank, rope = told.count("kv_lora_rank"), told.count("qk_rope_head_dim")
    plain, value = told.count("qk_nope_head_dim"), told.count("v_head_dim")
    squeezed = told.count("q_lora_rank", default=0)
    query = heads * (plain + rope)
    narrow = hidden * squeezed + squeezed * query if squeezed else hidden * query
    narrow += hidden * (rank + rope) + rank * heads * (plain + value) + heads * value * hidden
    rest, kept = rank + squeezed, rank + rope
    if told.flag("attention_bias"):
        rest += squeezed + rank + rope + hidden
    if index := told.count("index_head_dim", default=0):
        index_heads = told.count("index_n_heads")
        narrow += squeezed * index_heads * index + hidden * (index + index_heads)
        rest, kept = rest + 2 * index, kept + index
    return Block(narrow, rest, kept, width=heads * (plain + rope + value) // 2)


def linear(told: Fields, kind: str) -> Block:
    """One layer whose state has a fixed size: Mamba-2 of Nemotron-H, or Gated DeltaNet of Qwen."""
    return _mamba(told) if kind == "nemotron_h" else _delta(told)


def _mamba(told: Fields) -> Block:
    hidden, heads = told.count("hidden_size"), told.count("mamba_num_heads")
    inner, state = heads * told.count("mamba_head_dim"), told.count("ssm_state_size")
    groups, kernel = told.count("n_groups", "mamba_n_groups"), told.count("conv_kernel", "mamba_d_conv")
    convolved = inner + 2 * groups * state
    biases = convolved if told.flag("use_conv_bias", default=True) else 0
    return Block(
        narrow=hidden * (inner + convolved + heads) + inner * hidden,
        rest=kernel * convolved + biases + 3 * heads + inner,
        state_bytes=2 * (kernel - 1) * convolved + _state_width(told) * inner * state,
    )


def _delta(told: Fields) -> Block:
    hidden, kernel = told.count("hidden_size"), told.count("linear_conv_kernel_dim", default=4)
    key_heads, value_heads = told.count("linear_num_key_heads"), told.count("linear_num_value_heads")
    key, value = told.count("linear_key_head_dim"), told.count("linear_value_head_dim")
    convolved = 2 * key_heads * key + value_heads * value
    return Block(
        narrow=hidden * (convolved + value_heads * value) + value_heads * value * hidden,
        rest=2 * hidden * value_heads + kernel * convolved + 2 * value_heads + value,
        state_bytes=2 * max(0, kernel - 1) * convolved + _state_width(told) * value_heads * key * value,
    )


def _state_width(told: Fields) -> int:
    """Bytes of a value of the state; what a configuration does not say, engines keep in 32 bits."""
    said = told.text("mamba_ssm_cache_dtype") or told.text("mamba_ssm_dtype") or "float32"
    return 4 if said == "float32" else 2


def dense(told: Fields, kind: str) -> int:
    """Values of one layer that every token goes through."""
    inner = told.count("intermediate_size_mlp", "intermediate_size")
    return FAMILIES[kind].matrices * told.count("hidden_size") * inner


def experts(told: Fields, kind: str) -> Experts:
    """What a layer with experts has."""
    number = told.count("n_routed_experts", "num_local_experts", "num_experts")
    hidden, matrices = told.count("hidden_size"), FAMILIES[kind].matrices
    inner = told.count("moe_intermediate_size", "intermediate_size")
    width = told.count("moe_latent_size", default=0)
    shared = matrices * hidden * _shared(told, kind, inner) + (2 * hidden * width if width else 0)
    return Experts(
        number,
        used=told.count("num_experts_per_tok"),
        each=matrices * (width or hidden) * inner,
        shared=shared,
        router=hidden * (number + (1 if kind in ("qwen3_next", "qwen3_5_moe") else 0)),
        biases=number * (2 * inner + hidden) if kind == "gpt_oss" else 0,
    )


def _shared(told: Fields, kind: str, inner: int) -> int:
    """How wide the experts are that every token goes through."""
    if kind == "llama4":
        return inner
    if kind == "nemotron_h":
        return told.count("moe_shared_expert_intermediate_size")
    several = told.count("n_shared_experts", default=0) * inner
    return told.count("shared_expert_intermediate_size", default=several)


def rest_of_layers(told: Fields, kind: str, layers: list[Layer]) -> int:
    """Norms as wide as the model, the last one included, and gpt-oss's biases of routers."""
    kinds = Counter(after for _, after in layers)
    routers = told.count("num_local_experts") * kinds["experts"] if kind == "gpt_oss" else 0
    return told.count("hidden_size") * (FAMILIES[kind].norms * len(layers) + 1) + routers


def _default(family: Family, field: str) -> int | None:
    return (family.defaults or {}).get(field)
