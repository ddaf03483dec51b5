from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from checkpoint_samples import headers_only, nvfp4_shapes, qwen3_8b
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gb10docs.cli.fit import as_json, table, tokens
from gb10docs.errors import GB10DocsError
from gb10docs.models.checkpoints.declared import declared
from gb10docs.models.roofline import (
    BAND,
    FORMATS,
    MACHINES,
    MODELS,
    Estimate,
    bundled,
    estimate,
    find,
    from_config,
    published,
)
from gb10docs.models.roofline.formats import format_of
from gb10docs.models.roofline.models import KINDS
from gb10docs.models.roofline.shown import assumptions, number, shown, sources
from gb10docs.models.roofline.tables import read

ROOT = Path(__file__).parents[2]
GB10 = MACHINES["gb10"]
TINY: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 16,
    "vocab_size": 32,
    "tie_word_embeddings": False,
}


def on_gb10(model: str, format_name: str, **settings: Any) -> Estimate:
    return estimate(bundled(model), FORMATS[format_name], GB10, **settings)


# Published by others, to the digit.


def test_the_payload_of_qwen3_8b_nvfp4_is_the_published_one() -> None:
    """6.397 GB of tensors in nvidia/Qwen3-8B-NVFP4."""
    assert f"{on_gb10('Qwen3-8B', 'nvfp4').weight_bytes / 1e9:.3f}" == "6.397"


def test_llama_70b_nvfp4_reads_what_nvidias_playbook_says() -> None:
    """38.50 GB packed and 2.10 GB lm_head: https://github.com/NVIDIA/dgx-spark-playbooks/pull/91."""
    made = on_gb10("Llama-3.3-70B", "nvfp4")
    assert f"{made.read_weight_bytes / 1e9:.2f}" == "40.61"
    assert f"{made.ceiling_tok_s:.2f}" == "6.72"


@pytest.mark.parametrize(
    ("model", "total"),
    [
        ("Qwen3-8B", 8_190_735_360),
        ("Llama-3.1-8B", 8_030_261_248),
        ("Llama-3.3-70B", 70_553_706_496),
        ("Qwen3-30B-A3B", 30_532_122_624),
        ("SmolLM2-135M", 134_515_008),
        ("Qwen2.5-7B", 7_615_616_512),
    ],
)
def test_all_weights_are_counted(model: str, total: int) -> None:
    """What transformers counts in such a model."""
    assert bundled(model).total == total


QWEN_3_6 = {
    "model_type": "qwen3_5", "tie_word_embeddings": False,
    "text_config": {
        "model_type": "qwen3_5_text", "hidden_size": 5120, "num_hidden_layers": 64, "num_attention_heads": 24,
        "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 17_408, "linear_conv_kernel_dim": 4,
        "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
        "linear_num_value_heads": 48, "vocab_size": 248_320, "mamba_ssm_dtype": "float32", "mtp_num_hidden_layers": 1,
    },
    "vision_config": {
        "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "in_channels": 3, "patch_size": 16,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 5120, "num_position_embeddings": 2304,
    },
}  # fmt: skip
QWEN3_NEXT = {
    "model_type": "qwen3_next", "vocab_size": 151_936, "hidden_size": 2048, "intermediate_size": 5120,
    "num_hidden_layers": 48, "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256,
    "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
    "linear_num_key_heads": 16, "linear_num_value_heads": 32, "moe_intermediate_size": 512,
    "shared_expert_intermediate_size": 512, "num_experts_per_tok": 10, "num_experts": 512,
    "tie_word_embeddings": False,
}  # fmt: skip
DEEPSEEK_V3 = {
    "model_type": "deepseek_v3", "vocab_size": 129_280, "hidden_size": 7168, "intermediate_size": 18_432,
    "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128, "n_shared_experts": 1,
    "n_routed_experts": 256, "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "qk_nope_head_dim": 128, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "moe_layer_freq": 1,
    "num_nextn_predict_layers": 1, "tie_word_embeddings": False,
}  # fmt: skip
KIMI_K2 = DEEPSEEK_V3 | {
    "model_type": "kimi_k2", "vocab_size": 163_840, "num_attention_heads": 64, "n_routed_experts": 384,
    "first_k_dense_replace": 1, "num_nextn_predict_layers": 0,
}  # fmt: skip
QWEN3_VL = {
    "model_type": "qwen3_vl", "tie_word_embeddings": False,
    "text_config": {
        "model_type": "qwen3_vl_text", "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12_288, "vocab_size": 151_936,
    },
    "vision_config": {
        "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "in_channels": 3, "patch_size": 16,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 4096, "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [8, 16, 24],
    },
}  # fmt: skip
MISTRAL_SMALL = {
    "model_type": "mistral3", "spatial_merge_size": 2, "multimodal_projector_bias": False,
    "text_config": {
        "model_type": "mistral", "hidden_size": 5120, "num_hidden_layers": 40, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 32_768, "vocab_size": 131_072,
        "sliding_window": None,
    },
    "vision_config": {
        "model_type": "pixtral", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
        "patch_size": 14, "num_channels": 3,
    },
}  # fmt: skip
GEMMA3 = {
    "model_type": "gemma3",
    "text_config": {
        "model_type": "gemma3_text", "hidden_size": 5376, "num_hidden_layers": 62, "num_attention_heads": 32,
        "num_key_value_heads": 16, "head_dim": 128, "intermediate_size": 21_504, "sliding_window": 1024,
    },
    "vision_config": {
        "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "image_size": 896, "patch_size": 14,
    },
}  # fmt: skip


def guessing_ahead(hidden: int, attention: int, mlp: int, norms: int, *joined: int) -> int:
    """Values of an MTP layer, which the published sizes hold and we do not count."""
    return attention + mlp + norms + 2 * hidden * hidden + sum(joined)


