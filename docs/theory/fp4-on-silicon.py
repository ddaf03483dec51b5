# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # FP4 on this silicon
#
# Some say that a GB10 has no FP4 tensor cores. It has. They are reached by other instructions than those of a B200,
# software had to be written for them, and for one user at a time they hardly matter. This page says what is known, with
# its sources. None of it has been run on a GB10 by us yet.
#
# ## Two Blackwells
#
# | GPU | B200 | GB10 | H200 (Hopper) |
# |---|---|---|---|
# | Compute capability | 10.0: `sm_100` | 12.1: `sm_121` | 9.0: `sm_90` |
# | Multiplies NVFP4 by | [`tcgen05.mma`][cutlass] | [`mma.sync`][cutlass] | nothing |
# | Who issues it | [one thread][tcgen05-guide], for one thread block or two | a warp of 32 threads | |
# | Where the accumulator lies | [Tensor Memory][tcgen05-guide], made for it | registers | |
# | Largest tile of one instruction | [256 × 256][cutlass], two blocks together | [16 × 8, 64 deep][modular] | |
# | Shared memory for a block | [227 KB][cuda-cc] | [99 KB][fi-audit] | [227 KB][cuda-cc] |
#
# A statement by NVIDIA, [quoted in the playbooks' tracker][pb-22], settles the question: 12.x has fifth-generation
# tensor cores with block-scaled FP4 in hardware. It expresses them in the `mma` family, which keeps older code
# compatible, where 10.x uses `tcgen05`. That family is there for [10.x and 11.0 only][cccl]. Data types and the layout
# of scales are the [same on both][cutlass].
#
# Three observations from owners, none of them ours:
#
# - The instruction [gives bit-exact results][modular] on a GB10 against a reference on the host (22 May 2026).
# - A [CUTLASS kernel built for it][forum-356] reached 356 TFLOPS in NVFP4 and 188 in FP8 on large matrices. NVIDIA's
#   "1 petaFLOP" is with sparsity, so 500 dense, and half of that in FP8: 356 could not be done by FP8 cores.
# - An [attention kernel in NVFP4][fi-3897] ran 2.3 times as fast as one in BF16 at head size 128 (9 July 2026).
#
# Where does the rumour come from? The instruction needs the target `sm_121a` or a family target. Built for plain
# `sm_121`, it is [invalid PTX][modular]. Kernels of the data center kind do not exist here, 99 KB hold smaller tiles,
# and for a long time software fell back to Marlin, of which more below.
#
# [cutlass]: https://github.com/NVIDIA/cutlass/blob/19fc8b0f4a67e4b033fb0ff1b74e897a1eba39d5/media/docs/cpp/blackwell_functionality.md
# [tcgen05-guide]: https://docs.nvidia.com/cutlass/latest/media/docs/pythonDSL/mma_docs/tcgen05_programming.html
# [modular]: https://github.com/modular/modular/issues/6597
# [cuda-cc]: https://docs.nvidia.com/cuda/archive/13.2.0/cuda-programming-guide/05-appendices/compute-capabilities.html
# [fi-audit]: https://github.com/flashinfer-ai/flashinfer/issues/3170
# [pb-22]: https://github.com/NVIDIA/dgx-spark-playbooks/issues/22
# [cccl]: https://nvidia.github.io/cccl/libcudacxx/ptx/instructions/tcgen05_wait.html
# [forum-356]: https://forums.developer.nvidia.com/t/sm121-cutlass-kernel-optimization-results-nvfp4-356-tflops-moe-grouped-gemm-on-dgx-spark/359960
# [fi-3897]: https://github.com/flashinfer-ai/flashinfer/pull/3897

# %% [markdown]
# ## What one instruction computes
#
# `mma.sync.aligned.m16n8k64…mxf4nvf4.block_scale.scale_vec::4X` takes 16 rows of activations and 8 of weights, each 64
# values long: four blocks of 16. For each pair of rows it sums over the blocks, scale times scale times the products
# of the codes:
#
# $$
# d_{ij} = \sum_{b=1}^{4} s^{A}_{ib} \, s^{B}_{jb} \sum_{k \in b} a_{ik} \, b_{jk}
# $$
#
# A code is a multiple of one half and at most 6, so twice a code is an integer of at most 12. The inner sum is one over
# sixteen products of small integers, which is why such hardware is small. Here it is in numpy, without the two scales
# of the tensors, which the kernel multiplies in at the end.

