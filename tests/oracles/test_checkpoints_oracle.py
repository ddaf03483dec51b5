"""What Model Optimizer exports we read, what we write transformers reads, and the traps that we warn of are there."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from libraries import Array, array, tensor

from gb10docs.models.checkpoints.checkpoint import Checkpoint, open_checkpoint
from gb10docs.models.checkpoints.writing import write
from gb10docs.models.formats import fp8, int4, mxfp4, nvfp4
from gb10docs.models.inspection.look import look

pytest.importorskip("modelopt")

pytestmark = pytest.mark.filterwarnings("ignore")

DOWN = "model.layers.0.mlp.down_proj"
RECIPES = {
    "NVFP4": ("NVFP4_DEFAULT_CFG", "NVFP4"),
    "NVFP4 with an FP8 cache": ("NVFP4_DEFAULT_CFG", "NVFP4"),
    "W4A16_NVFP4": ("W4A16_NVFP4_CFG", "W4A16_NVFP4"),
    "FP8": ("FP8_DEFAULT_CFG", "FP8"),
    "FP8 of rows": ("FP8_PER_CHANNEL_PER_TOKEN_CFG", "FP8"),
    "MXFP4": ("MXFP4_DEFAULT_CFG", "MXFP4"),
    "MXFP8": ("MXFP8_DEFAULT_CFG", "MXFP8"),
    "INT4 AWQ": ("INT4_AWQ_CFG", "INT4"),
    "INT8": ("INT8_SMOOTHQUANT_CFG", "INT8"),
}
"""By name: Model Optimizer's configuration, and what we call it."""


def model() -> Any:
    """A Qwen3 of two layers, the same one each time."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=256, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=128, tie_word_embeddings=False,
    )  # fmt: skip
    made = Qwen3ForCausalLM(config).to(torch.bfloat16)
    made.config.architectures = ["Qwen3ForCausalLM"]
    return made


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder a recipe, as Model Optimizer writes it."""
    import modelopt.torch.quantization as mtq
    from modelopt.torch.export import export_hf_checkpoint

    folders = {}
    tokens = torch.arange(32)[None]
    for name, (recipe, _) in RECIPES.items():
        folders[name] = tmp_path_factory.mktemp("export") / name.replace(" ", "-")
        quantized = model()
        with warnings.catch_warnings(action="ignore"):
            config = copy.deepcopy(getattr(mtq, recipe))
            if name.endswith("cache"):
                config["quant_cfg"] += mtq.FP8_KV_CFG["quant_cfg"]
            mtq.quantize(quantized, config, lambda made: made(tokens))
            export_hf_checkpoint(quantized, export_dir=folders[name])
    return folders


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_export_is_told_by_its_name_and_has_no_fault(exports: dict[str, Path], recipe: str) -> None:
    found = look(open_checkpoint(exports[recipe]), "")
    assert (found.scheme, found.method, found.faults) == (RECIPES[recipe][1], "modelopt", [])
    assert found.producer.startswith("modelopt 0.")
    assert [row.layer for row in found.rows if row.format == "BF16"] == [
        "model.embed_tokens",
        "lm_head",
        "vectors and scalars",
    ]


def test_a_cache_is_told_with_its_scales(exports: dict[str, Path]) -> None:
    assert look(open_checkpoint(exports["NVFP4"]), "").kv_cache == "not quantized"
    assert look(open_checkpoint(exports["NVFP4 with an FP8 cache"]), "").kv_cache == "FP8, with scales"


WORDS: dict[str, tuple[Any, bool]] = {
    "NVFP4": (nvfp4.quantize, True),
    "W4A16_NVFP4": (nvfp4.quantize, False),
    "FP8": (fp8.quantize, True),
    "FP8 of rows": (lambda x: fp8.quantize(x, axis=-1), False),
    "MXFP4": (mxfp4.quantize, False),
}