NEXT_ATTENTION = 2048 * (8192 + 2 * 512) + 4096 * 2048
SHARED = 3 * 2048 * 512 + 2048
PUBLISHED: dict[str, tuple[dict[str, Any] | str, int, int]] = {
    # DeepSeek-V3: 684,531,386,000, of them 41,555,600 scales (the F32 ones), as its safetensors metadata has them
    "DeepSeek-V3": (
        DEEPSEEK_V3,
        684_531_386_000,
        41_555_600
        + guessing_ahead(
            7168,
            7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168,
            256 * 3 * 7168 * 2048 + 3 * 7168 * 2048 + 256 * 7168,
            1536 + 512 + 5 * 7168,
            2 * 129_280 * 7168,
        ),
    ),
    # a router's corrections, and 3,416 values that its file has besides
    "Kimi-K2": (KIMI_K2, 1_026_408_235_864, 60 * 384 + 3_416),
    "Qwen3-Next-80B-A3B": (
        QWEN3_NEXT,
        81_324_862_720,
        guessing_ahead(2048, NEXT_ATTENTION, 512 * 3 * 2048 * 512 + SHARED + 512 * 2048, 2 * 256 + 5 * 2048),
    ),
    "Qwen3.6-35B-A3B": (
        "Qwen3.6-35B-A3B",
        35_951_822_704,
        guessing_ahead(2048, NEXT_ATTENTION, 256 * 3 * 2048 * 512 + SHARED + 256 * 2048, 2 * 256 + 5 * 2048),
    ),
    "Qwen3.6-27B": (
        QWEN_3_6,
        27_781_427_952,
        guessing_ahead(5120, 5120 * (12_288 + 2 * 1024) + 6144 * 5120, 3 * 5120 * 17_408, 2 * 256 + 5 * 5120),
    ),
    # a router's corrections
    "Nemotron-3-Nano-30B-A3B": ("Nemotron-3-Nano-30B-A3B", 31_577_940_288, 23 * 128),
    "Qwen3-VL-8B": (QWEN3_VL, 8_767_123_696, 0),
    "Mistral-Small-3.2-24B": (MISTRAL_SMALL, 24_011_361_280, 0),
}
"""Configuration, total by the hub's safetensors metadata as others quote it (repositories found on 27 November 2026,
among them llama.cpp's own count for Nemotron), and what of it we leave out."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_size_is_counted_to_the_last_value(name: str) -> None:
    config, total, left_out = PUBLISHED[name]
    model = bundled(config) if isinstance(config, str) else from_config(config, name)
    assert model.total + left_out == total


SMALL = {
    "vocab_size": 1000, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 64, "tie_word_embeddings": False,
}  # fmt: skip
BY_TRANSFORMERS: dict[str, tuple[dict[str, Any], int]] = {
    "Cohere2, parallel": (
        {
            "model_type": "cohere2",
            "sliding_window": 64,
            "sliding_window_pattern": 4,
            "head_dim": None,
            "tie_word_embeddings": None,
        },
        4_714_752,
    ),
    "Gemma 2": ({"model_type": "gemma2", "sliding_window": 64, "tie_word_embeddings": None}, 6_031_616),
    "Granite": ({"model_type": "granite", "head_dim": None}, 4_972_800),
    "SmolLM3": ({"model_type": "smollm3", "tie_word_embeddings": True, "head_dim": None}, 4_716_800),
    "Gemma 3": ({"model_type": "gemma3_text", "sliding_window": 64, "tie_word_embeddings": None}, 6_032_640),
    "GLM-4.6": (
        {
            "model_type": "glm4_moe",
            "use_qk_norm": True,
            "attention_bias": True,
            "n_routed_experts": 8,
            "n_shared_experts": 2,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 128,
            "first_k_dense_replace": 2,
        },
        9_841_920,
    ),
    "Llama 4 Maverick": (
        {
            "model_type": "llama4_text",
            "intermediate_size_mlp": 1024,
            "num_local_experts": 4,
            "num_experts_per_tok": 1,
            "interleave_moe_layer_step": 2,
            "attention_chunk_size": 64,
        },
        14_151_936,
    ),
    "Nemotron-H, latent experts": (
        {
            "model_type": "nemotron_h",
            "hybrid_override_pattern": "MEM*E-ME",
            "ssm_state_size": 16,
            "mamba_num_heads": 4,
            "mamba_head_dim": 32,
            "n_groups": 2,
            "conv_kernel": 4,
            "use_conv_bias": True,
            "n_routed_experts": 8,
            "n_shared_experts": 1,
            "moe_intermediate_size": 128,
            "moe_shared_expert_intermediate_size": 256,
            "moe_latent_size": 64,
            "num_experts_per_tok": 2,
        },
        2_345_444,
    ),
    "Qwen3.5, dense": (
        {
            "model_type": "qwen3_5_text",
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 32,
            "linear_num_key_heads": 4,
            "linear_num_value_heads": 8,
            "linear_conv_kernel_dim": 4,
            "tie_word_embeddings": True,
        },
        5_734_176,
    ),
    "Qwen2": ({"model_type": "qwen2", "tie_word_embeddings": True, "head_dim": None}, 4_719_872),
    "Qwen3, every second layer sparse": (
        {
            "model_type": "qwen3_moe",
            "num_experts": 8,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 64,
            "decoder_sparse_step": 2,
            "mlp_only_layers": [1],
        },
        6_290_688,
    ),
    "Mixtral": ({"model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2}, 15_728_896),
    "MLA with biases": (
        {
            "model_type": "deepseek_v3",
            "attention_bias": True,
            "kv_lora_rank": 32,
            "q_lora_rank": 64,
            "qk_rope_head_dim": 16,
            "v_head_dim": 32,
            "qk_nope_head_dim": 16,
            "n_routed_experts": 8,
            "n_shared_experts": 1,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 64,
            "first_k_dense_replace": 2,
            "n_group": 1,
            "topk_group": 1,
        },
        4_956_032,
    ),
    "MLA with whole queries": (
        {
            "model_type": "deepseek_v3",
            "attention_bias": False,
            "kv_lora_rank": 32,
            "qk_rope_head_dim": 16,
            "v_head_dim": 32,
            "qk_nope_head_dim": 16,
            "n_routed_experts": 8,
            "n_shared_experts": 1,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 64,
            "first_k_dense_replace": 2,
            "n_group": 1,
            "topk_group": 1,
        },
        5_214_720,
    ),
    "MiniMax-M2": (
        {"model_type": "minimax_m2", "num_local_experts": 4, "num_experts_per_tok": 2},
        15_734_016,
    ),
    "Phi-3": ({"model_type": "phi3", "head_dim": None}, 4_972_800),
    "Ministral 3": ({"model_type": "ministral3"}, 6_283_520),
    "Llama with biases": ({"model_type": "llama", "attention_bias": True}, 6_291_712),
}
"""Changes to `SMALL`, and what transformers 5.24 counts in such a model on a meta device."""


@pytest.mark.parametrize("case", BY_TRANSFORMERS)
def test_a_small_model_has_as_many_values_as_transformers_counts(case: str) -> None:
    changes, total = BY_TRANSFORMERS[case]
    assert from_config(SMALL | changes, case).total == total


def test_every_nested_configuration_is_counted_as_transformers_counts_it() -> None:
    """By transformers 5.24 on a meta device: what is given counts, and not what would be filled in."""
    experts = {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768}
    text = QWEN3_VL["text_config"] | experts  # type: ignore[operator]
    text |= {
        "hidden_size": 2048,
        "num_hidden_layers": 48,
        "num_key_value_heads": 4,
        "intermediate_size": 6144,
    }
    vision = QWEN3_VL["vision_config"] | {"out_hidden_size": 2048}  # type: ignore[operator]
    config = {"model_type": "qwen3_vl_moe", "text_config": text, "vision_config": vision}
    assert from_config(config, "Qwen3-VL-30B-A3B").total == 31_070_754_032
    for part in read("nested").values():
        assert len({"n_routed_experts", "num_local_experts", "num_experts"} & set(part["text_config"])) <= 1


def test_what_transformers_leaves_out_of_a_nested_configuration_is_filled_in_and_said() -> None:
    """As a model that was tuned and saved again has it: less the fields that are as the class has them."""
    usual = read("nested")["qwen3_vl"]
    trimmed = copy.deepcopy(QWEN3_VL)
    for part in ("text_config", "vision_config"):
        given = QWEN3_VL[part]
        assert isinstance(given, dict)
        trimmed[part] = {name: value for name, value in given.items() if usual[part].get(name) != value}
    assert "hidden_size" not in trimmed["text_config"]  # type: ignore[operator]
    model = from_config(trimmed, "tuned")
    assert model.values == from_config(QWEN3_VL, "whole").values
    assert model.notes[0].startswith(
        "Not in its text_config, and taken as transformers 5.24 does: vocab_size"
    )
    assert from_config(QWEN3_VL, "whole").notes == ()


def test_a_window_that_is_null_is_none() -> None:
    assert from_config(MISTRAL_SMALL, "small").window_layers == 0


def test_gemma_3_has_as_many_values_as_transformers_counts() -> None:
    """27,432,406,640 by transformers 5.24 on a meta device; a published count was not found: unconfirmed."""
    assert from_config(GEMMA3, "Gemma 3 27B").total == 27_432_406_640


def test_the_cache_of_mla_is_the_published_one() -> None:
    """70.272 KB a token in BF16: Table 1 of arXiv 2505.09343 (ISCA, June 2025)."""
    model = from_config(DEEPSEEK_V3, "DeepSeek-V3")
    assert estimate(model, FORMATS["fp8"], GB10, context=1).cache_bytes == 70_272


def test_the_files_of_deepseek_v3_have_the_published_size() -> None:
    """688,586,727,753 bytes on the hub, of them 13.46 billion values that guess ahead, in FP8 but for two tables."""
    made = estimate(from_config(DEEPSEEK_V3, "DeepSeek-V3"), FORMATS["fp8"], GB10)
    tables = 2 * 129_280 * 7168
    guessing = 13_463_426_048 + tables  # a byte each, and one more where they are BF16
    scales = 4 * 41_555_600
    assert made.weight_bytes + guessing + scales == pytest.approx(688_586_727_753, rel=2e-4)


def test_a_hybrid_keeps_a_cache_in_its_attention_layers_and_a_state_in_the_others() -> None:
    """2 × 2 heads × 256 in 12 of 48 layers; in 36 DeltaNet's 32 × 128 × 128 in float32 and 3 × 8192 in BF16."""
    model = from_config(QWEN3_NEXT, "Qwen3-Next")
    assert (model.full_layers, model.layers) == (12, 12)
    for context, batch in ((0, 1), (1000, 1), (1000, 4)):
        made = estimate(model, FORMATS["nvfp4"], GB10, context=context, batch=batch)
        assert made.cache_bytes == batch * (
            context * 12 * 2 * 2 * 256 * 2 + 36 * (32 * 128 * 128 * 4 + 3 * 8192 * 2)
        )