# %%
import numpy as np

from gb10docs.models import roofline
from gb10docs.models.formats import e2m1, e4m3, nvfp4
from gb10docs.models.roofline import tables
from gb10docs.results import plots

random = np.random.default_rng(0)
activations = random.normal(size=(16, 64)).astype(np.float32)
weights = random.normal(size=(8, 64)).astype(np.float32)
a, b = nvfp4.quantize(activations), nvfp4.quantize(weights)


def doubled(codes: np.ndarray) -> np.ndarray:
    """Twice the value of each code: an integer. Shape [rows, blocks, 16]."""
    return (2 * e2m1.decode(codes)).astype(int).reshape(len(codes), -1, nvfp4.BLOCK)


inner = np.einsum("ibk,jbk->ijb", doubled(a.codes), doubled(b.codes))
scales = e4m3.decode(a.scales)[:, None] * e4m3.decode(b.scales)[None]
d = (inner / 4 * scales).sum(axis=-1) * (a.tensor_scale * b.tensor_scale)
print(f"{inner.size} inner sums, integers from {inner.min()} to {inner.max()}")
print(
    "as dequantized first, then multiplied:",
    np.allclose(d, a.dequantize() @ b.dequantize().T, rtol=1e-5, atol=1e-5),
)

# %% [markdown]
# That is W4A4: both sides in four bits. W4A16 keeps the activations, unpacks the weights to 16 bit in registers and
# multiplies those, on tensor cores that every GPU since Turing has. Checkpoint and traffic are the same, and only one
# side is rounded:

# %%
exact = activations @ weights.T
for name, result in (("W4A4 ", d), ("W4A16", activations @ b.dequantize().T)):
    error = np.linalg.norm(result - exact) / np.linalg.norm(exact)
    print(f"{name} off by {error:.1%} of the product, on these random numbers")

# %% [markdown]
# [How much accuracy is lost](accuracy.ipynb) shows what the difference does to a model.
#
# ## For one user the arithmetic is idle
#
# At batch 1 each weight is read once and used for one multiplication and one addition. Here is the time that the bus
# needs for a token of Qwen3-8B against the time that the tensor cores need: 273 GB/s, and half of NVIDIA's petaFLOP in
# four bits because matrices are dense, an eighth of it in 16; NVIDIA publishes only the figure in four bits.

# %%
model, gb10 = roofline.bundled("Qwen3-8B"), roofline.MACHINES["gb10"]
for name in ("nvfp4", "nvfp4-w4a16"):
    one = roofline.estimate(model, roofline.FORMATS[name], gb10)
    prompt = roofline.estimate(model, roofline.FORMATS[name], gb10, context=2048)
    bus, cores, read = (seconds * 1e3 for seconds in (one.memory_s, one.arithmetic_s, prompt.prefill_s))
    print(f"{one.format.title}, a token: bus {bus:.1f} ms, arithmetic {cores:.2f} ms")
    print(f"{'':15}  a prompt of 2048 tokens: arithmetic {read:.0f} ms")

# %% [markdown]
# So W4A4 cannot make one user's tokens faster. The bus takes all the time either way. Owners find the same: on
# Qwen3-8B [one measured](https://ai-muninn.com/en/blog/dgx-spark-nvfp4-compression-not-compute) 25.65 tok/s in FP8,
# 38.59 in NVFP4 W4A4 and 40.85 in W4A16 (vLLM, three runs, FP8 cache, May 2026). FP4 arithmetic pays where many tokens
# share a weight: long prompts, and many users at once.
#
# ## Which kernel vLLM picks
#
# For each layer vLLM walks down a list of kernels and takes the first that the GPU, the build and FlashInfer support.
# The lists changed. These are the ones for dense NVFP4 layers in the source of three releases
# ([0.20.1](https://github.com/vllm-project/vllm/blob/v0.20.1/vllm/model_executor/kernels/linear/__init__.py),
# [0.23.0](https://github.com/vllm-project/vllm/blob/v0.23.0/vllm/model_executor/kernels/linear/__init__.py),
# [0.33.0](https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/model_executor/kernels/linear/__init__.py)), cut after
# Marlin, with the compute capabilities that each kernel asks for. 0.20.1 is in the image that
# [lesson 3](../lessons/lesson-03.md#what-the-two-pinned-images-take) pins.

