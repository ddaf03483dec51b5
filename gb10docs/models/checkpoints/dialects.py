"""The two dialects of quantized checkpoints: names of tensors, and what the configuration says of them.

As nvidia-modelopt 0.47 and compressed-tensors 0.20 write them; tests/oracles reads each with the other side's library.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

import gb10docs
from gb10docs.atomic import CannotWrite
from gb10docs.models.checkpoints.documents import Table
from gb10docs.models.checkpoints.shards import Tensors
from gb10docs.models.formats import e2m1, e4m3, fp8, int4, mxfp4, nvfp4

Dialect: TypeAlias = Literal["modelopt", "compressed-tensors"]
Quantized: TypeAlias = nvfp4.Quantized | mxfp4.Quantized | int4.Quantized | fp8.Quantized


def by_row(weight: Quantized) -> bool:
    """Whether it is an FP8 weight with a scale for each row."""
    return isinstance(weight, fp8.Quantized) and weight.scales.ndim > 0


def tensors(weight: Quantized, dialect: Dialect, input_scale: float | None) -> Tensors:
    """The tensors of a weight by their roles.

    Raises:
        CannotWrite: The dialect has no such weight.
    """
    if isinstance(weight, int4.Quantized) and (weight.zero_points is not None or weight.codes.shape[-1] % 8):
        raise CannotWrite("INT4 is written without zero points, and in multiples of 8 columns")
    if dialect == "modelopt":
        return _modelopt(weight) | _input_scale(weight, input_scale)
    return _compressed_tensors(weight) | _input_global_scale(weight, input_scale)


def _modelopt(weight: Quantized) -> Tensors:
    match weight:
        case nvfp4.Quantized():
            return {
                "weight": weight.pack(),
                "weight_scale": weight.scales.view(e4m3.DTYPE),
                "weight_scale_2": np.array(weight.tensor_scale, np.float32),
            }
        case mxfp4.Quantized():
            return {"weight": weight.pack(), "weight_scale": weight.scales}
        case int4.Quantized():
            along_rows = np.swapaxes(e2m1.pack(np.swapaxes(weight.codes, -1, -2)), -1, -2)
            return {"weight": along_rows ^ 0x88, "weight_scale": weight.scales.astype(np.float32)}
        case fp8.Quantized():
            scales = weight.scales.astype(np.float32)
            return {
                "weight": weight.codes.view(e4m3.DTYPE),
                "weight_scale": scales.reshape(-1) if by_row(weight) else scales,
            }


def _input_scale(weight: Quantized, scale: float | None) -> Tensors:
    static = isinstance(weight, fp8.Quantized) and not by_row(weight)
    if static and scale is None:
        raise CannotWrite("Model Optimizer's FP8 has an input scale for each weight: give input_scales")
    if scale is None:
        return {}
    if not static and not isinstance(weight, nvfp4.Quantized):
        raise CannotWrite("an input scale, which only NVFP4 has, and FP8 with one scale for a weight")
    return {"input_scale": np.array(scale, np.float32)}


def _compressed_tensors(weight: Quantized) -> Tensors:
    match weight:
        case nvfp4.Quantized():
            divisor = (
                np.float32(1) / weight.tensor_scale if weight.global_scale is None else weight.global_scale
            )
            return {
                "weight_packed": weight.pack(),
                "weight_scale": weight.scales.view(e4m3.DTYPE),
                "weight_global_scale": np.array([divisor], np.float32),
            }
        case mxfp4.Quantized():
            return {"weight_packed": weight.pack(), "weight_scale": weight.scales}
        case int4.Quantized():
            return {
                "weight_packed": weight.pack().view("<i4"),
                "weight_scale": weight.scales,
                "weight_shape": np.array(weight.codes.shape, np.int64),
            }
        case fp8.Quantized():
            if not by_row(weight):
                raise CannotWrite("FP8_DYNAMIC has a scale for each row: quantize with axis=-1")
            return {"weight": weight.codes.view(e4m3.DTYPE), "weight_scale": weight.scales}


def _input_global_scale(weight: Quantized, scale: float | None) -> Tensors:
    if scale is None:
        return {}
    if not isinstance(weight, nvfp4.Quantized):
        raise CannotWrite("an input scale, which only NVFP4 has in this dialect")
    return {"input_global_scale": np.array([np.float32(1) / np.float32(scale)])}


def modelopt_configuration(weight: Quantized, ignore: list[str], *, activations: bool) -> tuple[Table, Table]:
    """For a checkpoint of such weights: `quantization_config` of config.json, and hf_quant_config.json.

    Args:
        weight: One of them.
        ignore: Modules that are not quantized.
        activations: Whether there are input scales.
    """
    algorithm = _algorithm(weight, activations)
    element = {"dynamic": False, "num_bits": 8 if isinstance(weight, fp8.Quantized) else 4, "type": "float"}
    details: Table = {"quant_algo": algorithm, "kv_cache_quant_algo": None}
    own: Table = {"ignore": ignore, "quant_algo": algorithm, "quant_method": "modelopt"}
    if isinstance(weight, nvfp4.Quantized | int4.Quantized):
        details["group_size"] = weight.group if isinstance(weight, int4.Quantized) else nvfp4.BLOCK
    if isinstance(weight, nvfp4.Quantized):
        element["group_size"] = nvfp4.BLOCK
    if isinstance(weight, int4.Quantized):
        details |= {"has_zero_point": False, "pre_quant_scale": False}
    if isinstance(weight, nvfp4.Quantized) or algorithm == "FP8":
        inputs = {"input_activations": element} if activations else {}
        own["config_groups"] = {"group_0": {**inputs, "weights": element, "targets": ["Linear"]}}
    producer = {"name": "gb10docs", "version": gb10docs.__version__}
    return {**own, "producer": producer}, {
        "producer": producer,
        "quantization": {**details, "exclude_modules": ignore},
    }


def _algorithm(weight: Quantized, activations: bool) -> str:
    match weight:
        case nvfp4.Quantized():
            return "NVFP4" if activations else "W4A16_NVFP4"
        case mxfp4.Quantized():
            return "mxfp4"
        case int4.Quantized():
            return "W4A16_AWQ"
        case fp8.Quantized():
            return "FP8_PER_CHANNEL_PER_TOKEN" if by_row(weight) else "FP8"


def compressed_tensors_configuration(weight: Quantized, ignore: list[str], *, activations: bool) -> Table:
    """For a checkpoint of such weights: `quantization_config` of config.json; arguments as above."""
    form, weights, inputs = _scheme(weight, activations)
    group = {
        "targets": ["Linear"],
        "weights": weights,
        "input_activations": inputs,
        "output_activations": None,
    }
    return {
        "config_groups": {"group_0": {**group, "format": form}},
        "format": form,
        "ignore": ignore,
        "kv_cache_scheme": None,
        "quant_method": "compressed-tensors",
        "quantization_status": "compressed",
    }


def _scheme(weight: Quantized, activations: bool) -> tuple[str, Table, Table | None]:
    """Format, and arguments of weights and of activations, as the presets have them."""
    four = {"num_bits": 4, "type": "float", "symmetric": True, "dynamic": False}
    match weight:
        case nvfp4.Quantized():
            args = {**four, "strategy": "tensor_group", "group_size": nvfp4.BLOCK}
            return "nvfp4-pack-quantized", args, {**args, "dynamic": "local"} if activations else None
        case mxfp4.Quantized():
            args = {**four, "strategy": "group", "group_size": mxfp4.BLOCK, "scale_dtype": "torch.uint8"}
            return "mxfp4-pack-quantized", args, None
        case int4.Quantized():
            args = {**four, "type": "int", "strategy": "group", "group_size": weight.group}
            return "pack-quantized", args, None
        case fp8.Quantized():
            args = {**four, "num_bits": 8, "strategy": "channel"}
            return "float-quantized", args, {**args, "strategy": "token", "dynamic": True}
