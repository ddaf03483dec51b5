"""What a checkpoint says of its own quantization: the one reading of it, for `inspect`, `fit` and the engines.

It stands in `config.json` under several keys and depths, in Model Optimizer's `hf_quant_config.json`, in the
`quantize_config.json` and `quant_config.json` of older GPTQ and AWQ tools, or in Mistral's `params.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gb10docs.models.checkpoints.documents import Table, table, text

NESTED = ("text_config", "language_config", "llm_config", "thinker_config")
"""Keys under which a configuration for several kinds of input keeps its language model's own."""

_KEYS = ("quantization_config", "compression_config", "quantization")
"""The second in files of compressed-tensors before 0.6, the third in MLX's and in Mistral's `params.json`."""

ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "NVFP4": ("NVFP4",),
    "NVFP4_AWQ": ("NVFP4",),
    "NVFP4_SVD": ("NVFP4",),
    "NVFP4_SVDQUANT": ("NVFP4",),
    "W4A8_NVFP4_FP8": ("NVFP4",),
    "W4A16_NVFP4": ("W4A16_NVFP4",),
    "MXFP4": ("MXFP4",),
    "W4A16_MXFP4": ("MXFP4",),
    "W4A8_MXFP4_FP8": ("MXFP4",),
    "W4A8_MXFP4_MXFP8": ("MXFP4",),
    "MXFP8": ("MXFP8",),
    "FP8": ("FP8",),
    "FP8_PB_WO": ("FP8",),
    "FP8_PB_REAL": ("FP8",),
    "FP8_BLOCK_SCALES": ("FP8",),
    "FP8_PER_CHANNEL_PER_TOKEN": ("FP8",),
    "W4A16": ("INT4",),
    "W4A16_AWQ": ("INT4",),
    "W4A16_GPTQ": ("INT4",),
    "W4A8_AWQ": ("INT4",),
    "W8A16": ("INT8",),
    "W8A16_GPTQ": ("INT8",),
    "W8A8_SQ_PER_CHANNEL": ("INT8",),
    "W8A8_SQ_PER_TENSOR_PLUGIN": ("INT8",),
    "INT8": ("INT8",),
    "INT8_SQ": ("INT8",),
    "MIXED_PRECISION": ("mixed",),
    "NVFP4-PACK-QUANTIZED": ("NVFP4", "W4A16_NVFP4"),
    "MXFP4-PACK-QUANTIZED": ("MXFP4",),
    "MXFP8-QUANTIZED": ("MXFP8",),
    "FLOAT-QUANTIZED": ("FP8",),
    "INT-QUANTIZED": ("INT8",),
}
"""What the tensors can be, by the words of Model Optimizer and compressed-tensors in capitals."""

UNQUANTIZED = frozenset(["", "NONE", "NO_QUANT", "UNQUANTIZED", "DENSE"])
"""Words, in capitals, that say that weights, a layer or a cache stay as they were."""
_ALWAYS: Mapping[str, tuple[str, ...]] = {
    "fp8": ("FP8",),
    "fbgemm-fp8": ("FP8",),
    "mxfp4": ("MXFP4",),
    "mxfp8": ("MXFP8",),
    "eetq": ("INT8",),
}
"""Methods that have one format."""
_INTEGERS = ("gptq", "awq", "auto-round", "autoround", "intel/auto-round", "hqq", "metal", "sinq")
"""How the names of methods begin whose configuration gives the bits of an integer: `gptq_marlin` is one, too."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The configuration's side; nothing in it has been checked against the tensors."""

    method: str = ""
    """`quant_method`: `modelopt`, `compressed-tensors`, `mxfp4`, `fp8`, `awq`, `gptq`, `bitsandbytes`, `mlx`, …"""
    algorithm: str = ""
    """Model Optimizer's `quant_algo`, or compressed-tensors' `format`."""
    group: int = 0
    """Values that share a scale; 0 where it does not say."""
    bits: int = 0
    """Bits of a weight's element; 0 where it does not say."""
    activations: bool | None = None
    """Whether activations are quantized too; None where it does not say."""
    kv_cache: str = ""
    """`FP8`, …; empty where the cache is as the model's activations are."""
    producer: str = ""
    """Who wrote it, with a version."""
    schemes: frozenset[str] = frozenset()
    """What the weights can be by these words: `NVFP4`, `W4A16_NVFP4`, `FP8`, `INT4`, `NF4`, …, `mixed`. Empty where
    nothing is declared, and where the words are not known here."""
    block: tuple[int, int] | None = None
    """Rows and columns that share a scale, as `weight_block_size` says."""
    layers: Mapping[str, str] = field(default_factory=dict)
    """Model Optimizer's table `quantized_layers`: the algorithm of each module."""
    ignored: tuple[str, ...] = ()
    """Names or patterns of modules that stay as they were."""

    @property
    def word(self) -> str:
        """What the checkpoint calls its quantization; empty where it declares none."""
        return self.algorithm or self.method


