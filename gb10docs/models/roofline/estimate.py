"""The roofline: how fast a machine can write and read tokens, and whether a model fits its memory.

Writing a token (decode) reads every weight that is used, and the cache; reading a prompt (prefill) multiplies.
So a step takes at least as long as the slower of two: bytes over bandwidth, operations over arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

from gb10docs.models.roofline.formats import CACHES, Format
from gb10docs.models.roofline.machines import Machine
from gb10docs.models.roofline.models import Model

BAND = (0.60, 0.85)
"""Shares of the ceiling that published decode speeds mostly reach; see `published.toml`."""

OVERHEAD_BYTES = 4e9
"""What an engine needs besides weights and cache, on each device: our estimate for the CUDA context, CUDA
graphs, workspaces and activations."""

TIGHT = 0.9
"""Share of the memory beyond which it is tight: allocators leave gaps, and page cache competes."""

NO_ROOM = "does not fit"
"""The verdict on what needs more memory than there is."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What comes out for one model, format, machine, batch and context. Bytes, seconds and tokens a second."""

    model: Model
    format: Format
    machine: Machine
    batch: int
    """Sequences that are decoded together."""
    context: int
    """Tokens in the cache of each."""
    cache: str
    """Format of the cache, of `CACHES`."""
    weight_bytes: float
    """The checkpoint."""
    cache_bytes: float
    """The cache of all sequences, with the states of layers that have no attention."""
    overhead_bytes: float
    """An estimate."""
    experts_touched: float
    """Distinct experts a layer that a step is expected to read."""
    read_weight_bytes: float
    """Weights read in a step."""
    memory_s: float
    """Shortest time of a step by bytes."""
    arithmetic_s: float
    """Shortest time of a step by operations."""
    prefill_s: float
    """Shortest time to read a prompt as long as the context."""

    @property
    def cache_bytes_per_token(self) -> int:
        """What one more token of context adds to the cache of a sequence while no window is full."""
        return self.model.layers * self.model.cache_values * CACHES[self.cache]

    @property
    def cache_bytes_per_token_beyond(self) -> int:
        """What one more token adds where the context is as long as it is: layers whose window is full add nothing."""
        full = self.model.window_layers if self.context >= self.model.window else 0
        return (self.model.layers - full) * self.model.cache_values * CACHES[self.cache]

    @property
    def needed_bytes(self) -> float:
        """Weights, cache and overhead."""
        return self.weight_bytes + self.cache_bytes + self.overhead_bytes

    @property
    def verdict(self) -> str:
        """`fits`, `tight` or `does not fit`."""
        share = self.needed_bytes / self.machine.memory_bytes
        return NO_ROOM if share > 1 else "tight" if share > TIGHT else "fits"

    @property
    def bytes_per_step(self) -> float:
        """Weights and cache read to write one token for each sequence."""
        return self.read_weight_bytes + self.cache_bytes

    @property
    def bytes_per_token(self) -> float:
        """A sequence's share of a step."""
        return self.bytes_per_step / self.batch

    @property
    def limit(self) -> str:
        """What a step waits for: `memory` or `arithmetic`."""
        return "memory" if self.memory_s >= self.arithmetic_s else "arithmetic"

    @property
    def ceiling_tok_s(self) -> float:
        """Tokens a second of all sequences together, at most."""
        return self.batch / max(self.memory_s, self.arithmetic_s)

    @property
    def ceiling_each_tok_s(self) -> float:
        """Tokens a second of each sequence, at most."""
        return 1 / max(self.memory_s, self.arithmetic_s)

    @property
    def expected_tok_s(self) -> tuple[float, float]:
        """`BAND` of the ceiling."""
        low, high = BAND
        return self.ceiling_tok_s * low, self.ceiling_tok_s * high

    @property
    def prefill_tok_s(self) -> float:
        """Prompt tokens a second, at most; 0 where there is no prompt."""
        return self.context / self.prefill_s if self.prefill_s else 0.0


def estimate(
    model: Model,
    number_format: Format,
    machine: Machine,
    *,
    batch: int = 1,
    context: int = 0,
    cache: str = "bf16",
) -> Estimate:
    """The estimate for sequences that each have `context` tokens behind them.

    Raises:
        ValueError: `batch` is below 1, `context` below 0, or `cache` no format of a cache.
    """
    if batch < 1 or context < 0 or cache not in CACHES:
        raise ValueError(f"no batch {batch}, context {context} or cache {cache}")
    touched = experts_touched(model, batch)
    of_tokens = model.cached_tokens(context) * model.cache_values * CACHES[cache]
    cached = batch * (of_tokens + model.state_bytes)
    read = read_weight_bytes(model, number_format, touched)
    return Estimate(
        model=model,
        format=number_format,
        machine=machine,
        batch=batch,
        context=context,
        cache=cache,
        weight_bytes=sum(number_format.bytes_of(part, values) for part, values in model.values.items()),
        cache_bytes=cached,
        overhead_bytes=OVERHEAD_BYTES * machine.devices,
        experts_touched=touched,
        read_weight_bytes=read,
        memory_s=(read + cached) / machine.bytes_s,
        arithmetic_s=_decode_s(model, number_format, machine, batch, context),
        prefill_s=_prefill_s(model, number_format, machine, context),
    )


def experts_touched(model: Model, batch: int) -> float:
    """Distinct experts a layer that so many tokens are expected to choose, each as likely as any other."""
    if not model.experts:
        return 0.0
    missed = 1 - model.experts_used / model.experts
    return model.experts * (1 - missed**batch)


def read_weight_bytes(model: Model, number_format: Format, touched: float) -> float:
    """Bytes of weights that a step reads: not those for pictures, of the embedding one row, the experts chosen."""
    read = 0.0
    for part, values in model.values.items():
        if part == "vision":
            continue
        if part == "embedding":
            read += number_format.bytes_of(part, values) if model.tied else 0.0
        elif part in ("experts", "expert_biases"):
            read += number_format.bytes_of(part, values) * touched / model.experts if model.experts else 0.0
        else:
            read += number_format.bytes_of(part, values)
    return read


def _decode_s(model: Model, number_format: Format, machine: Machine, batch: int, context: int) -> float:
    """Seconds of arithmetic in a step: two operations a weight and token, and the attention in 16 bits."""
    wide = 2 * (model.values["router"] + (model.values["head"] or model.values["embedding"]))
    wide += 4 * model.attention_width * model.cached_tokens(context)
    narrow = _narrow_operations(model)
    return batch * (narrow / machine.operations_s(number_format.arithmetic) + wide / machine.operations_s(16))


def _prefill_s(model: Model, number_format: Format, machine: Machine, context: int) -> float:
    """Seconds of arithmetic for a prompt; its last token alone goes through the head, which is left out."""
    full, window = context * (context + 1) / 2, min(context, model.window)
    seen = model.full_layers * full
    seen += model.window_layers * (context * window - window * (window - 1) / 2 if window else 0)
    wide = context * 2 * model.values["router"] + 4 * model.attention_width * seen
    narrow = context * _narrow_operations(model)
    return narrow / machine.operations_s(number_format.arithmetic) + wide / machine.operations_s(16)


def _narrow_operations(model: Model) -> float:
    """Operations a token in the layers that a format narrows."""
    share = model.experts_used / model.experts if model.experts else 0.0
    values = model.values
    return 2 * (values["attention"] + values["mlp"] + values["experts"] * share)
