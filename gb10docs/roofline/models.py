"""A model's shape: what of its `config.json` decides how many weights it has, reads and multiplies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gb10docs.errors import GB10DocsError

PARTS = ("embedding", "attention", "mlp", "experts", "expert_biases", "router", "head", "rest")
"""Kinds of weights; `rest` is norms, biases and attention sinks. A tied head is the embedding itself."""

KINDS = ("gpt_oss", "llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe")
"""Values of `model_type` whose weights we count."""

DEFAULT_FORMAT = "nvfp4"
"""What to assume of a checkpoint that is not quantized."""


class BadConfig(GB10DocsError):
    """A `config.json` from which the weights cannot be counted."""


@dataclass(frozen=True, slots=True)
class Model:
    """How many values a model has of each part, and what it keeps and multiplies for each token."""

    name: str
    source: str
    """Where its `config.json` is: an address or a path."""
    format: str
    """The format to assume where none is asked for: the checkpoint's own, or NVFP4."""
    values: Mapping[str, int]
    """Number of values by part (`PARTS`), all experts included."""
    tied: bool
    """Whether the head is the embedding."""
    experts: int
    """Experts a layer; 0 in a dense model."""
    experts_used: int
    """Of them, those that a token goes through."""
    full_layers: int
    """Layers whose attention reads the whole context."""
    window_layers: int
    """Layers whose attention reads at most `window` tokens."""
    window: int
    cache_values: int
    """Values that one layer caches for one token: keys and values of all KV heads."""
    attention_width: int
    """Query heads times the size of a head."""
    positions: int
    """Longest context that the model was made for, in tokens; 0 where not told."""

    @property
    def total(self) -> int:
        """All values."""
        return sum(self.values.values())

    @property
    def layers(self) -> int:
        """All layers."""
        return self.full_layers + self.window_layers

    def cached_tokens(self, context: int) -> int:
        """Tokens kept over all layers for a context of so many, less what has left the windows."""
        return self.full_layers * context + self.window_layers * min(context, self.window)


def from_config(
    config: Mapping[str, Any], name: str, source: str = "", format_name: str = DEFAULT_FORMAT
) -> Model:
    """The shape that a `config.json` tells; `format_name` is that of the checkpoint.

    Raises:
        BadConfig: A field is missing or wrong, or the weights of such models are not counted here.
    """
    shape = _shape(_Fields(config, source or name))
    return Model(
        name=name,
        source=source,
        format=format_name,
        values=_values(shape),
        tied=shape.tied,
        experts=shape.experts,
        experts_used=shape.experts_used,
        full_layers=shape.layers - shape.window_layers,
        window_layers=shape.window_layers,
        window=shape.window,
        cache_values=2 * shape.kv_heads * shape.head,
        attention_width=shape.heads * shape.head,
        positions=shape.positions,
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """The fields of a configuration under one name each."""

    kind: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head: int
    inner: int
    vocabulary: int
    tied: bool
    biased: bool
    positions: int
    experts: int
    experts_used: int
    expert_inner: int
    expert_layers: int
    window: int
    window_layers: int


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a configuration, checked as they are read."""

    config: Mapping[str, Any]
    where: str

    def kind(self) -> str:
        """The architecture, if it is one that we count."""
        kind = str(self.config.get("model_type", ""))
        if kind not in KINDS:
            raise BadConfig(
                f"{self.where}: models of type '{kind}' are not counted here: known: {', '.join(KINDS)}"
            )
        return kind

    def count(self, field: str, default: int | None = None) -> int:
        """A whole number; one that has no default is more than 0."""
        value = self.config.get(field)
        value = default if value is None else value
        if value is None:
            raise BadConfig(f"{self.where}: has no '{field}': without it the weights cannot be counted")
        least = 1 if default is None else 0
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
            raise BadConfig(f"{self.where}: '{field}' is {value!r}: it should be a whole number from {least}")
        return value

    def expert_layers(self, layers: int) -> int:
        """Layers with experts, where only some have them."""
        step = max(1, self.count("decoder_sparse_step", 1))
        dense = self.config.get("mlp_only_layers")
        dense = dense if isinstance(dense, list) else []
        return sum((layer + 1) % step == 0 and layer not in dense for layer in range(layers))

    def window_layers(self, layers: int) -> int:
        """Layers with a sliding window; those of gpt-oss alternate where they are not listed."""
        listed = self.config.get("layer_types")
        if isinstance(listed, list):
            return sum(one == "sliding_attention" for one in listed[:layers])
        if not self.config.get("sliding_window") or self.config.get("use_sliding_window") is False:
            return 0
        return (layers + 1) // 2 if self.kind() == "gpt_oss" else layers


def _shape(told: _Fields) -> _Shape:
    kind = told.kind()
    layers, hidden = told.count("num_hidden_layers"), told.count("hidden_size")
    heads, inner = told.count("num_attention_heads"), told.count("intermediate_size")
    experts = told.count("num_local_experts", told.count("num_experts", 0))
    window_layers = told.window_layers(layers)
    return _Shape(
        kind=kind,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=told.count("num_key_value_heads", heads),
        head=told.count("head_dim", hidden // heads),
        inner=inner,
        vocabulary=told.count("vocab_size"),
        tied=bool(told.config.get("tie_word_embeddings", False)),
        biased=bool(told.config.get("attention_bias", False)),
        positions=told.count("max_position_embeddings", 0),
        experts=experts,
        experts_used=told.count("num_experts_per_tok") if experts else 0,
        expert_inner=told.count("moe_intermediate_size", inner) if experts else 0,
        expert_layers=told.expert_layers(layers) if experts else 0,
        window=told.count("sliding_window") if window_layers else 0,
        window_layers=window_layers,
    )


def _values(shape: _Shape) -> dict[str, int]:
    """By part, as transformers lays such models out."""
    projected = (shape.heads + 2 * shape.kv_heads) * shape.head
    table = shape.vocabulary * shape.hidden
    experts = shape.expert_layers * shape.experts
    expert_biases = experts * (2 * shape.expert_inner + shape.hidden) if shape.kind == "gpt_oss" else 0
    return {
        "embedding": table,
        "attention": shape.layers * shape.hidden * (projected + shape.heads * shape.head),
        "mlp": (shape.layers - shape.expert_layers) * 3 * shape.hidden * shape.inner,
        "experts": experts * 3 * shape.hidden * shape.expert_inner,
        "expert_biases": expert_biases,
        "router": experts * shape.hidden,
        "head": 0 if shape.tied else table,
        "rest": shape.layers * (_norms(shape) + _biases(shape, projected)) + shape.hidden,
    }


def _norms(shape: _Shape) -> int:
    """Values of a layer's norms; Qwen3 has one more each for queries and keys."""
    return 2 * shape.hidden + (2 * shape.head if shape.kind.startswith("qwen3") else 0)


def _biases(shape: _Shape, projected: int) -> int:
    """Values of a layer's biases: of queries, keys and values, of the output, of gpt-oss's sinks and router."""
    if shape.kind == "gpt_oss":
        return projected + shape.hidden + shape.heads + shape.experts
    if shape.kind == "qwen2":
        return projected
    return projected + shape.hidden if shape.biased else 0
