# ---
# jupyter:
#   gb10docs:
#     reads: [../evidence/theory/measure-accuracy/cpu-llamacpp.json]
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
# # How much accuracy is lost
#
# You will read that NVFP4 costs less than 1 %. For some models that is what was measured. For a dense model of 8
# billion parameters it is not. This page has NVIDIA's claims, what others measured, how much of it is chance, and a
# small measurement of our own that you can repeat.
#
# ## The short answer
#
# What was lost when a finished model was converted, against the same model in 16 bit:
#
# | Model | What is in NVFP4 | Change |
# |---|---|---|
# | dense, 8 to 14 billion parameters | all linear layers, W4A4 | −1.8 to −4.2 points; code may lose more |
# | dense, 27 and 32 billion | all linear layers, W4A4 | −1.4 and −2.4 points |
# | dense, 31 billion | W4A4, but for the attention of many layers | −1.6 points |
# | 671 billion | not looked up | +2 to −1 points, measured by NVIDIA, from FP8 |
#
# These are the ranges of the few measurements below, not bounds. We know of none of a mixture of experts whose whole
# was W4A4: the two below have only their experts in NVFP4, one of them with 16-bit activations. Three things make it
# better: leave the activations in 16 bit (W4A16), choose the rounding with data instead of rounding to the nearest, or
# train the rounded model for a while. One makes it worse: a smaller model.

# %% [markdown]
# ## What NVIDIA says
#
# NVIDIA's [NVFP4 post][post] of 24 June 2025 claims a loss of 1 % or less on key language tasks "for some models". The
# model behind it is DeepSeek-R1-0528, a mixture of experts with 671 billion parameters, and the comparison is with FP8:
#
# | Format | MMLU-Pro | GPQA-D | HLE | LiveCodeBench | SciCode | Math-500 | AIME24 |
# |---|---|---|---|---|---|---|---|
# | FP8 | 85 | 81 | 15 | 77 | 40 | 98 | 89 |
# | NVFP4 | 84 | 80 | 14 | 76 | 40 | 98 | 91 |
#
# NVIDIA's own [report on distillation](https://arxiv.org/abs/2601.20088) (January 2026) shows the other side. A
# 49-billion model that reasons lost 14 points on AIME25 by plain conversion, and got nearly all of it back by
# training:
#
# | AIME25 | BF16 | NVFP4, converted | NVFP4, distilled |
# |---|---|---|---|
# | Llama-Nemotron-Super-49B | 46.0 | 32.3 | 45.6 |
# | AceReason-7B | 63.5 | 58.7 | 62.0 |
#
# NVIDIA's DGX Spark playbook of [21 July 2026][pb-quant] advised W4A16 for one user and said that it usually does not
# cost accuracy; the one of [3 August 2026][pb-new] says "usually <1% loss" of plain NVFP4. Both tell you to run your
# own evaluation. So do we.
#
# [post]: https://developer.nvidia.com/blog/introducing-nvfp4-for-efficient-and-accurate-low-precision-inference/
# [pb-new]: https://github.com/NVIDIA/dgx-spark-playbooks/blob/863cfb2c2075db57a203ded10ac65e1d606aad16/nvidia/playbook-nvfp4-quantization/README.md
# [pb-quant]: https://github.com/NVIDIA/dgx-spark-playbooks/blob/0db7c141da60870ca6ed5c99436320f4e35cd531/nvidia/nvfp4-quantization/README.md