def test_what_reads_pictures_is_kept_and_not_read() -> None:
    model = from_config(QWEN3_VL, "Qwen3-VL-8B")
    made = estimate(model, FORMATS["nvfp4"], GB10)
    text_only = estimate(bundled("Qwen3-8B"), FORMATS["nvfp4"], GB10)
    assert made.read_weight_bytes == text_only.read_weight_bytes
    assert made.weight_bytes - text_only.weight_bytes == 2 * 576_388_336
    unknown = from_config(QWEN3_VL | {"model_type": "another", "audio_config": {"a": 1}}, "another")
    assert any("pictures or sound is not counted" in note for note in unknown.notes)


@pytest.mark.parametrize(
    ("first", "gigabytes", "told"),
    [
        (28, "1.88", "57,344 bytes a token"),
        (14, "1.06", "57,344 bytes a token up to 4,096, then 28,672"),
        (0, "0.23", "57,344 bytes a token up to 4,096, then 0"),
    ],
)
def test_windows_begin_where_the_configuration_says(first: int, gigabytes: str, told: str) -> None:
    config = read("models")["Qwen2.5-7B"]["config"] | {"sliding_window": 4096}
    config |= {"use_sliding_window": True, "max_window_layers": first}
    made = estimate(from_config(config, "qwen2"), FORMATS["bf16"], GB10, context=32_768)
    assert (shown(made)["cache"], shown(made)["cache_per_token"]) == (f"{gigabytes} GB", told)


def test_what_is_said_of_a_token_of_cache_multiplies_out() -> None:
    made = on_gb10("gpt-oss-20b", "mxfp4-experts", context=32_768)
    first, then = made.cache_bytes_per_token, made.cache_bytes_per_token_beyond
    assert first * 128 + then * (32_768 - 128) == made.cache_bytes
    assert shown(made)["cache_per_token"] == "49,152 bytes a token up to 128, then 24,576"


def test_gpt_oss_has_the_sizes_of_its_model_card() -> None:
    """Table 1 of arXiv 2508.10925: 116.83 and 20.91 billion, checkpoints of 60.8 and 12.8 GiB."""
    for name, billions, gibibytes in (("gpt-oss-120b", "116.83", "60.8"), ("gpt-oss-20b", "20.91", "12.8")):
        assert f"{bundled(name).total / 1e9:.2f}" == billions
        assert f"{on_gb10(name, 'mxfp4-experts').weight_bytes / 2**30:.1f}" == gibibytes


@pytest.mark.parametrize(
    ("model", "format_name", "gibibytes"),
    [
        ("gpt-oss-20b", "mxfp4-gguf", 11.27),
        ("gpt-oss-120b", "mxfp4-gguf", 59.02),
        ("Qwen3-30B-A3B", "q8-0", 30.25),
        ("Qwen2.5-7B", "q8-0", 7.54),
    ],
)
def test_gguf_files_have_the_sizes_that_llama_bench_prints(
    model: str, format_name: str, gibibytes: float
) -> None:
    """In the tables of llama.cpp's benches/dgx-spark.md."""
    assert on_gb10(model, format_name).weight_bytes / 2**30 == pytest.approx(gibibytes, abs=0.006)


# Facts of this course (batch 1, empty context): tok/s, GB on disk, GB read.


@pytest.mark.parametrize(
    ("model", "format_name", "speed", "disk", "read_gb"),
    [
        ("Qwen3-8B", "bf16", "18.0", "16.38", "15.14"),
        ("Qwen3-8B", "fp8", "33.3", "9.44", "8.19"),
        ("Qwen3-8B", "nvfp4", "53.0", "6.40", "5.15"),
        ("Qwen3-8B", "mxfp4", "55.3", "6.18", "4.94"),
        ("Qwen3-8B", "int4", "56.6", "6.07", "4.83"),
        ("Qwen3-14B", "nvfp4", "30.4", "10.54", "8.99"),
        ("Qwen3-32B", "nvfp4", "14.3", "20.67", "19.11"),
        ("Llama-3.1-8B", "nvfp4", "54.9", "6.03", "4.98"),
        ("Llama-3.3-70B", "bf16", "2.0", "141.11", "139.01"),
        ("Qwen3-30B-A3B", "nvfp4", "125.4", "18.09", "2.18"),
        ("gpt-oss-120b", "mxfp4-experts", "54.6", "65.25", "5.00"),
    ],
)
def test_ceilings(model: str, format_name: str, speed: str, disk: str, read_gb: str) -> None:
    made = on_gb10(model, format_name)
    assert f"{made.ceiling_tok_s:.1f}" == speed
    assert f"{made.weight_bytes / 1e9:.2f}" == disk
    assert f"{made.bytes_per_token / 1e9:.2f}" == read_gb
    assert made.limit == "memory"


@pytest.mark.parametrize(
    ("model", "wide", "narrow"),
    [
        ("Qwen3-8B", 27.3, 36.1),
        ("Qwen3-14B", 19.0, 23.4),
        ("Qwen3-32B", 9.9, 11.7),
        ("Llama-3.3-70B", 5.3, 5.9),
        ("Qwen3-30B-A3B", 50.6, 72.1),
    ],
)
def test_ceilings_at_32k_with_a_bf16_and_an_fp8_cache(model: str, wide: float, narrow: float) -> None:
    for cache, speed in (("bf16", wide), ("fp8", narrow)):
        made = on_gb10(model, "nvfp4", context=32_768, cache=cache)
        assert made.ceiling_tok_s == pytest.approx(speed, abs=0.05)


@pytest.mark.parametrize(("model", "size"), [("Qwen3-8B", 147_456), ("gpt-oss-120b", 73_728)])
def test_a_token_of_cache(model: str, size: int) -> None:
    assert on_gb10(model, "bf16").cache_bytes_per_token == size


def test_a_tied_head_is_the_embedding_and_is_read() -> None:
    made = on_gb10("SmolLM2-135M", "bf16")
    assert made.model.values["head"] == 0
    assert made.read_weight_bytes == made.weight_bytes


