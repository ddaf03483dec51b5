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
# # Four bits
#
# Four bits are sixteen numbers, and a weight has to become one of them. This page shows which sixteen NVFP4 and
# MXFP4 have, how a weight gets to the nearest, and why a scale decides what that costs.
#
# ## The sixteen values of E2M1
#
# Both formats store a weight as E2M1: a sign bit $S$, two exponent bits $E$ and one mantissa bit $M$ ([MX
# specification 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf)). The
# exponent's bias is 1, and there is neither an infinity nor a NaN:
#
# $$
# x = \begin{cases}
# (-1)^S \cdot \frac{M}{2} & \text{if}\ E = 0 \\
# (-1)^S \cdot 2^{E-1} \cdot \left(1 + \frac{M}{2}\right) & \text{otherwise}
# \end{cases}
# $$

# %%
import numpy as np

from gb10docs.models.formats import e2m1
from gb10docs.results import plots


def decode(code: int) -> float:
    """The value of a 4-bit code."""
    sign, exponent, mantissa = code >> 3, code >> 1 & 3, code & 1
    size = mantissa / 2 if exponent == 0 else 2.0 ** (exponent - 1) * (1 + mantissa / 2)
    return -size if sign else size


for code in range(8):
    print(f"{code:04b}  {decode(code):3.1f}")
print("the other eight have a minus sign:", [decode(code) for code in range(8, 16)])
assert [decode(code) for code in range(16)] == e2m1.VALUES.tolist()

# %% [markdown]
# ## Against sixteen integers
#
# The steps of E2M1 grow with the value: 0.5 up to 2, then 1, then 2. Those of INT4 are all alike: it has the integers
# from −8 to 7, and [compressed-tensors](https://github.com/vllm-project/compressed-tensors/tree/main/src/compressed_tensors/quantization)
# puts the largest weight on 7.5, in the middle between both ends. Here are both grids as parts of that largest
# weight. The hill is where weights lie if they are normally distributed and each block of 16 is divided by its
# largest.

# %%
random = np.random.default_rng(0)
blocks = random.normal(size=(20_000, 16)).astype(np.float32)
shares = blocks / np.abs(blocks).max(axis=1, keepdims=True)
grids = {"E2M1": np.unique(e2m1.VALUES) / 6, "INT4": np.arange(-8, 8) / 7.5}
for name, values in grids.items():
    print(f"{name}: {np.count_nonzero(np.abs(values) <= 1 / 3)} of {len(values)} values within ±1/3")
print(f"weights: {np.mean(np.abs(shares) <= 1 / 3):.0%} within ±1/3")

# %%
COLOURS = {"E2M1": plots.BLUE, "INT4": plots.GREEN}
hill, edges = np.histogram(shares, bins=80, range=(-0.99, 0.99))
figure, axes = plots.figure(height=170)
axes.fill_between((edges[1:] + edges[:-1]) / 2, hill / hill.max() * 0.8, color=plots.GREY, alpha=0.25)
for height, (name, values) in zip((1.5, 1), grids.items(), strict=True):
    axes.plot(
        values, np.full(len(values), height), "|", color=COLOURS[name], markersize=16, markeredgewidth=2
    )
axes.set(yticks=[1.5, 1], yticklabels=grids, ylim=(0, 1.9), xlabel="weight / largest of its block")
plots.show(
    figure,
    "Two rows of marks from −1 to 1. The sixteen of INT4 are evenly spaced. The fifteen of E2M1 crowd around 0, "
    "where the hill of weights is highest, and leave wide gaps towards both ends.",
)

# %% [markdown]
# ## Rounding, and ties
#
# What lies between two values goes to the nearest. A weight exactly in the middle goes to the code whose last bit is
# 0, and what lies beyond 6 becomes 6: that is `cvt.rn.satfinite.e2m1x2.f32` of [NVIDIA's instruction
# set](https://docs.nvidia.com/cuda/parallel-thread-execution/). Ties are no curiosity. A BF16 weight has few bits, and
# divided by a scale with few bits it often lands right on one.