# %% [markdown]
# ## What others measured
#
# | Who | Measure | Model | What was quantized | 16 bit | NVFP4 | Change |
# |---|---|---|---|---|---|---|
# | [WUSH][wush] | average of four | Llama-3.1-8B | linear layers, W4A4 | 78.93 | 74.73 | −4.2 |
# | same | average of four | Qwen3-8B | linear layers, W4A4 | 77.49 | 75.71 | −1.8 |
# | same | average of four | Qwen3-14B | linear layers, W4A4 | 80.81 | 79.03 | −1.8 |
# | same | average of four | Qwen3-32B | linear layers, W4A4 | 83.44 | 82.08 | −1.4 |
# | [Baseten][baseten] | average of six | Qwen3-8B | linear layers, W4A4, FP8 cache | 77.8 | 75.2 | −2.6 |
# | same | HumanEval+ | Qwen3-8B | the same | 82.3 | 73.2 | −9.1 |
# | [sch0tten][sch0tten] | MMLU-Pro | Qwen3.6-27B | the whole language model, W4A4 | | | −2.4 |
# | same | MMLU-Pro | Gemma-4-31B | W4A4; attention of many layers BF16; FP8 cache | | | −1.6 |
# | same | MMLU-Pro | Qwen3.6-35B-A3B | experts W4A16; linear attention FP8; FP8 cache | | | −0.5 |
# | same | MMLU-Pro | Gemma-4-26B-A4B | experts W4A4; attention BF16; FP8 cache | | | +0.2 |
#
# - The **WUSH** paper (December 2025) rounded to the nearest, W4A4, and averaged MMLU, GSM8K, HellaSwag and WinoGrande.
# - **Baseten** (April 2026) took NVIDIA's own checkpoint on a B200. A single report.
# - **sch0tten** (June 2026) took published checkpoints on an RTX PRO 6000 with vLLM 0.22.1: NVIDIA's, but for the 27B
#   one, which is Unsloth's. The 35B one had its output layer turned back into BF16. A single report too. It warns that
#   the [recipes differ][recipes] and that it compares no formats as such. Its [summary][summary] puts the cost at 0.6
#   points or less over five tasks, nearly all of it in MMLU-Pro.
#
# We could repeat none of them.
#
# [wush]: https://arxiv.org/abs/2512.00956
# [baseten]: https://github.com/basetenlabs/qwen3-nvfp4-benchmark
# [sch0tten]: https://github.com/sch0tten/nvfp4-benchmark
# [recipes]: https://github.com/sch0tten/nvfp4-benchmark/blob/5425f08197812fa614fce318baa6e0f177e3c950/configs/models.yaml
# [summary]: https://ure.us/articles/benchmarking-nvfp4-blackwell/

# %%
import json
from pathlib import Path

import numpy as np

from gb10docs.results import plots

CHANGES = {  # points, NVFP4 against 16 bit: the table's rows, small models first, code last
    "Qwen3-8B, average of four": -1.78,
    "Llama-3.1-8B, average of four": -4.20,
    "Qwen3-8B, average of six": -2.6,
    "Qwen3-14B, average of four": -1.78,
    "Qwen3-32B, average of four": -1.36,
    "Qwen3.6-27B, MMLU-Pro": -2.4,
    "Gemma-4-31B, most attention BF16": -1.6,
    "Gemma-4-26B-A4B, experts only": 0.2,
    "Qwen3.6-35B-A3B, experts W4A16": -0.5,
    "Qwen3-8B, HumanEval+": -9.1,
}
figure, axes = plots.figure(height=240)
rows = np.arange(len(CHANGES))
axes.hlines(rows, 0, list(CHANGES.values()), color=plots.BLUE, linewidth=2)
axes.plot(list(CHANGES.values()), rows, "o", color=plots.BLUE)
axes.axvline(0, color=plots.MUTED, linewidth=1)
axes.set(yticks=rows, yticklabels=list(CHANGES), xlabel="change in points, NVFP4 against 16 bit")
axes.invert_yaxis()
axes.grid(axis="y", visible=False)
plots.show(
    figure,
    "Ten changes as bars to the left of zero. Dense models of 8 to 32 billion parameters lose 1.4 to 4.2 points on "
    "averages and MMLU-Pro, two mixtures of experts with only their experts in NVFP4 −0.5 and +0.2, and Qwen3-8B 9.1 "
    "on HumanEval+.",
)

