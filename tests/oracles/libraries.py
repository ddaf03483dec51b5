"""Each library's own quantizer, called as its exporter calls it: numpy in, bytes out."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray

os.environ["TRITON_INTERPRET"] = "1"  # vLLM's MXFP4 quantizer is a Triton kernel, and there may be no GPU

Array = NDArray[Any]


class Result(NamedTuple):
    """What a checkpoint would hold."""

    packed: Array
    scales: Array
    tensor_scale: Array | None = None
    """A multiplier or a divisor, as the library has it."""


def tensor(x: Array) -> Any:
    """A torch tensor of its own, float32 or bfloat16 as x is."""
    if x.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(x.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(x.copy())


def array(t: Any) -> Array:
    """The bytes of an eight-bit tensor, the values of any other."""
    if t.dtype.itemsize == 1:
        result: Array = t.view(torch.uint8).numpy()
    elif t.dtype == torch.bfloat16:
        result = t.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    else:
        result = t.numpy()
    return result


def modelopt_nvfp4(x: Array, tensor_scale: float | None = None) -> Result:
    from modelopt.torch.quantization.qtensor import NVFP4QTensor

    given = None if tensor_scale is None else torch.tensor(tensor_scale)
    quantized, scales, used = NVFP4QTensor.quantize(tensor(x), 16, weights_scaling_factor_2=given)
    return Result(array(quantized._quantized_data), array(scales), array(used))


def modelopt_nvfp4_values(x: Array) -> Array:
    from modelopt.torch.quantization.qtensor import NVFP4QTensor

    quantized, scales, tensor_scale = NVFP4QTensor.quantize(tensor(x), 16)
    return array(
        quantized.dequantize(torch.float32, scale=scales, double_scale=tensor_scale, block_sizes={-1: 16})
    )


def modelopt_mxfp4(x: Array) -> Result:
    from modelopt.torch.quantization.qtensor.mxfp4_tensor import MXFP4QTensor

    quantized, scales = MXFP4QTensor.quantize(tensor(x), 32)
    return Result(array(quantized._quantized_data), array(scales).reshape(*x.shape[:-1], x.shape[-1] // 32))


def modelopt_mxfp4_values(x: Array) -> Array:
    from modelopt.torch.quantization.qtensor.mxfp4_tensor import MXFP4QTensor

    quantized, scales = MXFP4QTensor.quantize(tensor(x), 32)
    return array(quantized.dequantize(torch.float32, scale=scales, block_sizes={-1: 32}))


def modelopt_int4(x: Array, group: int) -> Result:
    from modelopt.torch.quantization.qtensor import INT4QTensor

    quantized, scales = INT4QTensor.quantize(tensor(x), group)
    return Result(array(quantized._quantized_data), array(scales))


def modelopt_fp8(x: Array, axis: int | None) -> Result:
    """`axis` is the one kept, as Model Optimizer means it."""
    from modelopt.torch.quantization.qtensor import FP8QTensor

    quantized, scales = FP8QTensor.quantize(tensor(x), axis=axis)
    return Result(array(quantized._quantized_data), array(scales))


def torchao_nvfp4(x: Array, given: float | None = None) -> Result:
    from torchao.prototype.mx_formats.nvfp4_tensor import nvfp4_quantize, per_tensor_amax_to_scale

    t = tensor(x)
    tensor_scale = per_tensor_amax_to_scale(t.abs().max()) if given is None else torch.tensor(given)
    scales, packed = nvfp4_quantize(t, 16, tensor_scale)
    return Result(array(packed), array(scales), array(tensor_scale))


def torchao_mxfp4(x: Array, mode: str = "FLOOR") -> Result:
    from torchao.prototype.mx_formats.mx_tensor import ScaleCalculationMode, to_mx

    scales, packed = to_mx(tensor(x), torch.float4_e2m1fn_x2, 32, ScaleCalculationMode[mode])
    return Result(array(packed), array(scales))


def compressed_tensors(x: Array, preset: str) -> tuple[dict[str, Any], Any]:
    """The state dict that llm-compressor's observer and compressor leave of one weight, and its scheme."""
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import preset_name_to_scheme
    from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam

    formats = {
        "NVFP4A16": "nvfp4-pack-quantized",
        "MXFP4A16": "mxfp4-pack-quantized",
        "W4A16": "pack-quantized",
        "W4A16_ASYM": "pack-quantized",
        "FP8_DYNAMIC": "float-quantized",
    }
    weight = tensor(x)
    scheme = preset_name_to_scheme(preset, ["Linear"])
    group = scheme.weights.group_size or x.shape[-1]
    grouped = weight.reshape(*x.shape[:-1], x.shape[-1] // group, group)
    low, high = grouped.amin(-1), grouped.amax(-1)
    state: dict[str, Any] = {"weight": weight}
    if preset.startswith("NVFP4"):
        state["weight_global_scale"] = generate_gparam(weight.min(), weight.max())
    scale, zero_point = calculate_qparams(low, high, scheme.weights, state.get("weight_global_scale"))
    state |= {"weight_scale": scale, "weight_zero_point": zero_point}
    compressor = BaseCompressor.get_value_from_registry(formats[preset])
    return compressor.compress(state, scheme), (compressor, scheme)


def compressed_tensors_nvfp4(x: Array) -> Result:
    state, _ = compressed_tensors(x, "NVFP4A16")
    return Result(*(array(state[name]) for name in ("weight_packed", "weight_scale", "weight_global_scale")))


def compressed_tensors_mxfp4(x: Array) -> Result:
    state, _ = compressed_tensors(x, "MXFP4A16")
    return Result(array(state["weight_packed"]), array(state["weight_scale"]))


def vllm_nvfp4(x: Array, given: float | None = None) -> Result:
    """Two axes only."""
    from vllm.model_executor.layers.quantization.utils.nvfp4_emulation_utils import ref_nvfp4_quant

    t = tensor(x)
    scale = 2688.0 / t.abs().max().to(torch.float32) if given is None else 1 / torch.tensor(given)
    divisor = scale.reshape(1)
    values, scales = ref_nvfp4_quant(t, divisor, 16)
    levels = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
    codes = torch.searchsorted(levels, values.abs()).clamp(max=7) + 8 * torch.signbit(values)
    packed = (codes[..., 0::2] + 16 * codes[..., 1::2]).to(torch.uint8)
    return Result(array(packed), array(scales.to(torch.float8_e4m3fn)), array(divisor))


def vllm_mxfp4(x: Array) -> Result:
    """BF16 only. A Triton kernel, run by Triton's interpreter, which vLLM's CPU build leaves aside."""
    import triton
    from vllm import triton_utils

    triton_utils.triton, triton_utils.tl = triton, triton.language
    from vllm.model_executor.layers.quantization.utils.mxfp4_utils import downcast_to_mxfp

    packed, scales, _ = downcast_to_mxfp(tensor(x), axis=-1, BLOCK_OUT_DIM=len(x), BLOCK_QUANT_DIM=x.shape[1])
    return Result(array(packed), array(scales))


def vllm_values(packed: Array, scales: Array, tensor_scale: float) -> Array:
    """What vLLM makes of a Model Optimizer checkpoint where it emulates NVFP4."""
    from vllm.model_executor.layers.quantization.utils.nvfp4_emulation_utils import dequantize_to_dtype

    return array(
        dequantize_to_dtype(
            tensor(packed), tensor(scales), torch.tensor(tensor_scale), torch.float32, swizzle=False
        )
    )
