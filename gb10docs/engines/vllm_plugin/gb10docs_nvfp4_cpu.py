"""NVFP4 on a CPU, for vLLM: each weight is dequantized once, when it is loaded, and kept in 16 bit.

vLLM has no NVFP4 kernel for a CPU. Its emulation computes the same, but dequantizes the weight at every step.
This is no part of gb10docs's own imports: vLLM finds it through the entry point beside it.
"""

from __future__ import annotations

import torch
from vllm.model_executor.kernels import linear
from vllm.model_executor.kernels.linear.nvfp4.base import NvFp4LinearKernel, NvFp4LinearLayerConfig
from vllm.model_executor.layers.quantization.utils.nvfp4_emulation_utils import (
    dequantize_to_dtype,
    ref_nvfp4_quant_dequant,
)
from vllm.platforms.interface import PlatformEnum

BLOCK = 16


class DequantizedAtLoadNvFp4LinearKernel(NvFp4LinearKernel):  # type: ignore[misc]
    """Weight in 16 bit from the start; activations go through FP4 and back where the checkpoint is W4A4."""

    @classmethod
    def is_supported(cls, _compute_capability: int | None = None) -> tuple[bool, str | None]:
        """On every CPU."""
        return True, None

    @classmethod
    def can_implement(cls, _config: NvFp4LinearLayerConfig) -> tuple[bool, str | None]:
        """Every NVFP4 layer."""
        return True, None

    def process_weights_after_loading(self, layer: torch.nn.Module) -> None:
        """Put the dequantized weight in the place of the packed one."""
        kept = dequantize_to_dtype(
            layer.weight.data,
            layer.weight_scale.data,
            layer.weight_global_scale.data,
            layer.params_dtype,
            BLOCK,
            swizzle=False,
        )
        layer.weight = torch.nn.Parameter(kept, requires_grad=False)
        del layer.weight_scale

    def apply_weights(
        self, layer: torch.nn.Module, x: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        """One product, by the arithmetic of vLLM's emulation."""
        if hasattr(layer, "input_global_scale_inv"):
            x = ref_nvfp4_quant_dequant(x, layer.input_global_scale_inv, BLOCK)
        product = torch.matmul(x, layer.weight.t())
        return product if bias is None else product + bias


def register() -> None:
    """Make it vLLM's kernel for NVFP4 on a CPU.

    For weight-only checkpoints vLLM asks no table, it takes Marlin by name; so ours answers to that name.
    """
    linear.register_linear_kernel(DequantizedAtLoadNvFp4LinearKernel, PlatformEnum.CPU, "nvfp4")
    linear.MarlinNvFp4LinearKernel = DequantizedAtLoadNvFp4LinearKernel