def declared(config: Table, hf_quant_config: Table, older: Table | None = None) -> Declared:
    """What the files say; `config.json` counts where they differ.

    Args:
        config: `config.json`, or Mistral's `params.json`.
        hf_quant_config: Model Optimizer's own file.
        older: `quantize_config.json` or `quant_config.json`, which count where the others say nothing.
    """
    own = _own(config)
    other = table(hf_quant_config.get("quantization")) or table(own.get("quantization"))
    if not own and not other:
        own = dict(older or {})
    groups = [table(one) for one in table(own.get("config_groups")).values()]
    groups = [group for group in groups if table(group.get("weights"))]
    weights = [table(group.get("weights")) for group in groups]
    method = _method(own, other, from_older=bool(older) and own == older)
    bits = _number([*(one.get("num_bits") for one in weights), *_bits(own)])
    return Declared(
        method=method,
        algorithm=text(own.get("quant_algo") or own.get("format") or other.get("quant_algo")),
        group=_number([*(one.get("group_size") for one in weights), other.get("group_size"), *_groups(own)]),
        bits=bits,
        activations=any(group.get("input_activations") for group in groups) if groups else None,
        kv_cache=_kv_cache(own, other),
        producer=_producer(own, hf_quant_config),
        schemes=frozenset(_schemes(method, own, other, groups, bits, config)),
        block=_block(own, weights),
        layers=_layers(own, other),
        ignored=_ignored(own, other),
    )


def algorithms(config: Table, hf_quant_config: Table) -> list[str]:
    """`quant_algo` as each of the two files has it; one of them where they agree or only one says."""
    own = _own(config).get("quant_algo")
    other = table(hf_quant_config.get("quantization")).get("quant_algo")
    return list(dict.fromkeys(filter(None, map(text, (own, other)))))


def inner(config: Table) -> Iterator[Table]:
    """A configuration, and those of language models that are nested in it, from the outside to the inside."""
    yield config
    for key in NESTED:
        if found := table(config.get(key)):
            yield found
            for deeper in NESTED:
                if within := table(found.get(deeper)):
                    yield within


def _own(config: Table) -> Table:
    """The first table about quantization, wherever it stands; what is no table is taken for a word that names it."""
    said = next((found for each in inner(config) for key in _KEYS if (found := each.get(key))), None)
    if said is None or isinstance(said, dict):
        return said or {}
    return {"quant_method": text(said) or f"a {type(said).__name__} in the place of a table"}


def _method(own: Table, other: Table, *, from_older: bool) -> str:
    if found := text(own.get("quant_method")):
        return found
    if text(own.get("quant_algo")) or (other and other.get("quant_algo", "left out")):
        return "modelopt"
    if text(own.get("qformat_weight")).startswith("fp8"):
        return "fp8"  # in Mistral's own words
    if from_older and own:
        return "awq" if "w_bit" in own or "zero_point" in own else "gptq"
    return "mlx" if "bits" in own and "group_size" in own else ""


def _bits(own: Table) -> list[object]:
    """What stands where the methods with integers keep their bits."""
    inside = table(table(own.get("quant_config")).get("weight_quant_params"))
    return [own.get("bits"), own.get("w_bit"), own.get("nbits"), inside.get("nbits")]


