"""How many values the part of a model has that reads pictures, where its kind is known here."""

from __future__ import annotations

from gb10docs.models.roofline.fields import BadConfig, Fields

PARTS = ("vision_config", "audio_config", "sound_config", "vision_encoder")
"""Keys of what reads something else than text; the last is Mistral's own."""


def values(outer: Fields, hidden: int) -> int | None:
    """Values of the tower and of what joins it to a language model as wide as `hidden`; None for an unknown kind."""
    tower = outer.table("vision_config")
    if tower is None or any(outer.table(part) for part in PARTS[1:]):
        return None
    counted = {
        "qwen3_vl": _qwen,
        "qwen3_vl_moe": _qwen,
        "qwen3_5": _qwen,
        "qwen3_5_moe": _qwen,
        "mistral3": _pixtral,
        "gemma3": _siglip,
    }.get(outer.text("model_type"))
    try:
        return counted(outer, tower, hidden) if counted else None
    except BadConfig:
        return None


def _qwen(_: Fields, tower: Fields, __: int) -> int:
    """Values in Qwen3-VL and Qwen3.5, whose mergers hold a square of patches each."""
    wide, inner = tower.count("hidden_size"), tower.count("intermediate_size")
    patch = (
        tower.count("in_channels", default=3)
        * tower.count("temporal_patch_size")
        * tower.count("patch_size") ** 2
    )
    merged = wide * tower.count("spatial_merge_size") ** 2
    layer = 4 * wide + 4 * (wide * wide + wide) + 2 * wide * inner + inner + wide
    joined = (
        merged * merged + merged + merged * tower.count("out_hidden_size") + tower.count("out_hidden_size")
    )
    deep = len(tower.listed("deepstack_visual_indexes") or [])
    stem = patch * wide + wide + tower.count("num_position_embeddings") * wide
    return stem + tower.count("depth") * layer + joined + 2 * wide + deep * (joined + 2 * merged)


def _pixtral(outer: Fields, tower: Fields, hidden: int) -> int:
    """Values in Mistral Small 3.1 and its kin."""
    wide, inner = tower.count("hidden_size"), tower.count("intermediate_size")
    patch = tower.count("num_channels", default=3) * tower.count("patch_size") ** 2
    layer = 2 * wide + 3 * wide * inner + 4 * wide * wide
    merged = wide * outer.count("spatial_merge_size", default=2) ** 2
    joined = wide + merged * wide + wide * hidden + hidden * hidden
    biases = 2 * hidden if outer.flag("multimodal_projector_bias") else 0
    return patch * wide + wide + tower.count("num_hidden_layers") * layer + joined + biases


def _siglip(_: Fields, tower: Fields, hidden: int) -> int:
    """Values in Gemma 3."""
    wide, inner = tower.count("hidden_size"), tower.count("intermediate_size")
    patch = tower.count("patch_size")
    stem = tower.count("num_channels", default=3) * patch * patch * wide + wide
    stem += (tower.count("image_size") // patch) ** 2 * wide
    layer = 4 * wide + 4 * (wide * wide + wide) + 2 * wide * inner + inner + wide
    return stem + tower.count("num_hidden_layers") * layer + 2 * wide + wide * hidden + wide