# %%
OLD = ["FlashInferCutlass", "Cutlass", "Marlin"]
NEW = [
    "FlashInferCuteDsl",
    "FlashInferCutlass",
    "FlashInferB12x",
    "Cutlass",
    "FlashInferCuteDslW4A16",
    "Marlin",
]
ORDER = {"0.20.1": OLD, "0.23.0": OLD, "0.33.0": NEW}
ASKS_FOR = {
    "FlashInferCuteDsl": lambda cc: cc // 10 == 10,
    "FlashInferCutlass": lambda cc: cc >= 100,
    "FlashInferB12x": lambda cc: cc >= 120,
    "Cutlass": lambda cc: cc >= 100,  # where the build has it for this GPU
    "FlashInferCuteDslW4A16": lambda cc: cc in (100, 103) or 120 <= cc < 130,
    "Marlin": lambda cc: cc >= 75,
}
GPUS = {"B200": 100, "GB10": 121, "RTX 5090": 120, "H200": 90, "A100": 80}


def kernel(version: str, weight_only: bool, cc: int) -> str:
    """The kernel of a dense NVFP4 layer in a Model Optimizer checkpoint, with FlashInfer installed."""
    if not weight_only:
        return next(name for name in ORDER[version] if ASKS_FOR[name](cc))
    if version == "0.20.1":
        return "not read"
    return "FlashInferCuteDslW4A16" if version == "0.33.0" and cc in (100, 103) else "Marlin"


COLUMNS = [("0.20.1", False), ("0.23.0", False), ("0.33.0", False), ("0.23.0", True), ("0.33.0", True)]
for version, weight_only in COLUMNS:
    takes: dict[str, list[str]] = {}
    for gpu, cc in GPUS.items():
        takes.setdefault(kernel(version, weight_only, cc), []).append(gpu)
    print(f"vLLM {version}, {'W4A16' if weight_only else 'W4A4'}")
    for name, gpus in takes.items():
        print(f"    {name:23} {', '.join(gpus)}")

# %%
SHORT = {
    "FlashInferCuteDsl": "FlashInfer\nCuTe DSL",
    "FlashInferCutlass": "FlashInfer\nCUTLASS",
    "FlashInferCuteDslW4A16": "FlashInfer\nCuTe DSL",
}
figure, axes = plots.figure(height=230)
for row, cc in enumerate(GPUS.values()):
    for column, (version, weight_only) in enumerate(COLUMNS):
        name = kernel(version, weight_only, cc)
        four_bit = not weight_only and name != "Marlin"
        colour = plots.BLUE if four_bit else plots.LINE
        axes.barh(
            row, 0.94, 0.88, left=column - 0.47, color=colour, hatch="///" if name == "not read" else None
        )
        axes.text(column, row, SHORT.get(name, name), ha="center", va="center", fontsize=9,
                  color=plots.PAPER if four_bit else plots.INK)  # fmt: skip
heads = [f"{version}\n{'W4A16' if weight_only else 'W4A4'}" for version, weight_only in COLUMNS]
axes.set(xticks=range(len(COLUMNS)), xticklabels=heads, yticks=range(len(GPUS)), yticklabels=list(GPUS))
axes.xaxis.tick_top()
axes.invert_yaxis()
axes.grid(visible=False)
axes.tick_params(length=0)
for side in axes.spines.values():
    side.set_visible(False)
plots.show(
    figure,
    "A grid of five GPUs and five cases. With W4A4 checkpoints, B200, GB10 and RTX 5090 multiply in FP4; on a GB10 by "
    "FlashInfer's CUTLASS kernel in all three versions. H200 and A100 use Marlin. With W4A16 checkpoints all use "
    "Marlin, but for the B200 in vLLM 0.33.",
)