def _groups(own: Table) -> list[object]:
    inside = table(table(own.get("quant_config")).get("weight_quant_params"))
    return [own.get("group_size"), own.get("q_group_size"), inside.get("group_size")]


def _schemes(
    method: str, own: Table, other: Table, groups: list[Table], bits: int, config: Table
) -> tuple[str, ...]:
    """What the weights can be; nothing where the words are not known."""
    word = text(own.get("quant_algo") or own.get("format") or other.get("quant_algo")).upper()
    method = method.lower().replace("_", "-")
    if method.startswith("modelopt"):
        return ALGORITHMS.get(word, ())
    if method == "compressed-tensors":
        return _compressed_tensors(word, groups, bits)
    if method == "fp8" and any(text(one.get("expert_dtype")) == "fp4" for one in (own, *inner(config))):
        return ("mixed",)
    if method in _ALWAYS:
        return _ALWAYS[method]
    readers = {"bitsandbytes": _bitsandbytes, "mlx": _mlx, "quark": _quark, "quanto": _quanto}
    if method in readers:
        return readers[method](own)
    return _integers(own, bits) if method.startswith(_INTEGERS) else ()


def _integers(own: Table, bits: int) -> tuple[str, ...]:
    """Formats that a method with integers may mean: AutoRound's may be floats; tables may give layers other bits."""
    others = [table(one) for key in _OVERRIDES for one in table(own.get(key)).values()]
    if any(not _is_wide(one) and one.get("bits", bits) != bits for one in others):
        return ("mixed", f"INT{bits}")
    kind = (text(own.get("data_type")) or "int").replace("_", "")
    if kind.startswith(("mxfp", "nvfp")):
        return (f"{kind[:4].upper()}{bits or 4}",)
    return (f"INT{bits}",) if bits and kind == "int" else ()


_OVERRIDES = ("extra_config", "dynamic", "layer_config", "dynamic_config")
"""Tables that give single layers other bits."""


def _is_wide(entry: Table) -> bool:
    """Whether a layer's entry says that it stays as it was."""
    bits = entry.get("bits")
    return type(bits) is int and bits >= 16


def _compressed_tensors(word: str, groups: list[Table], bits: int) -> tuple[str, ...]:
    kinds = {_of_group(group) for group in groups}
    if len(kinds) > 1:
        return ("mixed",) if "" not in kinds else ()
    if word == "PACK-QUANTIZED":
        return (f"INT{bits}",) if bits else ("INT4", "INT8")
    if word in ALGORITHMS:
        return ALGORITHMS[word]
    return tuple(filter(None, kinds))


def _of_group(group: Table) -> str:
    """What the weights of one of compressed-tensors' groups are."""
    weights = table(group.get("weights"))
    bits, kind, size = weights.get("num_bits"), weights.get("type"), weights.get("group_size")
    word = text(group.get("format")).upper()
    if kind == "float" and bits == 4:
        return "MXFP4" if size == 32 else "NVFP4" if group.get("input_activations") else "W4A16_NVFP4"
    if kind == "float" and bits == 8:
        return "MXFP8" if size == 32 or word.startswith("MXFP8") else "FP8"
    if type(bits) is int and kind in ("int", None):
        return "INT8" if word == "INT-QUANTIZED" else f"INT{bits}"
    return ""


def _bitsandbytes(own: Table) -> tuple[str, ...]:
    if own.get("load_in_8bit") or own.get("_load_in_8bit"):
        return ("INT8",)
    if own.get("load_in_4bit") or own.get("_load_in_4bit"):
        return ({"nf4": "NF4"}.get(text(own.get("bnb_4bit_quant_type")).lower(), "FP4"),)
    return ()