def test_windows_keep_no_more_than_they_see() -> None:
    made = on_gb10("gpt-oss-20b", "mxfp4-experts", context=32_768)
    assert made.cache_bytes == 12 * (32_768 + 128) * 2 * 8 * 64 * 2
    assert on_gb10("gpt-oss-20b", "mxfp4-experts", context=100).cache_bytes == 24 * 100 * 2 * 8 * 64 * 2


# The roofline itself.


def test_a_batch_shares_the_weights_and_not_the_cache() -> None:
    one, eight = (on_gb10("Qwen3-8B", "nvfp4", batch=batch, context=32_768) for batch in (1, 8))
    assert eight.read_weight_bytes == one.read_weight_bytes
    assert eight.cache_bytes == 8 * one.cache_bytes
    assert one.ceiling_each_tok_s > eight.ceiling_each_tok_s
    assert eight.ceiling_tok_s == pytest.approx(8 * eight.ceiling_each_tok_s)


def test_a_large_batch_waits_for_arithmetic() -> None:
    assert on_gb10("Qwen3-8B", "nvfp4-w4a16", batch=8).limit == "memory"
    large = on_gb10("Qwen3-8B", "nvfp4-w4a16", batch=512)
    assert large.limit == "arithmetic"
    assert large.ceiling_tok_s == pytest.approx(on_gb10("Qwen3-8B", "nvfp4-w4a16", batch=1024).ceiling_tok_s)
    assert large.ceiling_tok_s < 125e12 / (2 * 6.9e9)


def test_a_batch_reads_more_experts_but_never_more_than_there_are() -> None:
    touched = [
        on_gb10("Qwen3-30B-A3B", "nvfp4", batch=batch).experts_touched for batch in (1, 2, 16, 256, 4096)
    ]
    assert touched[0] == pytest.approx(8)
    assert touched[1] == pytest.approx(8 + 8 * 120 / 128)
    assert touched == sorted(touched)
    assert touched[-1] == pytest.approx(128)
    everything = on_gb10("Qwen3-30B-A3B", "nvfp4", batch=4096)
    rest = everything.weight_bytes - everything.read_weight_bytes
    assert rest == pytest.approx(2 * bundled("Qwen3-30B-A3B").values["embedding"])
    assert on_gb10("Qwen3-8B", "nvfp4", batch=8).experts_touched == 0


def test_four_bit_activations_help_the_prompt_and_not_the_answer() -> None:
    four, sixteen = (on_gb10("Qwen3-8B", name, context=4096) for name in ("nvfp4", "nvfp4-w4a16"))
    assert four.ceiling_tok_s == sixteen.ceiling_tok_s
    assert 3 < four.prefill_tok_s / sixteen.prefill_tok_s < 4


def test_nvidias_prefill_is_faster_than_16_bit_arithmetic_allows() -> None:
    rows = [(row, row.bound) for row in published() if row.prefill_tok_s and row.format == "nvfp4"]
    assert len(rows) == 2
    for row, bound in rows:
        weight_only = estimate(bundled(row.model), FORMATS["nvfp4-w4a16"], GB10, context=row.context)
        assert bound
        assert weight_only.prefill_tok_s < (row.prefill_tok_s or 0) < bound.prefill_tok_s


def test_a_machine_without_four_bit_arithmetic_widens() -> None:
    four, sixteen = (
        estimate(bundled("Qwen3-8B"), FORMATS[name], MACHINES["h200"], context=4096)
        for name in ("nvfp4", "nvfp4-w4a16")
    )
    assert four.prefill_s == sixteen.prefill_s


def test_two_machines_are_twice_one() -> None:
    one, two = (
        estimate(bundled("Qwen3-8B"), FORMATS["nvfp4"], MACHINES[name], context=4096)
        for name in ("gb10", "gb10-x2")
    )
    assert two.ceiling_tok_s == 2 * one.ceiling_tok_s
    assert two.prefill_tok_s == 2 * one.prefill_tok_s
    assert two.machine.memory_bytes == 2 * one.machine.memory_bytes


@pytest.mark.parametrize(
    ("model", "format_name", "machine", "verdict"),
    [
        ("Qwen3-8B", "nvfp4", "gb10", "fits"),
        ("Llama-3.3-70B", "bf16", "gb10", "does not fit"),
        ("Llama-3.3-70B", "bf16", "gb10-x2", "fits"),
        ("gpt-oss-120b", "fp8", "gb10", "does not fit"),
        ("gpt-oss-20b", "bf16", "h200", "fits"),
        ("Qwen3-8B", "nvfp4", "gb10-64gb", "fits"),
        ("Qwen3-32B", "bf16", "gb10-64gb", "does not fit"),
        ("gpt-oss-120b", "mxfp4-experts", "gb10-64gb", "does not fit"),
        ("Qwen3-32B", "fp8", "rtx-5090", "does not fit"),
        ("Qwen3-32B", "nvfp4", "rtx-5090", "fits"),
    ],
)
def test_what_fits(model: str, format_name: str, machine: str, verdict: str) -> None:
    assert estimate(bundled(model), FORMATS[format_name], MACHINES[machine]).verdict == verdict


def test_a_cache_can_make_it_tight_and_too_much() -> None:
    verdicts = [on_gb10("Llama-3.3-70B", "nvfp4", context=32_768, batch=batch).verdict for batch in (1, 6, 7)]
    assert verdicts == ["fits", "tight", "does not fit"]


@pytest.mark.parametrize("settings", [{"batch": 0}, {"context": -1}, {"cache": "int4"}])
def test_nonsense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no batch"):
        on_gb10("Qwen3-8B", "nvfp4", **settings)


def test_the_machine_with_less_memory_is_as_fast() -> None:
    small = estimate(bundled("Qwen3-8B"), FORMATS["nvfp4"], MACHINES["gb10-64gb"], context=4096)
    large = on_gb10("Qwen3-8B", "nvfp4", context=4096)
    assert (small.ceiling_tok_s, small.prefill_tok_s) == (large.ceiling_tok_s, large.prefill_tok_s)
    assert small.machine.memory_bytes < large.machine.memory_bytes / 2


# What others measured.


def test_two_published_speeds_of_one_model_are_above_their_ceiling() -> None:
    above = {row.tok_s: f"{row.share:.0%}" for row in published() if row.share and row.share > 1}
    assert above == {58.82: "108%", 60: "110%"}
    assert {row.model for row in published() if row.share and row.share > 1} == {"gpt-oss-120b"}


def test_a_speed_with_a_draft_model_has_no_ceiling() -> None:
    drafted = [row for row in published() if row.draft]
    assert len(drafted) == 10
    assert all(row.bound is None and row.share is None for row in drafted)
    unbound = {row.title for row in published() if not (row.draft or row.bound)}
    assert unbound == {"FP8", "MXFP4, as Ollama has it"}, "a label, not one of our formats"


def test_a_published_range_runs_upwards() -> None:
    assert all(row.low < row.tok_s for row in published() if row.low)


def test_its_recipe_reads_fewer_bytes_than_the_checkpoint_would() -> None:
    made = on_gb10("gpt-oss-120b", "mxfp4-lm-head")
    assert made.ceiling_tok_s > 58.82
    assert BAND[0] - 0.01 < 58.82 / made.ceiling_tok_s < BAND[1]


def test_most_of_one_users_speeds_lie_in_the_band() -> None:
    shares = [row.share for row in published() if row.share and row.batch == 1 and row.machine == "gb10"]
    inside = [share for share in shares if BAND[0] <= round(share, 2) <= BAND[1]]
    assert len(inside) / len(shares) >= 0.85