# %%
for middle in (e2m1.VALUES[1:8] + e2m1.VALUES[:7]) / 2:
    (code,) = e2m1.encode(np.array([middle]))
    print(f"{middle:4.2f} -> {e2m1.VALUES[code]:3.1f}  {code:04b}")
print("7, 100 ->", e2m1.decode(e2m1.encode(np.array([7, 100], np.float32))))

# %% [markdown]
# The most that rounding can cost is half a step. So with E2M1 the error grows with the weight, and with INT4 it is the
# same for all: E2M1 spends its precision on the many small weights, INT4 spreads it evenly.


# %%
def to_float(x: np.ndarray) -> np.ndarray:
    """The nearest E2M1 value of each number."""
    return e2m1.decode(e2m1.encode(x.astype(np.float32)))


def to_integer(x: np.ndarray) -> np.ndarray:
    """The nearest integer from −8 to 7 of each number."""
    return np.clip(np.rint(x), -8, 7)


line = np.linspace(-1, 1, 2401)
errors = {
    "E2M1": np.abs(line - to_float(line * 6) / 6),
    "INT4": np.abs(line - to_integer(line * 7.5) / 7.5),
}
for name, error in errors.items():
    print(f"{name}: at most {error[np.abs(line) < 1 / 3].max():.3f} within ±1/3, {error.max():.3f} anywhere")

# %%
figure, axes = plots.figure(height=190)
for (name, error), dashes in zip(errors.items(), ("-", "--"), strict=True):
    axes.plot(line, error, dashes, color=COLOURS[name], label=name)
axes.set(xlabel="weight / largest of its block", ylabel="error", xticks=[-1, -0.5, 0, 0.5, 1], ylim=(0, None))
axes.legend(loc="upper center", ncols=2)
plots.show(
    figure,
    "Two saws. The teeth of INT4 are all of one height. Those of E2M1 grow in three sizes, from the lowest within a "
    "third of the largest weight to the highest beyond two thirds.",
)

# %% [markdown]
# Two codes share a byte, and the first of the two sits in its lower half:

# %%
codes = e2m1.encode(np.array([1, 6, -0.5, 3], np.float32))
print("codes", [f"{code:04b}" for code in codes], "bytes", [f"{byte:08b}" for byte in e2m1.pack(codes)])

# %% [markdown]
# ## What a scale does
#
# Sixteen values from −6 to 6 fit no weights as they are. So a block of weights shares a scale that maps its largest
# to 6:
#
# $$
# s = \frac{\max_i |x_i|}{6}, \qquad \hat x_i = s \cdot q\!\left(\frac{x_i}{s}\right)
# $$
#
# Here $s$ is an exact number. What the formats make of it is the subject of [the next page](blocks-and-scales.ipynb).

# %%
block = 0.02 * blocks[0]
scale = np.abs(block).max() / 6
restored = scale * to_float(block / scale)
error = np.sqrt(np.mean((block - restored) ** 2) / np.mean(block**2))
print("block   ", np.round(block[:6], 4))
print("restored", np.round(restored[:6], 4))
print(f"scale {scale:.5f}, relative error of the block {error:.1%}")

# %% [markdown]
# One outlier is enough to spoil its block: the scale follows the largest weight, and the small ones fall onto 0.

# %%
spoilt = block.copy()
spoilt[0] = 1.0
scale = np.abs(spoilt).max() / 6
print(f"weights that become 0: {np.count_nonzero(to_float(spoilt / scale) == 0)} of {block.size}")

# %% [markdown]
# ## Why 6, and what else it could be
#
# A smaller scale than that clips the largest weight, a larger one wastes the ends of the grid. To see the price, let
# the largest of each block land somewhere else than on 6, and measure the *signal-to-quantization-noise ratio* (SQNR):
# the energy of the weights over the energy of their errors, in decibels. 10 dB more is a tenth of the noise; 6 dB more
# is one bit.


# %%
def sqnr(weights: np.ndarray, restored: np.ndarray) -> float:
    """Signal-to-quantization-noise ratio in decibels."""
    signal, noise = np.square(weights, dtype=np.float64), np.square(weights - restored, dtype=np.float64)
    return float(10 * np.log10(signal.sum() / noise.sum()))