@pytest.mark.parametrize("recipe", WORDS)
def test_our_configuration_says_what_its_own_does(
    exports: dict[str, Path], tmp_path: Path, recipe: str
) -> None:
    quantize, activations = WORDS[recipe]
    state = {name: array(one) for name, one in model().state_dict().items()}
    pairs = [(name, quantize(x) if "_proj" in name else x) for name, x in state.items()]
    scales = {name: 0.01 for name, _ in pairs if "_proj" in name} if activations else None
    write(tmp_path, pairs, input_scales=scales)
    ours, theirs = (said(open_checkpoint(folder)) for folder in (tmp_path, exports[recipe]))
    assert ours == theirs


def said(checkpoint: Checkpoint) -> Any:
    """Both configurations, less the producer and the order of what is left out."""
    both = copy.deepcopy(
        [(checkpoint.config or {})["quantization_config"], checkpoint.documents.hf_quant_config]
    )
    for one in both:
        del one["producer"]
    both[0]["ignore"].sort()
    both[1]["quantization"]["exclude_modules"].sort()
    return both


def stored(checkpoint: Checkpoint, role: str) -> Any:
    """A tensor of the weight that is looked at, in torch's own dtype."""
    from safetensors.torch import load_file

    return load_file(Path(checkpoint.files.where("model.safetensors")))[f"{DOWN}.{role}"]


@pytest.mark.parametrize("recipe", ["NVFP4", "W4A16_NVFP4"])
def test_nvfp4_has_the_values_that_its_own_class_gives(exports: dict[str, Path], recipe: str) -> None:
    from modelopt.torch.quantization.qtensor import NVFP4QTensor

    checkpoint = open_checkpoint(exports[recipe])
    theirs = NVFP4QTensor(torch.Size((128, 256)), torch.float32, stored(checkpoint, "weight")).dequantize(
        scale=stored(checkpoint, "weight_scale"),
        double_scale=stored(checkpoint, "weight_scale_2"),
        block_sizes={-1: 16},
    )
    assert np.array_equal(checkpoint.weight(DOWN).dequantize(), theirs.numpy())


def test_mxfp4_has_the_values_that_its_own_class_gives(exports: dict[str, Path]) -> None:
    from modelopt.torch.quantization.qtensor import MXFP4QTensor

    checkpoint = open_checkpoint(exports["MXFP4"])
    theirs = MXFP4QTensor(torch.Size((128, 256)), torch.float32, stored(checkpoint, "weight")).dequantize(
        scale=stored(checkpoint, "weight_scale"), block_sizes={-1: 32}
    )
    assert np.array_equal(checkpoint.weight(DOWN).dequantize(), theirs.numpy())


@pytest.mark.parametrize("recipe", ["FP8", "FP8 of rows"])
def test_fp8_is_code_times_scale(exports: dict[str, Path], recipe: str) -> None:
    checkpoint = open_checkpoint(exports[recipe])
    scale = stored(checkpoint, "weight_scale")
    theirs = stored(checkpoint, "weight").float() * (scale[:, None] if scale.ndim else scale)
    assert np.array_equal(checkpoint.weight(DOWN).dequantize(), theirs.numpy())


def test_int4_is_unpacked_as_it_packs(tmp_path: Path) -> None:
    from modelopt.torch.export.quant_utils import pack_int4_in_uint8

    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    scale = x.reshape(64, 2, 128).abs().amax(-1) / 7
    packed = pack_int4_in_uint8(x, scale, 128)
    write(tmp_path, [("a.weight", packed.numpy()), ("a.weight_scale", scale.numpy())])
    theirs = torch.clamp((x.reshape(64, 2, 128) / scale[..., None]).round(), -8, 7) * scale[..., None]
    assert np.array_equal(open_checkpoint(tmp_path).weight("a").dequantize(), theirs.reshape(64, 256).numpy())


def test_an_awq_weight_is_that_of_the_layer_when_its_input_is_scaled(exports: dict[str, Path]) -> None:
    checkpoint = open_checkpoint(exports["INT4 AWQ"])
    scale = checkpoint.read(f"{DOWN}.pre_quant_scale").astype(np.float32)
    before = array(model().get_submodule(DOWN).weight.detach()).astype(np.float32)
    error = np.abs(checkpoint.weight(DOWN).dequantize() * scale - before).max()
    assert error < 0.012
    assert np.abs(checkpoint.weight(DOWN).dequantize() - before).max() > error