# %% [markdown]
# ## How much of it is chance
#
# A benchmark is a sample of questions. With $n$ questions and a share $p$ of right answers, the score would scatter by
# this much if other questions of the same kind had been drawn:
#
# $$
# \sigma^2 = \frac{p \, (1 - p)}{n}
# $$
#
# That is for one score. When both formats answer the same questions, much of the scatter is common to both and the
# difference is known better than this, but how much better nobody can tell from two averages.

# %%
for name, share, questions in (("HumanEval+", 0.82, 164), ("MMLU-Pro", 0.85, 700)):
    scatter = 100 * np.sqrt(share * (1 - share) / questions)
    print(f"{name}, {questions} questions: ±{scatter:.1f} points, one standard error")

# %% [markdown]
# HumanEval+ has 164 problems, and sch0tten asked about [700 questions of MMLU-Pro][sch0tten-readme]; the shares in that
# cell are round figures of ours. So half a point there is no finding, in either direction. Two points may be one. Nine
# points on HumanEval+ probably are, and their true size is anyone's guess.
#
# ## Against the other formats
#
# The same paper rounded to MXFP4 too, and the same report measured FP8 and INT4:
#
# | W4A4, average of 4 | 16 bit | NVFP4 | MXFP4 |
# |---|---|---|---|
# | Llama-3.1-8B | 78.93 | 74.73 | 69.32 |
# | Qwen3-8B | 77.49 | 75.71 | 72.64 |
# | Qwen3-14B | 80.81 | 79.03 | 77.83 |
# | Qwen3-32B | 83.44 | 82.08 | 77.04 |
#
# | MMLU-Pro, change in points, as published | FP8 | INT4 (AWQ) | NVFP4 |
# |---|---|---|---|
# | Qwen3.6-27B | −0.4 | −1.5 | −2.4 |
# | Gemma-4-31B | −0.7 | −1.0 | −1.6 |
# | Qwen3.6-35B-A3B | −0.1 | −0.1 | −0.5 |
# | Gemma-4-26B-A4B | −0.1 | −0.6 | +0.2 |
#
# MXFP4 loses more than NVFP4 in every row of the first table, by 1.2 to 5.4 points. A model that was trained with
# MXFP4, as [gpt-oss](https://github.com/openai/gpt-oss/blob/main/README.md) was, is another matter: it has lost
# nothing in conversion. The second table compares checkpoints, not formats: the INT4 one of the 27B model keeps q, k
# and v, the first layer and the linear attention in BF16, and the NVFP4 one quantizes all of them. So it does not say
# which of the two formats loses less.
#
# Choosing the rounding with data helps. On Llama-3.1-8B, GPTQ brings NVFP4 from 74.73 to 75.72 and MXFP4 from 69.32 to
# 70.62; [MR-GPTQ](https://arxiv.org/abs/2509.23202) brings them to 75.84 and 73.65.
#
# [sch0tten-readme]: https://github.com/sch0tten/nvfp4-benchmark/blob/0d4819659c07b1d79b3569ee350c873310c46a41/README.md

# %% [markdown]
# ## Our own measurement
#
# One small model, one text, six formats, no GPU: [Measure the loss yourself](measure-accuracy.md) has the script, and
# says exactly what is rounded. What is drawn here is the record that it left.

# %%
ledger = json.loads(Path("cpu-llamacpp.json").read_text())
record = ledger["steps"]["measure-accuracy/perplexity"]
machine, measured = ledger["runs"][record["run"]], json.loads(record["stdout"])
print(f"recorded {record['started'][:10]} on {machine['hardware']}, {machine['os']}")
print(", ".join(f"{name} {version}" for name, version in measured["versions"].items()))
print(f"{measured['weights']['origin']}; {measured['weights']['rounded']} rounded")
print("{passages} passages, {tokens} tokens scored".format(**measured["text"]))

# %% [markdown]
# For each passage we take the difference to BF16 in nats per token: how much more surprised the rounded model is by the
# same words. Each dot is one passage. The bar is the mean, with two standard errors to either side.

# %%
base = np.array(measured["BF16"]["nats"])
costs = {name: np.array(measured[name]["nats"]) - base for name in list(measured)[4:]}
COLOURS = {"FP8": plots.PINK, "NVFP4": plots.BLUE, "MXFP4": plots.ORANGE}

