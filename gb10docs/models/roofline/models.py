"""A model's shape: what of its `config.json` decides how many weights it has, reads and multiplies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gb10docs.models.checkpoints.declared import inner
from gb10docs.models.roofline import counting, vision
from gb10docs.models.roofline.counting import Block, Experts
from gb10docs.models.roofline.fields import BadConfig, Fields
from gb10docs.models.roofline.formats import Format
from gb10docs.models.roofline.layers import ALIASES, FAMILIES, Layer, kind_of, layers_of, window_of
from gb10docs.models.roofline.tables import read

__all__ = ["DEFAULT_FORMAT", "KINDS", "PARTS", "BadConfig", "Model", "from_config"]

PARTS = (
    "embedding",
    "attention",
    "mlp",
    "experts",
    "expert_biases",
    "router",
    "head",
    "rest",
    "vision",
)
"""Kinds of weights; `rest` is norms, biases, convolutions and attention sinks, `vision` what reads pictures. A tied
head is the embedding itself."""

KINDS = tuple(sorted({*FAMILIES, *ALIASES}))
"""Values of `model_type` whose weights we count, less the ending `_text`."""

DEFAULT_FORMAT = "nvfp4"
"""What to assume of a checkpoint that is not quantized."""


@dataclass(frozen=True, slots=True)
class Model:
    """How many values a model has of each part, and what it keeps and multiplies for each token."""

    name: str
    source: str
    """Where its `config.json` is: an address or a path."""
    format: str
    """The format to assume where none is asked for: the checkpoint's own, or NVFP4. Empty where it is none of
    `FORMATS`: then `own` has it, or `refusal` says why there is none."""
    values: Mapping[str, int]
    """Number of values by part (`PARTS`), all experts included."""
    tied: bool
    """Whether the head is the embedding."""
    experts: int
    """Experts a layer; 0 in a dense model."""
    experts_used: int
    """How many of the experts a token goes through."""
    full_layers: int
    """Layers whose attention reads the whole context."""
    window_layers: int
    """Layers whose attention reads at most `window` tokens."""
    window: int
    cache_values: int
    """Values that one layer with attention caches for one token: keys and values of all KV heads, or what stands for
    them."""
    attention_width: int
    """Query heads times the mean size of a key's and a value's head."""
    positions: int
    """Longest context that the model was made for, in tokens; 0 where not told."""
    blocks: tuple[Layer, ...] = ()
    """All its layers, of whatever kind, from the first to the last."""
    latent: bool = False
    """Whether its attention is of the kind that keeps one vector for all heads (MLA)."""
    state_bytes: int = 0
    """What layers without attention keep of a sequence, however long it is."""
    notes: tuple[str, ...] = field(default=())
    """What was left out or taken for granted in counting, in sentences."""
    cache: str = "bf16"
    """Format of the KV cache as the checkpoint declares it, which need not be one of `CACHES`."""
    own: Format | None = None
    """The checkpoint's format where its bits are its own: a group size, a mixture, layers that are left out."""
    assumed: bool = False
    """Whether the checkpoint is not quantized, so that the format is only what these lessons make of such a one."""
    refusal: str = ""
    """Why the checkpoint's own format cannot be counted; empty where it can."""

    @property
    def total(self) -> int:
        """All values."""
        return sum(self.values.values())

    @property
    def layers(self) -> int:
        """All layers that keep something of each token."""
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
    where = source or name
    config, filled = _filled(config)
    outer = Fields(config, where)
    told = next(
        (
            Fields(each, where)
            for each in inner(dict(config))
            if "hidden_size" in each or "num_attention_heads" in each
        ),
        outer,
    )
    kind = kind_of(told, outer)
    layers = layers_of(told, kind)
    mixers, after = (Counter(column) for column in zip(*layers, strict=True))
    mixed = counting.attention(told, kind) if mixers["full"] or mixers["window"] else Block()
    state = counting.linear(told, kind) if mixers["linear"] else Block()
    routed = counting.experts(told, kind) if after["experts"] else Experts()
    dense = after["dense"] * counting.dense(told, kind) if after["dense"] else 0
    attending = mixers["full"] + mixers["window"]
    hidden = told.count("hidden_size")
    defaults = FAMILIES[kind].defaults or {}
    table = told.count("vocab_size", default=defaults.get("vocab_size")) * hidden
    tied = outer.flag(
        "tie_word_embeddings", default=told.flag("tie_word_embeddings", default=FAMILIES[kind].tied)
    )
    pictures = vision.values(outer, hidden)
    number = after["experts"]
    rest = attending * mixed.rest + mixers["linear"] * state.rest
    return Model(
        name=name,
        source=source,
        format=format_name,
        values={
            "embedding": table,
            "attention": attending * mixed.narrow + mixers["linear"] * state.narrow,
            "mlp": dense + number * routed.shared,
            "experts": number * routed.number * routed.each,
            "expert_biases": number * routed.biases,
            "router": number * routed.router,
            "head": 0 if tied else table,
            "rest": rest + counting.rest_of_layers(told, kind, layers),
            "vision": pictures or 0,
        },
        tied=tied,
        experts=routed.number,
        experts_used=routed.used,
        full_layers=mixers["full"],
        window_layers=mixers["window"],
        window=window_of(told, kind) if mixers["window"] else 0,
        cache_values=mixed.kept,
        attention_width=mixed.width,
        positions=told.count("max_position_embeddings", default=0),
        blocks=tuple(layers),
        latent=FAMILIES[kind].latent,
        state_bytes=mixers["linear"] * state.state_bytes,
        notes=(*filled, *_notes(outer, told, pictures)),
    )


def _filled(config: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    """With what transformers takes for fields that a nested configuration leaves out, and which those are."""
    filled, notes = dict(config), []
    known = read("nested")
    for key, usual in known.get(str(config.get("model_type")), {}).items():
        given = config.get(key)
        if not isinstance(given, dict):
            continue
        filled[key] = usual | given
        if left_out := [name for name in usual if name not in given and name not in _OPTIONAL]:
            notes.append(f"Not in its {key}, and taken as transformers 5.24 does: {', '.join(left_out)}.")
    return filled, notes


_OPTIONAL = (
    "in_channels",
    "num_channels",
    "decoder_sparse_step",
    "interleave_moe_layer_step",
    "linear_conv_kernel_dim",
)
"""Fields that nearly every file leaves out."""


def _notes(outer: Fields, told: Fields, pictures: int | None) -> list[str]:
    notes = []
    if pictures is None and any(outer.table(part) for part in vision.PARTS):
        notes.append("The part that reads pictures or sound is not counted: its kind is not known here.")
    if told.count("num_nextn_predict_layers", "mtp_num_hidden_layers", default=0):
        notes.append("Layers that guess ahead (MTP) are not counted: engines load them only when told to.")
    if told.count("index_head_dim", default=0):
        notes.append(
            "Its attention reads only some tokens of a long context, and all are counted, so that it can pass "
            "this ceiling."
        )
    return notes
