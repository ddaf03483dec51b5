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
# # The sixteen values of E2M1
#
# NVFP4 and MXFP4 store each weight as one E2M1 number: a sign bit $S$, two exponent bits $E$ and one
# mantissa bit $M$ ([MX specification
# 1.0](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf)). The
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


def decode(code: int) -> float:
    """The value of a 4-bit code."""
    sign, exponent, mantissa = code >> 3, code >> 1 & 3, code & 1
    size = mantissa / 2 if exponent == 0 else 2.0 ** (exponent - 1) * (1 + mantissa / 2)
    return -size if sign else size


values = np.array([decode(code) for code in range(8)])
for code, value in enumerate(values):
    print(f"{code:04b}  {value:3.1f}")

# %% [markdown]
# The other eight are the same with a minus sign, −0 among them. The steps grow with the value: 0.5 up to 2,
# then 1, then 2. What lies between two values is rounded to the nearest, and a tie goes to the code whose
# last bit is 0. What lies beyond 6 becomes 6. That is what `cvt.rn.satfinite` of [NVIDIA's instruction
# set](https://docs.nvidia.com/cuda/parallel-thread-execution/) does.

# %%
middles = (values[1:] + values[:-1]) / 2


def quantize(x: np.ndarray) -> np.ndarray:
    """The nearest E2M1 value of each number."""
    size = np.abs(x)
    below, above = np.searchsorted(middles, size, side="left"), np.searchsorted(middles, size, side="right")
    return np.copysign(values[np.where(below % 2 == 0, below, above)], x)


for middle in middles:
    print(f"{middle:4.2f} -> {quantize(middle):3.1f}")

# %% [markdown]
# ## One scale for a block
#
# Sixteen values from −6 to 6 fit no weights as they are. So a block of weights shares a scale that maps its
# largest to 6. [Lesson 3](../lessons/lesson-03.md#mxfp4-and-nvfp4) compares the formats that do this; NVFP4
# takes [blocks of
# 16](https://github.com/NVIDIA/Model-Optimizer/blob/a2fbac7bad8ab446d3f8783dadb0c3366eb0ad73/modelopt_recipes/configs/numerics/nvfp4.yaml):
#
# $$
# s = \frac{\max_i |x_i|}{6}, \qquad \hat x_i = s \cdot q\!\left(\frac{x_i}{s}\right)
# $$
#
# Here $s$ is an exact number. NVFP4 rounds it to E4M3, and MXFP4 to a power of two, which costs some more.

# %%
block = np.random.default_rng(0).normal(0, 0.02, 16)
scale = np.abs(block).max() / 6
restored = scale * quantize(block / scale)
error = np.sqrt(np.mean((block - restored) ** 2) / np.mean(block**2))
print("block   ", np.round(block[:6], 4))
print("restored", np.round(restored[:6], 4))
print(f"scale {scale:.5f}, relative error of the block {error:.1%}")

# %% [markdown]
# One outlier is enough to spoil its block: the scale follows the largest weight, and the small ones fall
# onto 0.

# %%
spoilt = block.copy()
spoilt[0] = 1.0
scale = np.abs(spoilt).max() / 6
print(f"weights that become 0: {np.count_nonzero(quantize(spoilt / scale) == 0)} of {block.size}")