figure, axes = plots.figure(height=210)
for row, (name, cost) in enumerate(costs.items()):
    colour, error = COLOURS[name.split()[0]], cost.std(ddof=1) / np.sqrt(len(cost))
    axes.plot(cost, np.full(len(cost), row + 0.18), "o", color=colour, alpha=0.45, markersize=4)
    axes.errorbar(cost.mean(), row - 0.15, xerr=2 * error, fmt="|", color=colour, markersize=12, capsize=3)
    perplexity = measured[name]["perplexity"]
    print(f"{name:12} {cost.mean():6.3f} ± {error:.3f} nats a token, perplexity {perplexity:6.2f}")
print(f"{'BF16':12} {'':28} perplexity {measured['BF16']['perplexity']:6.2f}")
axes.axvline(0, color=plots.MUTED, linewidth=1)
axes.set(yticks=range(len(costs)), yticklabels=list(costs), xlabel="nats per token above BF16")
axes.invert_yaxis()
axes.grid(axis="y", visible=False)
plots.show(
    figure,
    "Cost of five formats over sixteen passages. FP8 lies around zero. Then come NVFP4 W4A16, NVFP4 W4A4, MXFP4 W4A16, "
    "and far to the right MXFP4 W4A4. The clouds of NVFP4 and MXFP4 with 16-bit activations do not overlap.",
)

# %% [markdown]
# **What this does not say.** Read these before you quote a number:
#
# - The model has 135 million parameters, some sixty times fewer than the smallest that you would serve on a GB10. Small
#   models lose far more. The order of the formats may carry over. The sizes do not.
# - Its weights come from a Q4_1 file. What is called BF16 here has been through a 4-bit rounding before, so only
#   differences mean anything, and not quite those that the original weights would show. There is no INT4 row for the
#   same reason.
# - Everything is rounded to the nearest. No GPTQ, no AWQ, no training.
# - Perplexity on 3,174 tokens of English prose is no benchmark of code, facts or reasoning.
# - The formats are computed in float32 on a CPU. No kernel of any engine took part.
#
# What it does say: on the same words, FP8 costs next to nothing, and each 4-bit format costs something on every single
# passage. NVFP4's weights cost less than half of MXFP4's. And 4-bit activations are not free: they add most of
# another NVFP4 to the bill.

# %%
step = costs["NVFP4 W4A4"] - costs["NVFP4 W4A16"]
error = step.std(ddof=1) / np.sqrt(len(step))
print(f"rounding the activations too: {step.mean():.3f} ± {error:.3f} nats a token")
print(f"the same step at 120 billion parameters: {np.log(4.6577 / 4.6283):.3f}")

# %% [markdown]
# The last line is somebody else's. On a DGX Spark, a contributor to llama.cpp
# [measured](https://github.com/ggml-org/llama.cpp/pull/22196) the perplexity of Nemotron-3-Super-120B in NVFP4 with
# 8-bit activations (4.6283) and with 4-bit ones (4.6577), each ± 0.028, on another text (30 April 2026). The two
# perplexities share their text, so the difference is better known than that. The same sign, and a small fraction of the
# size: that is what a larger model does for you.
#
# ## What to do
#
# 1. If the model fits in FP8 and its [speed](bytes-and-speed.ipynb) is enough, take FP8.
# 2. If you want NVFP4 for one user at a time, take W4A16. The bus is the limit then, and
#    [4-bit activations bring nothing](fp4-on-silicon.ipynb).
# 3. If you need W4A4, for long prompts or many users, take the largest model that fits, and a checkpoint whose maker
#    publishes an evaluation or trained it after rounding. Read which layers it quantizes: that differs more than the
#    names of formats do.
# 4. Measure the task that you care about, in both formats, on the same inputs, and count how many answers changed.
#    Fifty of your own questions tell you more than this page.
#
# None of this has been run on a GB10 by us yet.