def test_a_batch_on_experts_passes_the_ceiling_of_even_routing_and_a_dense_one_does_not() -> None:
    told = read("batches")["gb10"]
    shares = {
        name: [
            speed / on_gb10(*name.split(), batch=batch, context=told["context"]).ceiling_tok_s
            for batch, speed in zip(told["batches"], speeds, strict=True)
        ]
        for name, speeds in told["tok_s"].items()
    }
    assert max(shares["Qwen2.5-7B q8-0"]) < 1
    assert max(shares["gpt-oss-120b mxfp4-gguf"]) > 1.4


# Data with their sources.


def test_every_figure_has_a_source_or_is_an_estimate_of_ours() -> None:
    for machine in MACHINES.values():
        figures = (
            machine.memory_gb,
            machine.reserved_gb,
            machine.bandwidth_gb_s,
            *machine.tflops.values(),
        )
        for figure in figures:
            assert figure.value > 0
            assert figure.note
            assert figure.kind in {"specification", "derived", "measured", "estimate"}
            assert figure.source.startswith("https://") or figure.kind == "estimate"
    assert all(one.source.startswith("https://") and one.stays for one in FORMATS.values())
    assert all(row.source.startswith("https://") and row.by and row.date for row in published())


def test_every_model_can_be_estimated_in_every_format_that_suits() -> None:
    for name in MODELS:
        model = bundled(name)
        assert FORMATS[model.format].suits(model.experts)
        for one in FORMATS.values():
            made = estimate(model, one, GB10, batch=3, context=1000)
            assert math.isfinite(made.ceiling_tok_s)
            assert 0 < made.read_weight_bytes <= made.weight_bytes
    assert not FORMATS["mxfp4-experts"].suits(bundled("Qwen3-8B").experts)
    assert not FORMATS["mxfp4-gguf"].suits(bundled("Qwen3-8B").experts)
    assert FORMATS["bf16"].suits(bundled("Qwen3-8B").experts)


# Configurations.


def test_every_kind_of_model_counts() -> None:
    experts: dict[str, Any] = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2}
    experts |= {"sliding_window": 4}
    latent: dict[str, Any] = {
        "kv_lora_rank": 4,
        "qk_rope_head_dim": 2,
        "qk_nope_head_dim": 2,
        "v_head_dim": 2,
    }
    linear = {
        "linear_num_key_heads": 1,
        "linear_num_value_heads": 1,
        "linear_key_head_dim": 4,
        "linear_value_head_dim": 4,
    }
    mamba: dict[str, Any] = {
        "mamba_num_heads": 2,
        "mamba_head_dim": 4,
        "ssm_state_size": 4,
        "n_groups": 1,
        "conv_kernel": 4,
    }
    mamba |= {"hybrid_override_pattern": "M*E-", "moe_shared_expert_intermediate_size": 4}
    experts |= latent | linear | mamba
    for kind in KINDS:
        assert from_config({**TINY, **experts, "model_type": kind}, "tiny").total > 0


def test_a_configuration_is_counted_by_hand() -> None:
    model = from_config(TINY, "tiny")
    attention = 2 * (8 * 8 + 2 * 8 * 4 + 8 * 8)
    assert model.values == {
        "embedding": 256,
        "attention": attention,
        "mlp": 2 * 3 * 8 * 16,
        "experts": 0,
        "expert_biases": 0,
        "router": 0,
        "head": 256,
        "rest": 2 * 16 + 8,
        "vision": 0,
    }


def test_layers_without_experts_are_dense() -> None:
    moe = {**TINY, "model_type": "qwen3_moe", "num_experts": 4, "num_experts_per_tok": 2}
    assert from_config({**moe, "mlp_only_layers": [0]}, "tiny").values["mlp"] == 3 * 8 * 16
    assert from_config({**moe, "decoder_sparse_step": 2}, "tiny").values["experts"] == 4 * 3 * 8 * 16
    assert from_config(moe, "tiny").values["mlp"] == 0


def test_listed_layer_types_tell_the_windows() -> None:
    config = {**TINY, "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]}
    model = from_config(config, "tiny")
    assert (model.full_layers, model.window_layers, model.window) == (1, 1, 16)
    unused = from_config({**TINY, "sliding_window": 16, "use_sliding_window": False}, "tiny")
    assert unused.window_layers == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"model_type": "mamba"},
            "here: models of type 'mamba' are not counted here: known: cohere2, deepseek_v3",
        ),
        ({"hidden_size": None}, "here: has no 'hidden_size': without it the weights cannot be counted"),
        (
            {"num_hidden_layers": "36"},
            "here: 'num_hidden_layers' is '36': it should be a whole number from 1",
        ),
        ({"vocab_size": 0}, "here: 'vocab_size' is 0: it should be a whole number from 1"),
        ({"vocab_size": 2**40}, "it should be a whole number from 1"),
        ({"num_key_value_heads": True}, "'num_key_value_heads' is True"),
        ({"num_experts": 8}, "has no 'num_experts_per_tok'"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(GB10DocsError) as caught:
        from_config({**TINY, **change}, "tiny", "here")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("quantization", "format_name"),
    [
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "modelopt", "quant_algo": "W4A16_NVFP4"}, "nvfp4-w4a16"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "nvfp4"),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}},
            },
            "int4",
        ),
        ({"quant_method": "mxfp4"}, "mxfp4-experts"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "int4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "nf4"),
        ({}, None),
        (None, None),
    ],
)
def test_a_checkpoint_says_its_own_format(quantization: Any, format_name: str | None) -> None:
    said = declared({"quantization_config": quantization}, {})
    if format_name:
        assert format_of(said) is FORMATS[format_name]
    else:
        assert format_of(said) is None


# Where a model is found.


def test_a_model_goes_by_its_name_its_repository_and_its_checkpoints() -> None:
    assert find("qwen3-8b").name == "Qwen3-8B"
    assert find("Qwen/Qwen3-8B").format == "nvfp4"
    assert find("nvidia/Qwen3-8B-FP8").format == "fp8"
    assert find("openai/gpt-oss-20b").format == "mxfp4-experts"


def test_a_folder_is_a_model(tmp_path: Path) -> None:
    config = {**TINY, "quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = find(str(tmp_path))
    assert (model.name, model.format, model.source) == (
        tmp_path.name,
        "fp8",
        str(tmp_path / "config.json"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "has no config.json: give the folder of a checkpoint"),
        ("{", "config.json: not the JSON of a checkpoint"),
        ("[" * 100_000, "config.json: JSON nested too deep"),
        ("[]", "config.json: expected a JSON object"),
        ("{}", "config.json: models of type '' are not counted here"),
        (b"\xff\xfe\x00", "config.json: not the JSON of a checkpoint"),
    ],
)
def test_a_folder_that_is_none_says_so(tmp_path: Path, text: str | bytes | None, message: str) -> None:
    if text is not None:
        (tmp_path / "config.json").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(GB10DocsError) as caught:
        find(str(tmp_path))
    assert message in str(caught.value)


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(GB10DocsError, match=r"no model 'Qwen3-8': did you mean 'Qwen3-8B'\?"):
        find("Qwen3-8")


def answering(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception) -> list[str]:
    """A hub that says one thing, and what it was asked."""
    asked = []

    def get(address: str, **_: object) -> httpx.Response:
        asked.append(address)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.test")
    return asked