def _mlx(own: Table) -> tuple[str, ...]:
    """All layers have the outer bits, but for those that have an entry of their own."""
    inside = [each for each in own.values() if isinstance(each, dict) and "bits" in each]
    kinds = {(text(each.get("mode")) or "affine", _number([each.get("bits")])) for each in [own, *inside]}
    mode, bits = text(own.get("mode")) or "affine", _number([own.get("bits")])
    if len(kinds) > 1:
        return ("mixed", f"INT{bits}")
    return (f"INT{bits}",) if mode == "affine" else ALGORITHMS.get(f"W4A16_{mode.upper()}", (mode.upper(),))


def _quanto(own: Table) -> tuple[str, ...]:
    return {"int8": ("INT8",), "int4": ("INT4",), "float8": ("FP8",)}.get(text(own.get("weights")), ())


def _quark(own: Table) -> tuple[str, ...]:
    if table(own.get("layer_quant_config")) or table(own.get("layer_type_quant_config")):
        return ("mixed",)
    weights = table(own.get("global_quant_config")).get("weight")
    if isinstance(weights, list) and weights:
        weights = weights[-1]  # the last of several steps is what is stored
    dtype, scales = text(table(weights).get("dtype")), text(table(weights).get("scale_format"))
    if dtype in ("fp4", "fp4_e2m1", "mx4", "mxfp4") or (
        dtype == "mx" and table(weights).get("mx_element_dtype") == "fp4"
    ):
        return ("MXFP4",)
    if dtype.startswith("fp8"):
        return ("MXFP8",) if scales == "e8m0" else ("FP8",)
    return {"int4": ("INT4",), "uint4": ("INT4",), "int8": ("INT8",), "uint8": ("INT8",)}.get(dtype, ())


def _block(own: Table, weights: list[Table]) -> tuple[int, int] | None:
    for said in (own.get("weight_block_size"), *(one.get("block_structure") for one in weights)):
        if isinstance(said, list) and len(said) == 2 and all(type(one) is int and one > 0 for one in said):
            return said[0], said[1]
    return None


def _layers(own: Table, other: Table) -> dict[str, str]:
    """The word that stands in the table for each module."""
    said = table(own.get("quantized_layers")) or table(other.get("quantized_layers"))
    return {name: text(table(one).get("quant_algo")).upper() for name, one in said.items()}


def _ignored(own: Table, other: Table) -> tuple[str, ...]:
    keys = ("ignore", "modules_to_not_convert", "exclude", "exclude_layers", "ignored_layers")
    lists = [own.get(key) for key in keys] + [other.get("exclude_modules")]
    found = next((one for one in lists if isinstance(one, list) and one), [])
    wide = [name for key in _OVERRIDES for name, one in table(own.get(key)).items() if _is_wide(table(one))]
    return tuple(filter(None, map(text, [*found, *wide])))


def _number(values: list[object]) -> int:
    """The first that is a number of anything."""
    return next((one for one in values if type(one) is int and one > 0), 0)


def _kv_cache(own: Table, other: Table) -> str:
    """`FP8` for Model Optimizer's word and for compressed-tensors' table alike."""
    said = own.get("kv_cache_scheme") or own.get("kv_cache_quant_algo") or other.get("kv_cache_quant_algo")
    scheme = table(said)
    bits = scheme.get("num_bits")
    if type(bits) is int:
        wide = "NVFP" if bits == 4 else "FP"
        return f"{wide if scheme.get('type') == 'float' else 'INT'}{bits}"
    if quark := table(own.get("kv_cache_quant_config")):
        of_keys = next((table(one) for name, one in quark.items() if "k_proj" in name), {})
        dtypes = [table(of_keys.get(role)).get("dtype") for role in ("output_tensors", "weight")]
        return "FP8" if any(text(one).startswith("fp8") for one in dtypes) else "quantized"
    word = text(said)
    return "" if word.upper() in UNQUANTIZED else word.upper()


def _producer(own: Table, hf_quant_config: Table) -> str:
    said = table(own.get("producer")) or table(hf_quant_config.get("producer"))
    if said:
        return " ".join(filter(None, [text(said.get("name")), text(said.get("version"))]))
    if own.get("quant_method") == "compressed-tensors":
        return " ".join(filter(None, ["compressed-tensors", text(own.get("version"))]))
    return ""
