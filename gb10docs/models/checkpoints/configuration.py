"""The documents beside a checkpoint's weights that say what it is, read the same for `inspect` and for `fit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gb10docs.models.checkpoints.declared import Declared, declared
from gb10docs.models.checkpoints.documents import Table, table
from gb10docs.models.checkpoints.files import Files, document

CONFIG, HF_QUANT_CONFIG, PARAMS = "config.json", "hf_quant_config.json", "params.json"
OLDER = ("quantize_config.json", "quant_config.json")
"""The files in which GPTQ and AWQ tools wrote their part before there was a `quantization_config`."""

_MISTRAL: Mapping[str, str] = {
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "hidden_dim": "intermediate_size",
    "tied_embeddings": "tie_word_embeddings",
    "max_seq_len": "max_position_embeddings",
    "num_experts": "n_routed_experts",
    "expert_hidden_dim": "moe_intermediate_size",
    "num_shared_experts": "n_shared_experts",
    "route_every_n": "moe_layer_freq",
}
"""The names of `config.json` by those of `params.json`; what is not named here has one name in both."""


@dataclass(frozen=True)
class Configuration:
    """What the documents of one checkpoint say."""

    config: Table | None = None
    """`config.json`, or `params.json` in its words; None where there is neither."""
    name: str = CONFIG
    """Which of the two it is."""
    hf_quant_config: Table = field(default_factory=dict)
    """`hf_quant_config.json`, which only Model Optimizer writes."""
    older: Table = field(default_factory=dict)
    """`quantize_config.json` or `quant_config.json`."""

    @cached_property
    def declared(self) -> Declared:
        """What it says of its own quantization."""
        return declared(self.config or {}, self.hf_quant_config, self.older)


def read(files: Files) -> Configuration:
    """The documents that are there.

    Raises:
        BadCheckpoint: One is no regular file, too long, or no JSON object.
    """
    config, name = document(files, CONFIG), CONFIG
    if config is None and (params := document(files, PARAMS)) is not None:
        config, name = in_common_words(params), PARAMS
    older = next((found for name in OLDER if (found := document(files, name))), {})
    return Configuration(config, name, document(files, HF_QUANT_CONFIG) or {}, older)


def in_common_words(params: Table) -> Table:
    """Mistral's `params.json` with the names that `config.json` has for the same.

    With shared experts it is a model of DeepSeek-V3's layout (Mistral Large 3), as vLLM's mistral.py takes it.
    """
    flat = params | table(params.get("moe"))
    kind = "deepseek_v3" if flat.get("num_shared_experts") else "mixtral" if params.get("moe") else "mistral"
    told = {_MISTRAL.get(name, name): value for name, value in flat.items()}
    if kind == "mixtral":
        told["num_local_experts"] = told.get("n_routed_experts")
    return {"architectures": [f"{kind.title().replace('_', '')}ForCausalLM"], **told, "model_type": kind}
