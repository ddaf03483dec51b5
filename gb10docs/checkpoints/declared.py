"""What a checkpoint says of its own quantization, in `config.json` and in Model Optimizer's `hf_quant_config.json`."""

from __future__ import annotations

from dataclasses import dataclass

from gb10docs.checkpoints.documents import Table, table, text


@dataclass(frozen=True, slots=True)
class Declared:
    """The configuration's side; nothing in it has been checked against the tensors."""

    method: str = ""
    """`quant_method`: `modelopt`, `compressed-tensors`, `mxfp4`, `fp8`, …"""
    algorithm: str = ""
    """Model Optimizer's `quant_algo`, or compressed-tensors' `format`."""
    group: int = 0
    """Values that share a scale; 0 where it does not say."""
    bits: int = 0
    """Of a weight's element; 0 where it does not say."""
    activations: bool | None = None
    """Whether activations are quantized too; None where it does not say."""
    kv_cache: str = ""
    """`FP8`, …; empty where the cache is as the model's activations are."""
    producer: str = ""
    """Who wrote it, with a version."""


def declared(config: Table, hf_quant_config: Table) -> Declared:
    """What both files say; `config.json` counts where they differ."""
    own = table(config.get("quantization_config"))
    other = table(hf_quant_config.get("quantization"))
    groups = [table(one) for one in table(own.get("config_groups")).values()]
    weights = [table(group.get("weights")) for group in groups]
    return Declared(
        method=text(own.get("quant_method")) or ("modelopt" if other else ""),
        algorithm=text(own.get("quant_algo") or own.get("format") or other.get("quant_algo")),
        group=_number([*(one.get("group_size") for one in weights), other.get("group_size")]),
        bits=_number([one.get("num_bits") for one in weights]),
        activations=any(group.get("input_activations") for group in groups) if groups else None,
        kv_cache=_kv_cache(own.get("kv_cache_scheme") or other.get("kv_cache_quant_algo")),
        producer=_producer(own, hf_quant_config),
    )


def algorithms(config: Table, hf_quant_config: Table) -> list[str]:
    """`quant_algo` as each of the two files has it; one of them where they agree or only one says."""
    own = table(config.get("quantization_config")).get("quant_algo")
    other = table(hf_quant_config.get("quantization")).get("quant_algo")
    return list(dict.fromkeys(filter(None, map(text, (own, other)))))


def _number(values: list[object]) -> int:
    """The first that is a number of anything."""
    return next((one for one in values if type(one) is int and one > 0), 0)


def _kv_cache(said: object) -> str:
    """`FP8` for Model Optimizer's word and for compressed-tensors' table alike."""
    scheme = table(said)
    bits = scheme.get("num_bits")
    if type(bits) is int:
        return f"{'FP' if scheme.get('type') == 'float' else 'INT'}{bits}"
    return text(said)


def _producer(own: Table, hf_quant_config: Table) -> str:
    said = table(own.get("producer")) or table(hf_quant_config.get("producer"))
    if said:
        return " ".join(filter(None, [text(said.get("name")), text(said.get("version"))]))
    if own.get("quant_method") == "compressed-tensors":
        return " ".join(filter(None, ["compressed-tensors", text(own.get("version"))]))
    return ""
