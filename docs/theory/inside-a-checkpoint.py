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
# # Inside a checkpoint
#
# A checkpoint is a folder: `config.json`, and one or more safetensors files. This page makes small ones, opens them
# byte by byte, and decodes one weight by hand. Then you know what an engine has to get right, and where it can go
# wrong without a word.
#
# The model is two layers of random weights. For the files that makes no difference: names, shapes and arithmetic are
# those of a Qwen3.

# %%
import json
import struct
from pathlib import Path
from textwrap import fill

import numpy as np

from gb10docs.models.checkpoints.checkpoint import open_checkpoint
from gb10docs.models.checkpoints.documents import BadCheckpoint
from gb10docs.models.checkpoints.writing import write
from gb10docs.models.formats import bf16, e2m1, fp8, nvfp4
from gb10docs.models.inspection.look import look
from gb10docs.models.inspection.report import render
from gb10docs.results import plots

random = np.random.default_rng(0)
shapes = {"model.embed_tokens": (1024, 256), "lm_head": (1024, 256)}
for layer in ("model.layers.0", "model.layers.1"):
    shapes |= {f"{layer}.self_attn.{name}_proj": (256, 256) for name in "qkvo"}
    shapes |= {f"{layer}.mlp.gate_proj": (768, 256), f"{layer}.mlp.up_proj": (768, 256)}
    shapes |= {f"{layer}.mlp.down_proj": (256, 768)}
model = {f"{name}.weight": random.normal(0, 0.02, shape).astype(bf16.DTYPE) for name, shape in shapes.items()}

quantized = {name: nvfp4.quantize(x) if "_proj" in name else x for name, x in model.items()}
write(Path("bf16"), model.items(), config={"model_type": "qwen3"})
write(Path("nvfp4"), quantized.items(), config={"model_type": "qwen3"})
for folder in ("bf16", "nvfp4"):
    for file in sorted(Path(folder).iterdir()):
        print(f"{file.stat().st_size:>9,}  {file}")

# %% [markdown]
# The linear layers are quantized. The embeddings and the output layer are not, as in most checkpoints that you can
# download.
#
# ## A header and a heap of bytes
#
# A [safetensors file](https://huggingface.co/docs/safetensors/index#format) begins with a number of 8 bytes: the length
# of the header. The header is JSON and says for each tensor what it is and where it lies. All the rest are the tensors,
# end to end. A few lines read one:

# %%
with Path("nvfp4/model.safetensors").open("rb") as file:
    (length,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(length))
    data = file.read()
print(f"header: {length:,} bytes, then {len(data):,} bytes of tensors")
up = "model.layers.0.mlp.up_proj"
for name in [name for name in header if name.startswith(up)]:
    dtype, shape, (start, end) = header[name].values()
    print(f"{name.removeprefix(up):16} {dtype:8} {shape!s:11} bytes {start:,} to {end:,}")

# %% [markdown]
# So one NVFP4 weight of 768 × 256 is three tensors:
#
# - `weight` holds the codes, two in a byte. Its second axis is half as long as the layer's.
# - `weight_scale` holds one E4M3 number for every 16 codes of a row.
# - `weight_scale_2` is one float32 for the whole weight.
#
# A layer with 4-bit activations has a fourth, `input_scale`. It comes from calibration and scales what goes into the
# layer. This checkpoint has none, so it is weight-only: W4A16.
#
# Mind that a shape in the header is that of the bytes, not of the layer. A program that takes `weight` at its word sees
# a layer with half as many inputs.
#
# ## One weight, by hand
#
# Which number is row 3, column 21 of that layer? The code first. Two columns share a byte, so column 21 is in byte 10
# of the row. Even columns are in the low four bits, odd ones in the high four:

# %%
row, column = 3, 21


def tensor(role: str) -> bytes:
    """The bytes of one of the three tensors."""
    start, end = header[f"{up}.{role}"]["data_offsets"]
    return data[start:end]