def test_the_hub_is_asked_for_each_document_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, httpx.Response(200, json=TINY))
    assert find("somebody/tiny-model").source == (
        "https://huggingface.co/somebody/tiny-model/blob/main/config.json"
    )
    above = "http://hub.test/somebody/tiny-model/resolve/main"
    assert asked == [f"{above}/config.json", f"{above}/hf_quant_config.json"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            httpx.Response(404),
            "the hub has no 'somebody/Qwen3-8' with a config.json: did you mean 'Qwen3-8B'?",
        ),
        (
            httpx.Response(401),
            "the hub does not show 'somebody/Qwen3-8' to us: check the name, or `hf auth login`",
        ),
        (httpx.Response(503), "somebody/Qwen3-8: the hub answers with status 503: try again later"),
        (
            httpx.ConnectError("no route"),
            "and the hub does not answer (no route): give the folder of a checkpoint instead",
        ),
        (
            httpx.Response(200, text="<html>"),
            "https://huggingface.co/somebody/Qwen3-8/blob/main/config.json: not the JSON of a checkpoint",
        ),
    ],
)
def test_a_hub_that_does_not_help_is_told(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception, message: str
) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(GB10DocsError) as caught:
        find("somebody/Qwen3-8")
    assert message in str(caught.value)


def test_a_name_that_no_repository_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, httpx.Response(200))
    with pytest.raises(GB10DocsError, match=r"'a/b\.\.c' is no name of a repository"):
        find("a/b..c")
    assert asked == []


# The command.


def fit(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "gb10docs", "fit", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_prints_the_estimate() -> None:
    done = fit("Qwen3-8B", "--context", "32k", "--batch", "8")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Qwen3-8B, NVFP4 (W4A4), on GB10 (DGX Spark): 8 × 32,768 tokens, BF16 cache"
    assert "  needed                 49.05 GB  of 119.50 GB: fits" in lines
    assert "  ceiling              49.9 tok/s  6.2 tok/s each; memory is the limit" in lines
    assert "  shape: https://huggingface.co/Qwen/Qwen3-8B/blob/main/config.json" in lines


def test_the_command_writes_json(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    done = fit("gpt-oss-20b", "--json", str(path))
    assert done.returncode == 0, done.stderr
    printed = json.loads(fit("gpt-oss-20b", "--json", "-").stdout)
    assert printed == json.loads(path.read_text())
    made = on_gb10("gpt-oss-20b", "mxfp4-experts", context=4096)
    assert printed == as_json(made)
    assert printed["ceiling_tok_s"] == made.ceiling_tok_s


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Qwen3-8"], "gb10docs: no model 'Qwen3-8': did you mean 'Qwen3-8B'?"),
        (["Qwen3-8B", "--format", "nvpf4"], "gb10docs: no format 'nvpf4': did you mean 'nvfp4'?"),
        (["Qwen3-8B", "--format", "mxfp4-experts"], "is for models with experts, and Qwen3-8B has none"),
        (["Qwen3-8B", "--machine", "gb11"], "gb10docs: no machine 'gb11': did you mean 'gb10'?"),
        (["Qwen3-8B", "--cache", "int4"], "gb10docs: no cache format 'int4': known: bf16, fp8"),
        (
            ["Qwen3-8B", "--context", "32q"],
            "'32q' is no context: write it as 4096 or 32k (1k is 1,024 tokens)",
        ),
        (["Qwen3-8B", "--batch", "0"], "Invalid value for '--batch'"),
        (["Qwen3-8B", "--json", "/proc/no/file"], "/proc/no/file: cannot be written"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], message: str) -> None:
    done = fit(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "count"), [("0", 0), ("4096", 4096), ("32k", 32_768), ("128K", 131_072), ("1000000000", None)]
)
def test_contexts(text: str, count: int | None) -> None:
    if count is None:
        with pytest.raises(GB10DocsError):
            tokens(text)
    else:
        assert tokens(text) == count


@pytest.mark.parametrize("text", ["", "k", "-1", "1.5k", "32 k", "٣", "999999999k", "1e3", "32kk"])
def test_what_is_no_context(text: str) -> None:
    with pytest.raises(GB10DocsError, match="is no context: write it as 4096 or 32k"):
        tokens(text)


LLAMA_70B: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "intermediate_size": 28_672, "vocab_size": 128_256, "tie_word_embeddings": False,
}  # fmt: skip


def group(bits: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"group_0": {"weights": {"num_bits": bits, "type": kind, **more}}}


def compressed(form: str, groups: dict[str, Any]) -> dict[str, Any]:
    return {"quant_method": "compressed-tensors", "format": form, "config_groups": groups}


SAID: dict[str, tuple[dict[str, Any], str, float]] = {
    "FBGEMM": ({"quant_method": "fbgemm_fp8"}, "FP8", 8),
    "Model Optimizer's blocks": ({"quant_method": "modelopt", "quant_algo": "FP8_PB_WO"}, "FP8", 8),
    "W8A8": (
        {"quant_method": "modelopt", "quant_algo": "W8A8_SQ_PER_CHANNEL"},
        "INT8 (W8A8)",
        8,
    ),
    "INT8 in rows": (compressed("int-quantized", group(8, "int", strategy="channel")), "INT8, a scale", 8),
    "eight bits packed": (
        compressed("pack-quantized", group(8, "int", group_size=128)),
        "INT8, group 128",
        8.125,
    ),
    "four bits packed": (compressed("pack-quantized", group(4, "int", group_size=32)), "INT4, group 32", 4.5),
    "GPTQ of 8 bits": ({"quant_method": "gptq", "bits": 8, "group_size": 128}, "INT8, group 128", 8.125),
    "GPTQ of 3 bits": ({"quant_method": "gptq", "bits": 3, "group_size": 128}, "INT3, group 128", 3.125),
    "AWQ": ({"quant_method": "awq", "bits": 4, "group_size": 128}, "INT4, group 128", 4.125),
    "AutoRound": ({"quant_method": "auto-round", "bits": 4, "group_size": 128}, "INT4, group 128", 4.125),
    "MLX": ({"bits": 4, "group_size": 64}, "INT4, group 64", 4.25),
    "HQQ": (
        {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}},
        "INT4, group 64",
        4.25,
    ),
    "bitsandbytes": ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "INT8, a scale a row", 8),
    "NF4": (
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
        "NF4 (bitsandbytes)",
        4.127,
    ),
    "quark": (
        {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}},
        "FP8",
        8,
    ),
}


def folder(path: Path, config: dict[str, Any], **more: Any) -> str:
    """A folder with a configuration; other documents by their names."""
    for name, document in {"config": config, **more}.items():
        (path / f"{name}.json").write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize("case", SAID)
def test_a_declared_quantization_has_its_own_bits(tmp_path: Path, case: str) -> None:
    said, title, bits = SAID[case]
    done = fit(folder(tmp_path, LLAMA_70B | {"quantization_config": said}))
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path.name}, {title}" in done.stdout
    model = from_config(LLAMA_70B, "llama")
    narrow = model.values["attention"] + model.values["mlp"]
    expected = (narrow * bits + (model.total - narrow) * 16) / 8
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("  weights")]
    assert line.split()[1] == f"{expected / 1e9:.2f}"


