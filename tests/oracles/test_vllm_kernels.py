"""vLLM's own choice of a kernel against the page that tells it, on GPUs that are not there.

The page gives the rules of vLLM 0.33.0. Those of the vLLM that is installed here, 0.32.0, are the same.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm")

from vllm import platforms
from vllm.model_executor.kernels import linear
from vllm.model_executor.kernels.linear.nvfp4 import cutlass, flashinfer
from vllm.model_executor.layers.quantization.utils import nvfp4_utils
from vllm.platforms.interface import DeviceCapability, PlatformEnum

PAGE = Path(__file__).parents[2] / "docs/theory/fp4-on-silicon.py"


class Gpu:
    """What vLLM asks of a platform when it chooses."""

    _enum = PlatformEnum.CUDA

    def __init__(self, capability: int) -> None:
        self._capability = capability

    def is_cuda(self) -> bool:
        return True

    def get_device_capability(self) -> DeviceCapability:
        return DeviceCapability(*divmod(self._capability, 10))

    def has_device_capability(self, least: int) -> bool:
        return self._capability >= least

    def is_device_capability_family(self, family: int) -> bool:
        return self._capability // 10 == family // 10


def told() -> dict[str, Any]:
    """What the page's cell about kernels defines."""
    cells = PAGE.read_text(encoding="utf-8").split("# %%\n")
    (cell,) = [cell.split("# %% [markdown]")[0] for cell in cells if "def kernel(" in cell]
    names: dict[str, Any] = {}
    exec(cell, names)
    return names


@pytest.mark.parametrize("weight_only", [False, True], ids=["W4A4", "W4A16"])
@pytest.mark.parametrize("capability", [80, 90, 100, 120, 121])
def test_the_page_tells_the_kernel_that_vllm_takes(
    capability: int, weight_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu(capability)
    monkeypatch.setattr(platforms, "_current_platform", gpu)
    for name, module in list(sys.modules.items()):
        if name.startswith("vllm.model_executor") and "current_platform" in vars(module):
            monkeypatch.setattr(module, "current_platform", gpu)
    for name in ("has_flashinfer", "has_flashinfer_b12x_gemm", "has_flashinfer_bf16_fp4"):
        monkeypatch.setattr(flashinfer, name, lambda: True)
    monkeypatch.setattr(nvfp4_utils, "cutlass_fp4_supported", lambda: capability >= 100)
    monkeypatch.setattr(cutlass, "cutlass_fp4_supported", lambda: capability >= 100)
    taken = type(linear.init_nvfp4_linear_kernel(weight_only)).__name__
    expected = told()["kernel"]("0.33.0", weight_only, capability)
    assert taken.replace("NvFp4", "").removesuffix("LinearKernel") == expected