def landing(at: float) -> np.ndarray:
    """The blocks quantized so that the largest of each lands on a value of the grid's, or beside one."""
    scales = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(at)
    return to_float(blocks / scales) * scales


for at in (3, 4, 5, 6, 8):
    print(f"largest on {at}: {sqnr(blocks, landing(at)):.1f} dB")

# %%
places = np.geomspace(2, 12, 121)
figure, axes = plots.figure(height=210)
axes.axvspan(4, 8, color=plots.ORANGE, alpha=0.15)
axes.text(6.6, 8.2, "MXFP4", color=plots.ORANGE)
axes.plot(places, [sqnr(blocks, landing(at)) for at in places], color=plots.INK)
axes.plot([6], [sqnr(blocks, landing(6))], "o", color=plots.BLUE, markersize=9)
axes.text(6.1, 21.3, "NVFP4", color=plots.BLUE)
axes.set_xscale("log", base=2)
axes.set(xlabel="where the largest weight of the block lands", ylabel="SQNR in dB", ylim=(7, 23))
axes.set(xticks=[2, 3, 4, 5, 6, 8, 12], xticklabels=["2", "3", "4", "5", "6", "8", "12"])
plots.show(
    figure,
    "The ratio has peaks where the largest weight lands on a value of the grid, at 3, 4 and 6, and falls off steeply "
    "beyond 6. NVFP4 sits on the peak at 6. MXFP4 gets whatever lies between 4 and 8, the slope beyond 6 included.",
)

# %% [markdown]
# Three things to take from this curve:
#
# - The peak at 6 is what the formula above aims at, and NVFP4 gets within a rounding error of it.
# - MXFP4's scale is a power of two, so it cannot aim: the largest weight lands anywhere from 4 to 8, and beyond 6 it is
#   clipped. The mean over that range is what MXFP4 pays.
# - For some blocks the peak at 4 is the better one. [Four Over Six](https://arxiv.org/abs/2512.02010) tries both and
#   keeps the better, block by block. The format stays as it is; only the choice of the scale changes:

# %%
on_six, on_four = landing(6), landing(4)
better = np.square(blocks - on_four).sum(axis=1) < np.square(blocks - on_six).sum(axis=1)
both = np.where(better[:, None], on_four, on_six)
print(f"always 6: {sqnr(blocks, on_six):.2f} dB")
print(f"better of 6 and 4: {sqnr(blocks, both):.2f} dB; 4 is better for {better.mean():.0%} of the blocks")

# %% [markdown]
# ## So which grid is better?
#
# That depends on the weights and on how many of them share a scale. Here are both grids with exact scales, on four
# shapes of noise from flat to heavy-tailed:

# %%
SHAPES = {
    "uniform": lambda size: random.uniform(-1, 1, size),
    "normal": lambda size: random.normal(size=size),
    "Laplace": lambda size: random.laplace(size=size),
    "Student t, 3 d.o.f.": lambda size: random.standard_t(3, size),
}
print("SQNR in dB           block of 16    block of 128\n                     E2M1   INT4    E2M1   INT4")
for shape, draw in SHAPES.items():
    row = []
    for size in (16, 128):
        weights = draw((2_000_000 // size, size)).astype(np.float32)
        largest = np.abs(weights).max(axis=1, keepdims=True)
        row += [sqnr(weights, to_float(weights * 6 / largest) * largest / 6)]
        row += [sqnr(weights, to_integer(weights * 7.5 / largest) * largest / 7.5)]
    print(f"{shape:20} {row[0]:5.1f}  {row[1]:5.1f}   {row[2]:5.1f}  {row[3]:5.1f}")

# %% [markdown]
# E2M1 wins where a few weights are much larger than the rest. On normal weights in blocks of 16 the integers are a
# little better, and in blocks of 128 they no longer are. So the small block does a good part of NVFP4's work, and the
# float grid is its insurance against outliers. A [study of both across
# models](https://arxiv.org/abs/2510.25602) comes to the same: at four bits floats are mostly ahead, and integers in
# blocks of 16 overtake them once outliers have been rotated away.