# %% [markdown]
# Blue cells multiply in FP4. Grey ones unpack the weights and multiply in 16 bit. We read these rules in the source,
# and have seen them act in the H200 row (0.23.0). A [vLLM recipe][recipes-632] of July 2026 reports the kernel of the
# GB10 row for W4A4. In your own server's log, look for the line `Using … for NVFP4 GEMM`. What can change it:
#
# - **FlashInfer is missing.** Then vLLM's own CUTLASS kernel comes next, and Marlin after it.
# - **The version.** In the weeks after 0.28.0, development builds [put a W4A16 kernel before CUTLASS][v-55397], and
#   long prompts on a GB10 became slow. None of the releases 0.28.0 to 0.33.0 has that order.
# - **You.** `--linear-backend marlin` forces it from 0.23 on; in 0.20.1 it is the variable `VLLM_NVFP4_GEMM_BACKEND`,
#   which 0.33 no longer knows. In 0.20.1 the batch-invariant mode forces NVFP4 to be emulated, far too slow to use.
# - **Experts.** Mixtures of experts have a list of their own. Its first kernels, TensorRT-LLM's and CuTe DSL's, are for
#   `sm_10x`; the next, FlashInfer's CUTLASS, takes a GB10 (read in 0.32). Experts in W4A16 [fall back to
#   Marlin](https://github.com/vllm-project/vllm/pull/47577) (July 2026); `--moe-backend flashinfer_b12x` is there to
#   try. NVIDIA's recipes pass `--moe-backend marlin`.
#
# Marlin's warning, "Your GPU does not have native support for FP4 computation", is printed on a GB10 too. It says which
# kernel was taken. Of the GPU it is wrong.
#
# ## What Hopper does instead
#
# A Hopper GPU has no FP4 arithmetic. vLLM reads the same checkpoint there and runs it through Marlin: weights stay in
# four bits in memory and are unpacked on the way. We ran that: vLLM 0.23.0 on an H200, a Qwen3-8B shape with random
# weights, NVFP4, 22 November 2026. The log names `MarlinNvFp4LinearKernel`. At batch 1, medians of five:

# %%
for name, speeds in tables.read("batches")["h200"]["tok_s"].items():
    print(f"{name:22} {speeds[0]:5.1f} tok/s")

# %% [markdown]
# On a bus more than 17 times as fast as a GB10's, bytes no longer decide alone: see
# [Why bytes set the speed](bytes-and-speed.ipynb).
#
# Marlin works in tiles. A layer fits if K is a multiple of 128 and N of 64, or K of 64 and N of 128. SmolLM2's K of 576
# is no multiple of 128, and its merged q, k and v have N = 960, no multiple of 128 either: vLLM 0.23 stopped with
# `Invalid thread config`. vLLM 0.33 [pads such layers][v-marlin]. The large models that you serve fit as they are.
#
# ## What went wrong on sm_121, and when
#
# | Seen | What happened | As we last read it |
# |---|---|---|
# | December 2025 | `ptxas` [did not know][v-30163] `sm_121a`; CUTLASS failed | newer images [work][recipes-632] |
# | March 2026 | [Illegal instruction][v-38208], Nemotron-3-Nano in NVFP4 | [mended][v-38423] by a newer CUTLASS |
# | April 2026 | [Illegal instruction][v-39761] in decode, vLLM 0.19.1rc1 | closed |
# | April 2026 | FlashInfer's CUTLASS kernel [slow on SM120 and SM121][fi-3013] | open |
# | May 2026 | Noise in place of text, [cutlass-dsl 4.5.0][c-3227], experts | 4.5.1 correct, 7 to 25 % behind Marlin |
# | July 2026 | [Broken text on SM120][v-48898], 8 GPUs, K a GPU no multiple of 32 | open; Marlin correct |
# | September 2026 | [W4A16 kernel first][v-55397], slow prompts | in no release |
#
# Two lessons. Pin the image, and look at the text that comes back before you look at the speed: noise is produced just
# as fast. And if NVFP4 misbehaves, try Marlin first: it is the path that most hardware has tested. Which of the two is
# faster for one user depends on model and version. [Marlin][c-3227] has been ahead, and so has [CUTLASS][recipes-632].
#
# [v-55397]: https://github.com/vllm-project/vllm/issues/55397
# [v-marlin]: https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/model_executor/layers/quantization/utils/marlin_utils.py
# [v-30163]: https://github.com/vllm-project/vllm/issues/30163
# [v-38208]: https://github.com/vllm-project/vllm/issues/38208
# [v-38423]: https://github.com/vllm-project/vllm/pull/38423
# [v-39761]: https://github.com/vllm-project/vllm/issues/39761
# [fi-3013]: https://github.com/flashinfer-ai/flashinfer/issues/3013
# [recipes-632]: https://github.com/vllm-project/recipes/pull/632
# [c-3227]: https://github.com/NVIDIA/cutlass/issues/3227
# [v-48898]: https://github.com/vllm-project/vllm/issues/48898
