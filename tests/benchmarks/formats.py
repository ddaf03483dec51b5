"""Quantize a 4096 × 4096 float32 matrix to NVFP4: ours, Model Optimizer, torchao, compressed-tensors, in turn.

Runs in `.venv-modelopt`. Each goes from the matrix in memory to packed codes, block scales and tensor scale, and all
give the same bytes, but for the few that another order of operations changes. Prints medians and peaks; exits 1 if
ours takes more than 2 times the fastest of the others, or more memory than 4 times the matrix.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2]))

from gb10docs.models.formats import nvfp4

Array = NDArray[Any]
Quantizer = Callable[[], tuple[Array, Array]]

SIDE = 4096
OURS = "gb10docs"
DIFFERING_LIMIT = 1e-5
RATIO_LIMIT = 2.0
MEMORY_LIMIT = 4.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--peak-of", choices=list(QUANTIZERS), help="print the bytes that one adds, and exit")
    options = parser.parse_args(arguments)
    if options.peak_of:
        print(peak(options.peak_of))
        return 0
    times, threads = measure(options.rounds)
    matrix = SIDE * SIDE * 4
    peaks = {name: int(child_peak(name)) / matrix for name in QUANTIZERS}
    print(
        f"NVFP4 of {SIDE} x {SIDE} float32, Python {platform.python_version()}, {os.cpu_count()} cores; "
        f"torch {threads} threads, ours 1; median (min-max) of {options.rounds}"
    )
    for name, taken in times.items():
        milliseconds = f"{median(taken):6.0f} ms ({min(taken):.0f}-{max(taken):.0f})"
        print(f"{name:<20}{milliseconds:<24}{peaks[name]:5.2f} x the matrix on top of it")
    fastest = min((name for name in times if name != OURS), key=lambda name: median(times[name]))
    ratio = median(ours / theirs for ours, theirs in zip(times[OURS], times[fastest], strict=True))
    return verdict(ratio, fastest, peaks[OURS])


def verdict(ratio: float, fastest: str, memory: float) -> int:
    """Print the limits; 1 if one is broken."""
    limits = (
        (f"time against {fastest}", ratio, RATIO_LIMIT),
        ("memory against the matrix", memory, MEMORY_LIMIT),
    )
    for what, measured, limit in limits:
        print(f"{'PASS' if measured <= limit else 'FAIL'}  {what:<44}{measured:>12.3g}   at most {limit:g}")
    return int(any(measured > limit for _, measured, limit in limits))


def measure(rounds: int) -> tuple[dict[str, list[float]], int]:
    """Milliseconds of each in each round, one after the other, and torch's threads."""
    import torch

    x = matrix()
    quantizers = {name: build(x) for name, build in QUANTIZERS.items()}
    expected = quantizers[OURS]()
    for name, quantize in quantizers.items():
        differing = max(float((a != b).mean()) for a, b in zip(expected, quantize(), strict=True))
        if differing > DIFFERING_LIMIT:
            raise SystemExit(
                f"{name} and {OURS} differ in {differing:.2%} of their bytes: not the same work."
            )
    times: dict[str, list[float]] = {name: [] for name in quantizers}
    for _ in range(rounds):
        for name, quantize in quantizers.items():
            gc.collect()
            started = time.perf_counter()
            quantize()
            times[name].append(1000 * (time.perf_counter() - started))
    return times, torch.get_num_threads()


def matrix() -> Array:
    """The matrix that is quantized."""
    return np.random.default_rng(0).standard_normal((SIDE, SIDE), np.float32)


def child_peak(name: str) -> str:
    """`--peak-of` in a process of its own."""
    command = [sys.executable, __file__, "--peak-of", name]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout


def peak(name: str) -> int:
    """Bytes by which the resident set grows at most, from the matrix in memory to the result."""
    quantize = QUANTIZERS[name](matrix())
    QUANTIZERS[name](np.ones((16, 256), np.float32))()
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # from now on, VmHWM is the peak since now
    before = resident("VmRSS")
    quantize()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """A memory field of /proc/self/status, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


def ours(x: Array) -> Quantizer:
    def quantize() -> tuple[Array, Array]:
        quantized = nvfp4.quantize(x)
        return quantized.pack(), quantized.scales

    return quantize


def modelopt(x: Array) -> Quantizer:
    import torch
    from modelopt.torch.quantization.qtensor import NVFP4QTensor

    def quantize() -> tuple[Array, Array]:
        quantized, scales, _ = NVFP4QTensor.quantize(torch.from_numpy(x), 16)
        return quantized._quantized_data.numpy(), scales.view(torch.uint8).numpy()

    return quantize


def torchao(x: Array) -> Quantizer:
    import torch
    from torchao.prototype.mx_formats.nvfp4_tensor import nvfp4_quantize, per_tensor_amax_to_scale

    def quantize() -> tuple[Array, Array]:
        tensor = torch.from_numpy(x)
        scales, packed = nvfp4_quantize(tensor, 16, per_tensor_amax_to_scale(tensor.abs().max()))
        return packed.numpy(), scales.view(torch.uint8).numpy()

    return quantize


def compressed_tensors(x: Array) -> Quantizer:
    import torch
    from compressed_tensors.compressors import NVFP4PackedCompressor
    from compressed_tensors.quantization import preset_name_to_scheme
    from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam

    scheme = preset_name_to_scheme("NVFP4A16", ["Linear"])

    def quantize() -> tuple[Array, Array]:
        weight = torch.from_numpy(x)
        low, high = torch.aminmax(weight.unflatten(-1, (-1, 16)), dim=-1)
        divisor = generate_gparam(low.min(), high.max())
        scale, _ = calculate_qparams(low, high, scheme.weights, divisor)
        state = {"weight": weight, "weight_scale": scale, "weight_global_scale": divisor}
        state = NVFP4PackedCompressor.compress(state, scheme)
        return state["weight_packed"].numpy(), state["weight_scale"].view(torch.uint8).numpy()

    return quantize


QUANTIZERS: dict[str, Callable[[Array], Quantizer]] = {
    OURS: ours,
    "modelopt": modelopt,
    "torchao": torchao,
    "compressed-tensors": compressed_tensors,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # those libraries warn at import
    sys.exit(main())