# What we write, read by others.

WRITTEN: dict[str, Any] = {
    "NVFP4": lambda x: nvfp4.quantize(x, variant="compressed-tensors"),
    "NVFP4A16": lambda x: nvfp4.quantize(x, variant="compressed-tensors"),
    "MXFP4A16": lambda x: mxfp4.quantize(x, variant="compressed-tensors"),
    "W4A16": int4.quantize,
    "FP8_DYNAMIC": lambda x: fp8.quantize(x, axis=-1),
}


@pytest.mark.parametrize("scheme", WRITTEN)
def test_transformers_loads_what_we_write_and_has_our_values(tmp_path: Path, scheme: str) -> None:
    from transformers import AutoModelForCausalLM

    before = model()
    pairs: list[tuple[str, Any]] = [
        (name, WRITTEN[scheme](array(one)) if "_proj" in name else array(one))
        for name, one in before.state_dict().items()
    ]
    scales = {name: 0.01 for name, _ in pairs if "_proj" in name} if scheme == "NVFP4" else None
    write(tmp_path, pairs, dialect="compressed-tensors", config=before.config.to_dict(), input_scales=scales)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    with torch.no_grad():
        assert torch.isfinite(loaded(torch.arange(8)[None]).logits).all()
    checkpoint = open_checkpoint(tmp_path)
    quantized = [name for name, weight in checkpoint.weights.items() if weight.quantized]
    assert len(quantized) == 14
    for name in quantized:
        ours = checkpoint.weight(name).dequantize().astype(ml_dtypes.bfloat16)
        assert torch.equal(loaded.get_submodule(name).weight.to(torch.bfloat16), tensor(ours)), name


def test_its_own_converter_leaves_scalars_and_inverse_scales(
    exports: dict[str, Path], tmp_path: Path
) -> None:
    from compressed_tensors.entrypoints.convert import ModelOptNvfp4Converter, convert_checkpoint

    converter = ModelOptNvfp4Converter(ignore=["lm_head"], targets=[r"re:.*_proj$"])
    convert_checkpoint(exports["NVFP4"], tmp_path / "converted", converter, device="cpu", max_workers=1)
    before, after = open_checkpoint(exports["NVFP4"]), open_checkpoint(tmp_path / "converted")
    found = look(after, "")
    assert (found.scheme, found.method) == ("NVFP4", "compressed-tensors")
    assert any("wants the shape [1]" in trap for trap in found.traps)
    multiplier, divisor = before.read(f"{DOWN}.weight_scale_2"), after.read(f"{DOWN}.weight_global_scale")
    assert divisor == 1 / multiplier
    one, other = (checkpoint.weight(DOWN).dequantize() for checkpoint in (before, after))
    assert np.allclose(one, other, rtol=1e-6, atol=0)


# The traps.


def load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)


@pytest.mark.parametrize("recipe", ["FP8", "MXFP8"])
def test_transformers_takes_the_codes_for_the_weights(exports: dict[str, Path], recipe: str) -> None:
    checkpoint = open_checkpoint(exports[recipe])
    weight: Array = array(load(exports[recipe]).get_submodule(DOWN).weight.detach()).astype(np.float32)
    assert np.array_equal(weight, checkpoint.read(f"{DOWN}.weight").astype(np.float32))
    assert any("without its scales" in trap for trap in look(checkpoint, "").traps)


@pytest.mark.parametrize("recipe", ["NVFP4", "W4A16_NVFP4", "MXFP4", "INT4 AWQ"])
def test_transformers_stops_at_packed_shapes(exports: dict[str, Path], recipe: str) -> None:
    assert any(
        "stops at the packed shapes" in trap for trap in look(open_checkpoint(exports[recipe]), "").traps
    )
    with pytest.raises(RuntimeError, match="mismatched"):
        load(exports[recipe])