byte = tensor("weight")[row * 128 + column // 2]
code = byte >> 4 if column % 2 else byte & 0b1111
print(f"byte {byte:08b}: column 20 is {byte & 0b1111:04b}, column 21 is {byte >> 4:04b}")

# %% [markdown]
# [Four bits](four-bits.ipynb) has the values of E2M1: one bit of sign, two of exponent, one of
# mantissa.

# %%
sign, exponent, mantissa = code >> 3, code >> 1 & 0b11, code & 1
value = mantissa / 2 if exponent == 0 else 2.0 ** (exponent - 1) * (1 + mantissa / 2)
value = -value if sign else value
print(f"code {code:04b}: sign {sign}, exponent {exponent}, mantissa {mantissa}: {value:+}")

# %% [markdown]
# The scale next. Blocks are 16 columns, so column 21 is in block 1 of its row, and there are 16 blocks in a row. E4M3
# has four bits of exponent with a bias of 7, and three of mantissa:

# %%
byte = tensor("weight_scale")[row * 16 + column // 16]
exponent, mantissa = byte >> 3 & 0b1111, byte & 0b111
scale = 2.0 ** (exponent - 7) * (1 + mantissa / 8) if exponent else 2.0**-6 * mantissa / 8
print(f"byte {byte:08b}: exponent {exponent}, mantissa {mantissa}: {scale}")

(scale_2,) = struct.unpack("<f", tensor("weight_scale_2"))
print(f"weight_scale_2: {scale_2:.9g}")
print(f"{value:+} × {scale} × {scale_2:.6g} = {value * scale * scale_2:+.6f}")

# %% [markdown]
# Was it? `gb10docs` reads the same weight, and the original is still here:

# %%
restored = open_checkpoint(Path("nvfp4")).weight(up).dequantize()
print(f"by gb10docs:  {restored[row, column]:+.6f}")
print(f"before:       {float(model[f'{up}.weight'][row, column]):+.6f}")

# %% [markdown]
# In units of its block that weight was −4.7. E2M1 has nothing between 4 and 6, so it went to the nearer one. Here are
# all 16 weights of the block, and the 8 bytes that they became:

# %%
block = slice(16, 32)
codes = np.frombuffer(tensor("weight"), np.uint8).reshape(768, 128)[row, 8:16]
before = model[f"{up}.weight"][row, block].astype(np.float32)
figure, (above, axes) = plots.figure(height=260, rows=2, gridspec_kw={"height_ratios": [1, 2.4]})
for place, one in enumerate(codes):
    above.text(2 * place + 0.5, 2, f"{one:02x}", ha="center", weight="bold")
    above.plot([2 * place - 0.3, 2 * place + 1.3], [1.8, 1.8], color=plots.MUTED, linewidth=1)
    for at, nibble in ((2 * place, one & 15), (2 * place + 1, one >> 4)):
        colour = plots.ORANGE if at == column - 16 else plots.INK
        above.text(at, 1, f"{nibble:x}", ha="center", color=colour)
        above.text(at, 0, f"{e2m1.VALUES[nibble]:g}", ha="center", size=9, color=colour)
above.set(xlim=(-0.7, 15.7), ylim=(-0.2, 2.8))
above.set_axis_off()
axes.bar(np.arange(16) - 0.2, before, 0.4, color=plots.GREY, label="before")
axes.bar(np.arange(16) + 0.2, restored[row, block], 0.4, color=plots.BLUE, label="from the file")
axes.set(
    xlim=(-0.7, 15.7),
    xticks=range(16),
    xticklabels=range(16, 32),
    xlabel=f"column of row {row}",
    ylabel="weight",
)
axes.set_ylim(top=0.04)
axes.legend(loc="upper right", ncols=2)
plots.show(
    figure,
    "Above, the eight bytes of one block in hexadecimal. Under each stand its two digits, the second one first, and "
    "the values of E2M1 that they name; the one that was decoded is marked. Below, the block's sixteen weights before "
    "and as they come from the file: each pair is about equally tall.",
)

# %% [markdown]
# In hexadecimal the order is easy to get wrong: of the byte `e1`, the `1` comes first. Some programs order nibbles
# otherwise. In a GGUF file the low halves are the first half of a block, and the high halves the second
# ([ggml](https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-common.h)).
#
# ## The other dialect
#
# Model Optimizer's layout, above, is one of two that you will meet. The other is that of
# [compressed-tensors](https://github.com/vllm-project/compressed-tensors), which llm-compressor writes:

# %%
same = {
    name: nvfp4.quantize(x, variant="compressed-tensors") if "_proj" in name else x
    for name, x in model.items()
}
write(Path("other"), same.items(), dialect="compressed-tensors", config={"model_type": "qwen3"})
other = open_checkpoint(Path("other"))
for name, one in other.tensors.items():
    if name.startswith(up):
        print(f"{name.removeprefix(up):22} {one.dtype:8} {list(one.shape)}")
divisor = float(other.read(f"{up}.weight_global_scale")[0])
print(f"weight_global_scale: {divisor:.9g}\n1 / weight_scale_2:  {1 / scale_2:.9g}")

# %% [markdown]
# | | Model Optimizer | compressed-tensors |
# | --- | --- | --- |
# | codes | `weight` | `weight_packed` |
# | block scales | `weight_scale` | `weight_scale` |
# | scale of the weight | `weight_scale_2`, `[]`, **multiplies** | `weight_global_scale`, `[1]`, **divides** |
# | scale of the input | `input_scale`, multiplies | `input_global_scale`, divides |
# | says so in | `hf_quant_config.json` and `config.json` | `config.json` |
#
# Codes and block scales are laid out alike. The number for the whole weight is the inverse. Nothing in the file keeps a
# program from taking one for the other, since both are one float32:

# %%
print(f"right: {value} × {scale} / {divisor:g} = {value * scale / divisor:+.6f}")
print(f"wrong: {value} × {scale} × {divisor:g} = {value * scale * divisor:+,.0f}")

# %% [markdown]
# Both numbers were made from the same maximum, and they are still not quite inverses of each other. The weights are in
# BF16, so compressed-tensors computes its divisor in BF16, with 8 bits of precision. And if you convert one dialect
# into the other, $1/(1/s)$ is not always $s$ in float32:

# %%
scales = random.uniform(1e-6, 1e-3, 100_000).astype(np.float32)
one = np.float32(1)
share = np.mean(one / (one / scales) != scales)
print(f"{share:.0%} of {scales.size:,} float32 numbers differ from 1/(1/s)")

# %% [markdown]
# That is the last bit of a float32, and no model cares. But it is why "bit for bit" ends where a converter begins.
#
# ## What a checkpoint really is
#
# You need not do this by hand. `gb10docs inspect` reads headers and configuration, never a weight, and tells the format
# of each layer from dtypes and shapes:
#
# ```text
# gb10docs inspect nvfp4
# ```


# %%
def inspect(folder: str) -> None:
    """What the command prints."""
    print(render(look(open_checkpoint(Path(folder)), folder)))


inspect("nvfp4")

# %% [markdown]
# It also takes a repository on the Hub, of which it fetches no more than headers and configuration: `gb10docs inspect
# nvidia/Qwen3-8B-NVFP4`. With `--expect w4a16_nvfp4` it ends with an error if the checkpoint is anything else, or
# if a part of it is missing. [Lesson 3](../lessons/lesson-03.md) checks the model that you make with that. All options
# are in the [reference](../reference/command-line.md#inspect).
#
# ## 39 %, not 25 %
#
# Four bits of sixteen are 25 %. With its scales a weight takes 4.5 bits, which is 28 %. And yet
# [nvidia/Qwen3-8B-NVFP4](https://huggingface.co/nvidia/Qwen3-8B-NVFP4) has 39 % of the bytes of
# [Qwen3-8B](https://huggingface.co/Qwen/Qwen3-8B). The
# [configuration](https://huggingface.co/Qwen/Qwen3-8B/blob/main/config.json) has all that you need to see why:

# %%
hidden, middle, layers, vocabulary = 4096, 12288, 36, 151936
queries, keys = 32 * 128, 8 * 128  # heads and key-value heads, of 128 each
attention = layers * (2 * queries * hidden + 2 * keys * hidden)
mlp = layers * 3 * middle * hidden
parts = {
    "attention": (attention, 4.5),
    "MLP": (mlp, 4.5),
    "embeddings": (vocabulary * hidden, 16),
    "output layer": (vocabulary * hidden, 16),
    "norms": (layers * (2 * hidden + 2 * 128) + hidden, 16),
}
for name, (values, bits) in parts.items():
    print(f"{name:13} {values / 1e9:6.3f} billion × {bits:4.1f} bits = {values * bits / 8e9:6.3f} GB")
total = sum(values * bits / 8e9 for values, bits in parts.values())
whole = sum(values * 2 / 1e9 for values, _ in parts.values())
print(f"{total:.3f} GB of {whole:.2f} GB: {total / whole:.0%}")

# %% [markdown]
# The published files hold 6.397 GB of tensors, and so does this sum. The embeddings and the output layer are 15 % of
# the weights and stay in BF16. After quantizing, they are 39 % of the file:

# %%
figure, axes = plots.figure(height=150)
colours = {
    "attention": plots.BLUE,
    "MLP": plots.ORANGE,
    "embeddings": plots.GREEN,
    "output layer": plots.PINK,
}
for y, name in enumerate(("NVFP4", "BF16")):
    left = 0.0
    for part, colour in colours.items():
        values, bits = parts[part]
        size = values * (bits if name == "NVFP4" else 16) / 8e9
        axes.barh(y, size, 0.55, left=left, color=colour, label=part if y else None)
        left += size
axes.set(yticks=(0, 1), yticklabels=("NVFP4", "BF16"), xlabel="GB", xlim=(0, 17))
axes.grid(visible=False, axis="y")
figure.legend(loc="outside upper left", ncols=4, handlelength=1, columnspacing=1.2)
plots.show(
    figure,
    "Two stacked bars, Qwen3-8B in BF16 with 16.4 GB and in NVFP4 with 6.4 GB. Attention and MLP shrink to 28 percent. "
    "The embeddings and the output layer, 1.2 GB each, are as long in the lower bar as in the upper one.",
)

# %% [markdown]
# The smaller a model, the larger its vocabulary's share, and the less it shrinks. Llama-3.3-70B, calculated in the same
# way, comes to 30 %. What this does to speed is on [Why bytes set the speed](bytes-and-speed.ipynb).
#
# ## When a checkpoint is loaded wrong
#
# The name of a format is in `config.json`, and a program that does not know the name may go on without it. We have seen
# transformers 5.23 do so with a Model Optimizer FP8 checkpoint (22 November 2026, on a CPU). It warns of an unknown
# quantization type, and then takes the codes for the weights. The shapes fit, so nothing stops. Here is what that does
# to one weight of ours:

# %%
write(Path("fp8"), [("a.weight", fp8.quantize(model[f"{up}.weight"]))], input_scales={"a.weight": 0.01})
checkpoint = open_checkpoint(Path("fp8"))
codes = checkpoint.read("a.weight").astype(np.float32)
spread = checkpoint.weight("a").dequantize().std()
print(f"standard deviation of the weights {spread:.4f}, of the codes {codes.std():.1f}")
for trap in look(checkpoint, "fp8").traps:
    print(fill(trap, 96))

# %% [markdown]
# A file can also be wrong itself: cut off by a full disk, or damaged. The header makes that cheap to find, since every
# byte behind it must belong to exactly one tensor. Nothing is read or allocated before that holds:

# %%
path = Path("nvfp4/model.safetensors")
content = path.read_bytes()
damaged = {
    "cut off": content[:-100],
    "shape": content.replace(b"[768,128]", b"[768,129]", 1),
    "length": b"\xff" * 8 + content[8:],
}
for what, made in damaged.items():
    path.write_bytes(made)
    try:
        open_checkpoint(path)
    except BadCheckpoint as error:
        print(fill(f"{what}: {error}", 96), end="\n\n")

# %% [markdown]
# What no header shows is a wrong value in the right place. For that, look at the text that the model writes.