UNKNOWN: dict[str, tuple[Any, str]] = {
    "a word that nobody knows": ({"quant_method": "modelopt", "quant_algo": "FP3"}, "modelopt's 'FP3'"),
    "EXL2": ({"quant_method": "exl2", "bits": 4.25}, "'exl2'"),
    "AQLM": ({"quant_method": "aqlm", "nbits_per_codebook": 16}, "'aqlm'"),
    "torchao": ({"quant_method": "torchao", "quant_type": {"default": {}}}, "'torchao'"),
    "no table": ("q4_k_m", "'q4_k_m'"),
    "GPTQ without bits": ({"quant_method": "gptq"}, "'gptq'"),
    "a mixture": (
        {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"},
        "modelopt's 'MIXED_PRECISION'",
    ),
    "a mixture of groups": (
        compressed(
            "mixed-precision", group(4, "int") | {"group_1": {"weights": {"num_bits": 8, "type": "float"}}}
        ),
        "compressed-tensors's 'mixed-precision'",
    ),
    "layers with other bits": (
        {"quant_method": "auto-round", "bits": 4, "extra_config": {"lm_head": {"bits": 8}}},
        "'auto-round'",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_quantization_that_is_not_known_asks_for_a_format(tmp_path: Path, case: str) -> None:
    said, named = UNKNOWN[case]
    place = folder(tmp_path, LLAMA_70B | {"quantization_config": said})
    done = fit(place)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path}/config.json: it declares {named}" in done.stderr
    assert "--format" in done.stderr
    assert fit(place, "--format", "fp8").returncode == 0


def test_an_int8_model_that_is_too_large_is_not_said_to_fit(tmp_path: Path) -> None:
    large = LLAMA_70B | {
        "hidden_size": 12_288,
        "num_hidden_layers": 88,
        "num_attention_heads": 96,
        "head_dim": 128,
    }
    said = compressed("int-quantized", group(8, "int"))
    done = fit(folder(tmp_path, large | {"quantization_config": said}))
    assert "of 119.50 GB: does not fit" in done.stdout
    assert "expected" not in done.stdout.lower()
    assert json.loads(fit(str(tmp_path), "--json", "-").stdout)["expected_tok_s"] is None


def test_model_optimizers_own_file_is_read_and_its_cache_too(tmp_path: Path) -> None:
    said = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}
    place = folder(tmp_path, LLAMA_70B, hf_quant_config=said)
    done = fit(place)
    assert f"{tmp_path.name}, FP8, on GB10 (DGX Spark): 1 × 4,096 tokens, FP8 cache" in done.stdout
    assert "BF16 cache" in fit(place, "--cache", "bf16").stdout
    assert find("nvidia/Qwen3-8B-NVFP4").cache == find("Qwen3-8B-NVFP4").cache == "fp8"
    assert find("Qwen/Qwen3-8B").cache == "bf16"
    assert [len(find(name).notes) for name in ("nvidia/Qwen3-14B-NVFP4", "nvidia/Qwen3-8B-NVFP4")] == [1, 0]


@pytest.mark.parametrize(
    "said",
    [
        {"hf_quant_config": {"quantization": {"quant_algo": None, "kv_cache_quant_algo": "FP8"}}},
        {
            "config": LLAMA_70B
            | {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "format": "dense",
                    "kv_cache_scheme": {"num_bits": 8, "type": "float"},
                }
            }
        },
    ],
)
def test_a_cache_alone_can_be_narrow(tmp_path: Path, said: dict[str, Any]) -> None:
    done = fit(folder(tmp_path, **{"config": LLAMA_70B, **said}))
    assert done.returncode == 0, done.stderr
    assert "FP8 cache" in done.stdout
    assert "It is not quantized" in done.stdout


def test_a_cache_that_is_not_known_asks_for_one(tmp_path: Path) -> None:
    said = {"quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "NVFP4"}}
    place = folder(tmp_path, LLAMA_70B, hf_quant_config=said)
    done = fit(place)
    assert done.returncode == 2
    assert "it declares a KV cache in 'nvfp4'" in done.stderr
    assert fit(place, "--cache", "fp8").returncode == 0


def test_what_is_not_quantized_is_said_to_be_taken_for_nvfp4(tmp_path: Path) -> None:
    place = folder(tmp_path, LLAMA_70B)
    assert "It is not quantized: NVFP4 is what it would have" in fit(place).stdout
    assert "It is not quantized" not in fit(place, "--format", "bf16").stdout


def test_tensors_count_where_they_are_there(tmp_path: Path) -> None:
    """Payload of nvidia/Qwen3-8B-NVFP4, whatever its configuration says of it."""
    size = headers_only(tmp_path / "model.safetensors", qwen3_8b())
    config = read("models")["Qwen3-8B"]["config"]
    said = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}
    done = fit(folder(tmp_path, config | {"quantization_config": said}), "--json", "-")
    assert json.loads(done.stdout)["weight_bytes"] == pytest.approx(size, rel=1e-5)
    assert "NVFP4, as its tensors are" in fit(str(tmp_path)).stdout


def test_a_mixture_has_the_bits_of_its_tensors(tmp_path: Path) -> None:
    shapes: dict[str, tuple[str, tuple[int, ...]]] = {
        "model.embed_tokens.weight": ("BF16", (512, 256)),
        "lm_head.weight": ("F8_E4M3", (512, 256)),
        "lm_head.weight_scale": ("F32", ()),
        "model.layers.0.self_attn.q_proj.weight": ("BF16", (256, 256)),
        "model.layers.0.self_attn.k_proj.weight": ("BF16", (256, 256)),
        "model.layers.0.self_attn.v_proj.weight": ("BF16", (256, 256)),
        "model.layers.0.self_attn.o_proj.weight": ("BF16", (256, 256)),
        "model.layers.1.mlp.up_proj.weight": ("BF16", (4096, 4096)),
        "mtp.layers.0.mlp.up_proj.weight": ("BF16", (4096, 4096)),
    }
    for name in ("gate_proj", "up_proj", "down_proj"):
        shapes |= nvfp4_shapes(f"model.layers.0.mlp.{name}", 512, 256)
    headers_only(tmp_path / "model.safetensors", shapes)
    config = TINY | {
        "hidden_size": 256,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
    }
    config |= {"intermediate_size": 512, "vocab_size": 512}
    said = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}
    told = json.loads(fit(folder(tmp_path, config | {"quantization_config": said}), "--json", "-").stdout)
    expected = 512 * 256 * (2 + 1) + 4 * 256 * 256 * 2 + 3 * 512 * 256 * 4.5 / 8 + 3 * 256 * 2
    assert told["weight_bytes"] == pytest.approx(expected, rel=1e-3)


def test_experts_alone_are_narrow_where_the_configuration_leaves_the_rest_out(tmp_path: Path) -> None:
    """Kimi-K2-Thinking: experts at 4.5 bits, the rest at 16. The size of its files was not found: unconfirmed."""
    ignored = [
        "lm_head",
        "re:.*self_attn.*",
        "re:.*shared_experts.*",
        r"re:.*mlp\.(gate|up|gate_up|down)_proj.*",
    ]
    said = compressed("pack-quantized", group(4, "int", group_size=32)) | {"ignore": ignored}
    told = json.loads(fit(folder(tmp_path, KIMI_K2 | {"quantization_config": said}), "--json", "-").stdout)
    experts = 60 * 384 * 3 * 7168 * 2048
    rest = from_config(KIMI_K2, "Kimi-K2").total - experts
    assert told["weight_bytes"] == pytest.approx(experts * 4.5 / 8 + rest * 2, rel=1e-3)


LEFT: dict[str, tuple[list[str], float]] = {
    "nothing": (["lm_head"], 0),
    "every attention, by a pattern": (["lm_head", "re:.*self_attn.*"], 1),
    "every attention, by a glob": (["*self_attn*"], 1),
    "every attention, by its name alone": (["self_attn"], 1),
    "of one layer": (["model.layers.10.self_attn*", "lm_head"], 1 / 80),
    "of one layer, module by module": ([f"model.layers.0.self_attn.{one}_proj" for one in "qkvo"], 1 / 80),
    "one module of each": ([f"model.layers.{layer}.self_attn.o_proj" for layer in range(80)], 0),
    "of every layer, one by one": (
        [f"model.layers.{layer}.self_attn.{one}_proj" for layer in range(80) for one in "qkvo"],
        1,
    ),
    "what is somewhere else": (
        ["re:visual.*", "model.visual.blocks.0.attn.qkv", "mtp.layers.0.self_attn"],
        0,
    ),
}


@pytest.mark.parametrize("case", LEFT)
def test_what_a_configuration_leaves_out_stays_wide(tmp_path: Path, case: str) -> None:
    ignored, share = LEFT[case]
    said = {"quant_method": "fp8", "modules_to_not_convert": ignored}
    told = json.loads(fit(folder(tmp_path, LLAMA_70B | {"quantization_config": said}), "--json", "-").stdout)
    values = from_config(LLAMA_70B, "llama").values
    wide = values["embedding"] + values["head"] + values["rest"] + share * values["attention"]
    expected = 2 * wide + values["mlp"] + (1 - share) * values["attention"]
    assert told["weight_bytes"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("pattern", ["re:(a+)+$", "re:(.*)*x", "re:.*.*.*.*.*.*x", "re:(", "re:" + "a" * 201])
def test_a_pattern_that_could_take_for_ever_is_not_tried(tmp_path: Path, pattern: str) -> None:
    said = {"quant_method": "fp8", "modules_to_not_convert": [pattern]}
    place = folder(tmp_path, LLAMA_70B | {"quantization_config": said})
    done = fit(place)
    assert done.returncode == (0 if len(pattern) > 200 else 2)
    assert len(pattern) > 200 or "--format" in done.stderr
    assert fit(place, "--format", "fp8").returncode == 0


def test_mistrals_own_configuration_is_read(tmp_path: Path) -> None:
    told = {
        "dim": 5120, "n_layers": 40, "n_heads": 32, "n_kv_heads": 8, "head_dim": 128, "hidden_dim": 32_768,
        "vocab_size": 131_072, "quantization": {"qformat_weight": "fp8_e4m3", "qscheme_act": "TENSOR"},
    }  # fmt: skip
    (tmp_path / "params.json").write_text(json.dumps(told))
    done = fit(str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path.name}, FP8" in done.stdout


@pytest.mark.parametrize("name", ["config.json", "hf_quant_config.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "loop"])
def test_what_is_no_file_is_no_checkpoint(tmp_path: Path, name: str, kind: str) -> None:
    folder(tmp_path, TINY | {"quantization_config": {"quant_method": "fp8"}})
    path = tmp_path / name
    path.unlink(missing_ok=True)
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to("/dev/zero" if kind == "device" else path.name)
    done = fit(str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"gb10docs: {path}: ")


@pytest.mark.parametrize("place", ["loop", "/dev/zero", "fifo", "~nobody-of-that-name/model"])
def test_what_is_no_folder_is_no_model(tmp_path: Path, place: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    given = place if place.startswith(("/", "~")) else str(tmp_path / place)
    done = fit(given)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"no model '{given}'" in done.stderr


ODD = st.sampled_from([
    None, True, -1, 0, 1, 3, 10**20, 0.5, float("nan"), "", "fp8", "full_attention", "M*E-", [], [1], ["M"], {},
    {"a": 1}, {"bits": 4}, {"weights": {"num_bits": 4}}, [{"dtype": "fp4"}], "\u202e", {"quant_algo": "FP8"},
])  # fmt: skip
WHOLE: list[dict[str, Any]] = [
    *(row["config"] for row in read("models").values()),
    DEEPSEEK_V3,
    QWEN3_NEXT,
    QWEN3_VL,
    MISTRAL_SMALL,
    GEMMA3,
    {"dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 8, "vocab_size": 8, "moe": {"num_experts": 2}},
]
WORDS = [
    "quantization_config", "compression_config", "quantization", "quant_method", "quant_algo", "format", "bits",
    "group_size", "config_groups", "group_0", "weights", "num_bits", "kv_cache_scheme", "quantized_layers", "ignore",
    "modules_to_not_convert", "weight_block_size", "extra_config", "global_quant_config", "text_config", "layer_types",
    "vision_config", "num_hidden_layers", "hybrid_override_pattern", "sliding_window", "use_sliding_window",
]  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_configuration_makes_it_stumble(tmp_path: Path, data: st.DataObject) -> None:
    config = copy.deepcopy(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(0, 5))):
        inside = [config, *(each for each in config.values() if isinstance(each, dict))]
        where = data.draw(st.sampled_from(inside))
        where[data.draw(st.sampled_from([*WORDS, *where]))] = copy.deepcopy(data.draw(ODD))
    name = data.draw(
        st.sampled_from(["config.json", "params.json", "hf_quant_config.json", "quantize_config.json"])
    )
    for path in tmp_path.iterdir():
        path.unlink()
    folder(tmp_path, TINY)
    (tmp_path / name).write_text(json.dumps(config))
    if name == "params.json":
        (tmp_path / "config.json").unlink()
    try:
        found = find(str(tmp_path))
        chosen = found.own or FORMATS.get(found.format)
        if chosen is not None and chosen.suits(found.experts):
            assert math.isfinite(estimate(found, chosen, GB10, context=1000).ceiling_tok_s)
        else:
            assert found.refusal or not found.experts
    except GB10DocsError as error:
        assert "\n" not in str(error)  # noqa: PT017 - any of them will do


# What is shown.


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0, 0, "0"), (2.5, 0, "3"), (0.125, 2, "0.13"), (1234567.891, 1, "1,234,567.9"), (999.95, 1, "1,000.0")],
)
def test_numbers_are_rounded_as_in_a_browser(value: float, digits: int, text: str) -> None:
    """`toFixed` takes the larger of two that are as near; 999.95 is a little more than that in binary."""
    assert number(value, digits) == text


def test_assumptions_come_with_what_they_are_about() -> None:
    def about(made: Estimate) -> str:
        return " ".join(assumptions(made))

    two = estimate(bundled("gpt-oss-120b"), FORMATS["mxfp4-experts"], MACHINES["gb10-x2"], batch=2)
    assert "favourites" in about(two)
    assert "as if the network between them cost nothing" in about(two)
    assert "273 GB/s each" in about(two)
    one = on_gb10("Qwen3-8B", "nvfp4", batch=2, context=50_000)
    assert "favourites" not in about(one)
    assert "was made for 40,960 tokens: this context is longer" in about(one)


def test_an_empty_context_has_no_prompt() -> None:
    made = on_gb10("Qwen3-8B", "nvfp4")
    assert made.prefill_tok_s == 0
    assert "Prefill" not in table(made)
    assert shown(made)["prefill_time"] == "0.00 s"


def test_a_source_that_is_ours_is_not_linked() -> None:
    made = estimate(bundled("Qwen3-8B"), FORMATS["nvfp4"], MACHINES["rtx-5090"])
    assert set(sources(made)) == {"shape", "format", "memory", "bandwidth", "arithmetic"}
    assert all(source for source in sources(made).values())


def test_our_h200_speeds_are_those_of_the_record() -> None:
    ledger = json.loads((ROOT / "docs/evidence/theory/measure-decode-speed/nvidia.json").read_text())
    said, ours = (
        json.loads(ledger["steps"]["measure-decode-speed/decode-speed"]["stdout"]),
        read("batches")["h200"],
    )
    for form, name in (("bf16", "bf16"), ("fp8", "fp8"), ("nvfp4", "nvfp4-w4a16")):
        assert list(said[form]["tok_s"].values()) == ours["tok_s"][f"Qwen3-8B {name}"]
        for (batch, steps), (low, high) in zip(
            said[form]["ms_a_step"].items(), ours["tok_s_range"][f"Qwen3-8B {name}"], strict=True
        ):
            assert (low, high) == pytest.approx(
                (1000 * int(batch) / steps[-1], 1000 * int(batch) / steps[0]), abs=0.05
            )
