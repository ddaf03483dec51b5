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
# # Why bytes set the speed
#
# A GB10 writes tokens as fast as it can read the model. This page counts the bytes, turns them into a ceiling,
# and holds the ceiling against what others have measured. You can then do the same for any model before you
# download it, and tell a good speed from a broken setup.
#
# Nothing here has been run on a GB10 by us. The ceilings are arithmetic, and each measurement names who made
# it. The same arithmetic answers on your terminal: [`gb10docs fit Qwen3-8B --context 32k --batch
# 8`](../reference/command-line.md#fit).
#
# ## One token reads the whole model
#
# To write one token, a dense model multiplies with every weight once. None of them stays in the chip: a GB10
# has [24 MB of L2 cache](https://github.com/huggingface/kernels/pull/283), and the models of these lessons have
# gigabytes. So each token brings all weights over the memory bus. Here is what Qwen3-8B reads in NVFP4:

# %%
from gb10docs.models.roofline import FORMATS, MACHINES, MODELS, bundled, estimate, published
from gb10docs.models.roofline.tables import read
from gb10docs.results import plots
from gb10docs.site import calculator
from gb10docs.site.cells import Link, table

gb10, qwen, nvfp4 = MACHINES["gb10"], bundled("Qwen3-8B"), FORMATS["nvfp4"]
total = 0.0
for part in ("attention", "mlp", "head", "rest"):
    size = nvfp4.bytes_of(part, qwen.values[part])
    total += size
    bits = 8 * size / qwen.values[part]
    print(f"{part:9}  {qwen.values[part] / 1e9:5.3f} billion × {bits:4.1f} bits = {size / 1e9:5.2f} GB")
print(
    f"{gb10.bytes_s / 1e9:.0f} GB/s / {total / 1e9:.2f} GB = {gb10.bytes_s / total:.1f} tokens a second, at most"
)

# %% [markdown]
# The bandwidth is NVIDIA's figure for the [DGX
# Spark](https://developer.nvidia.com/blog/how-nvidia-dgx-sparks-performance-enables-intensive-ai-tasks/). The
# input embedding is missing from the list on purpose: a token needs one row of it.
#
# Look at the output layer, `head`. The usual recipe [leaves it in
# BF16](https://github.com/NVIDIA/Model-Optimizer/blob/a2fbac7bad8ab446d3f8783dadb0c3366eb0ad73/modelopt_recipes/configs/ptq/units/default_disabled_quantizers.yaml),
# so 8 % of the weights make up 24 % of the bytes. That is why NVFP4 makes this model 2.9 times as fast as BF16,
# and not 3.6 times, as 4.5 bits against 16 would suggest:

# %%
rows = []
for name in ("bf16", "fp8", "nvfp4", "mxfp4", "int4"):
    made = estimate(qwen, FORMATS[name], gb10)
    sizes = f"{made.weight_bytes / 1e9:.2f} GB", f"{made.bytes_per_token / 1e9:.2f} GB"
    rows.append([FORMATS[name].title, *sizes, f"{made.ceiling_tok_s:.1f} tok/s"])
table(["Qwen3-8B in", "Checkpoint", "Read per token", "Ceiling"], rows)

# %% [markdown]
# MXFP4 and INT4 spend fewer bits on scales than NVFP4, so their ceilings are a little higher. What decides
# between the three is quality and kernels, not these few percent.
#
# ## A roof with two slopes
#
# Several users can share one reading of the weights. With a batch of eight, a step still reads them once, and
# writes eight tokens. So speed grows with the batch, until multiplying takes longer than reading. This picture
# is called a roofline:
#
# $$
# \text{tokens per second} \le \frac{B}{\max(t_\text{read}, t_\text{multiply})}
# $$
#
# Here $B$ is the batch, $t_\text{read}$ the bytes of a step over the bandwidth, and $t_\text{multiply}$ its
# operations over the arithmetic that the chip can do in a second.

# %%
batches = [2**power for power in range(11)]
figure, axes = plots.figure(height=230)
for name, colour, style in (
    ("nvfp4", plots.BLUE, "-"),
    ("nvfp4-w4a16", plots.BLUE, "--"),
    ("bf16", plots.GREY, "-"),
):
    roof = [estimate(qwen, FORMATS[name], gb10, batch=batch) for batch in batches]
    speeds = [made.ceiling_tok_s for made in roof]
    axes.plot(batches, speeds, style, color=colour, label=FORMATS[name].title)
    knee = 1
    while estimate(qwen, FORMATS[name], gb10, batch=knee).limit == "memory":
        knee += 1
    print(
        f"{FORMATS[name].title:14} {speeds[0]:5.1f} tok/s at batch 1; arithmetic is the limit from {knee} on"
    )
axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="tokens per second")
axes.set_xticks(batches[::2], [str(batch) for batch in batches[::2]])
axes.legend()
plots.show(
    figure,
    "Two lines for NVFP4 rise together, three times above one for BF16. At a batch of 156 the one for W4A16 turns "
    "flat, and BF16 reaches the same level at 458. The one for W4A4 goes on and turns flat at 501.",
)

# %% [markdown]
# While reading is the limit, W4A4 and W4A16 are one line. They part where arithmetic becomes the limit: W4A4
# multiplies 4-bit numbers, W4A16 unpacks the weights and multiplies as BF16 does.
#
# The flat parts rest on a guess. NVIDIA publishes one figure for a GB10's arithmetic: [1 petaflop of FP4, with
# sparsity](https://www.nvidia.com/en-us/products/workstations/dgx-spark/). We take half of it for dense 4-bit
# numbers, a quarter for 8-bit and an eighth, 125 TFLOPS, for 16-bit ones. An owner [measured
# 92.3](https://github.com/huggingface/kernels/pull/283) of those 125.
#
# The slope on the left is firmer. llama.cpp's authors [measured batches on a DGX
# Spark](https://github.com/ggml-org/llama.cpp/blob/4c7e9893c4ca8eec35d032726d14b74fae76cff8/benches/dgx-spark.md)
# (2 November 2025, 512 tokens of context). Beside each measured speed stands its share of our ceiling:

# %%
measured = read("batches")["gb10"]
rows = []
for name, speeds in measured["tok_s"].items():
    model, stored = name.split()
    bounds = [
        estimate(bundled(model), FORMATS[stored], gb10, batch=batch, context=measured["context"])
        for batch in measured["batches"]
    ]
    shares = [100 * speed / made.ceiling_tok_s for speed, made in zip(speeds, bounds, strict=True)]
    cells = [f"{speed:.0f} ({share:.0f} %)" for speed, share in zip(speeds, shares, strict=True)]
    rows.append([f"{model}, {FORMATS[stored].title}", *cells])
table(["tok/s (share of ceiling) at batch", *(str(batch) for batch in measured["batches"])], rows)

# %% [markdown]
# The dense model keeps below its ceiling. Two of the mixtures of experts do not, and the reason is worth a
# section.
#
# ## Experts: how many does a batch touch?
#
# A mixture of experts reads only the experts that a token is routed to: 4 of 128 in each layer of gpt-oss-120b.
# That is why it writes faster than a dense model of a tenth of its size. A batch touches more of them. If every
# expert is as likely as any other, a batch of $B$ tokens that each take $k$ of $E$ experts touches
#
# $$
# E \left(1 - \left(1 - \frac{k}{E}\right)^B\right)
# $$
#
# of them on average. The other extreme is a batch in which all tokens take the same $k$. Real batches lie
# between:

# %%
oss, gguf = bundled("gpt-oss-120b"), FORMATS["mxfp4-gguf"]
context, shown = measured["context"], measured["batches"]
even = [estimate(oss, gguf, gb10, batch=batch, context=context) for batch in shown]
same = [gb10.bytes_s * made.batch / (even[0].read_weight_bytes + made.cache_bytes) for made in even]

figure, axes = plots.figure(height=230)
axes.fill_between(shown, [made.ceiling_tok_s for made in even], same, color=plots.BLUE, alpha=0.15)
axes.plot(shown, same, color=plots.BLUE, label="ceiling, all take the same experts")
axes.plot(
    shown, [made.ceiling_tok_s for made in even], color=plots.ORANGE, label="ceiling, all experts as likely"
)
axes.plot(
    shown, measured["tok_s"]["gpt-oss-120b mxfp4-gguf"], "o", color=plots.INK, label="measured by llama.cpp"
)
axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="tokens per second")
axes.set_xticks(shown, [str(batch) for batch in shown])
axes.legend()
plots.show(
    figure,
    "gpt-oss-120b: two ceilings start at one point and part as the batch grows. The measured points lie below both "
    "up to a batch of 4, and between the two from 8 on.",
)
print("experts a layer, if all are as likely:", ", ".join(f"{made.experts_touched:.1f}" for made in even))

# %% [markdown]
# From a batch of 8 on, the measured points lie above the ceiling of even routing. So that one is no bound but
# an expectation, and the routing in this test was far from even. Its tokens were
# [random](https://github.com/ggml-org/llama.cpp/blob/master/tools/batched-bench/batched-bench.cpp), which real
# text is not, so do not take these points for your own batch either. For a dense model, and for one user, the
# ceilings on this page are bounds. For a batch on a mixture of experts, they are a guide.
#
# ## The context is read as well
#
# Attention looks back at every token so far, so a step also reads the keys and values of the whole context, and
# no user shares those. For Qwen3-8B one token of context is 36 layers × 2 × 8 heads × 128 numbers × 2 bytes =
# 147,456 bytes in BF16. NVIDIA's NVFP4 checkpoint of it declares an FP8 cache, which is half of that.

# %%
contexts = [0, 4096, 8192, 16384, 32768, 49152, 65536, 98304, 131072]
figure, axes = plots.figure(height=230)
for name, stored, cache, colour, style in (
    ("Qwen3-8B", "nvfp4", "bf16", plots.BLUE, "-"),
    ("Qwen3-8B", "nvfp4", "fp8", plots.BLUE, "--"),
    ("gpt-oss-120b", "mxfp4-gguf", "bf16", plots.ORANGE, "-"),
):
    line = [
        estimate(bundled(name), FORMATS[stored], gb10, context=context, cache=cache).ceiling_tok_s
        for context in contexts
    ]
    label = f"{name}, {cache.upper()} cache"
    axes.plot([context / 1024 for context in contexts], line, style, color=colour, label=label)
    print(
        f"{name:12}  {cache:4} cache: {line[0]:5.1f} tok/s empty, {line[4]:5.1f} at 32k, {line[-1]:5.1f} at 128k"
    )
llama_cpp = [row for row in published() if row.model == "gpt-oss-120b" and row.engine == "llama.cpp b6918"]
depths, speeds = [row.context / 1024 for row in llama_cpp], [row.tok_s for row in llama_cpp]
axes.plot(depths, speeds, "o", color=plots.INK, label="gpt-oss-120b, measured")
axes.set(xlabel="context, in units of 1,024 tokens", ylabel="tokens per second", ylim=0)
axes.legend()
plots.show(
    figure,
    "Ceilings fall as the context grows. Qwen3-8B falls from 53 to 11 tokens per second at 128k with a BF16 cache, "
    "and to 18 with an FP8 cache. gpt-oss-120b falls more slowly, and two measured points lie at three quarters of it.",
)

# %% [markdown]
# gpt-oss loses less because every second layer looks back at [128 tokens
# only](https://huggingface.co/openai/gpt-oss-120b/blob/main/config.json). The two dots are llama.cpp's. Lengths
# beyond 40,960 are more than Qwen3-8B was made for; the line shows what they would cost.
#
# ## Reading a prompt is the other question
#
# A prompt of 2,048 tokens is one large batch: the weights are read once for all of them, and multiplying takes
# the time. Now the bits of the *activations* matter, because the tensor cores multiply at the width of the
# wider factor. In W4A4 both are 4 bits wide. In W4A16 the weights are unpacked, and everything is multiplied in
# 16 bits.

# %%
rows = []
for row in published():
    if row.bound and row.prefill_tok_s and row.format == "nvfp4":
        four, sixteen = (
            estimate(bundled(row.model), FORMATS[name], gb10, context=row.context)
            for name in ("nvfp4", "nvfp4-w4a16")
        )
        speeds = sixteen.prefill_tok_s, row.prefill_tok_s, four.prefill_tok_s
        decode = sixteen.ceiling_tok_s, four.ceiling_tok_s
        rows.append(
            [
                Link(row.model, row.source),
                *(f"{one:,.0f}" for one in speeds),
                *(f"{one:.1f}" for one in decode),
            ]
        )
prefill = ["Prefill, tok/s: W4A16 at most", "measured", "W4A4 at most"]
table(["NVFP4", *prefill, "Decode, tok/s: W4A16 at most", "W4A4 at most"], rows)

# %% [markdown]
# Both of NVIDIA's prefill speeds (October 2025) are higher than 16-bit arithmetic allows by our figures, and a
# third of what 4-bit arithmetic allows. So these runs did multiply in 4 bits. For decode the two columns are
# the same.
#
# That is why the two recipes answer different questions. *How fast do I get my answer?* depends on bytes, and
# W4A16 gives the same ceiling without rounding the activations; NVIDIA's playbook of 21 July 2026 [recommends
# it](https://github.com/NVIDIA/dgx-spark-playbooks/blob/0db7c141da60870ca6ed5c99436320f4e35cd531/nvidia/nvfp4-quantization/README.md)
# on a DGX Spark for the model that it converts. *How fast is a long prompt read, or a large batch served?*
# depends on arithmetic, and that is what W4A4 is for.
#
# ## What others measured
#
# Here are published speeds beside our ceilings, one GB10 unless it says two. Most of one user's speeds lie
# between 60 and 85 % of the ceiling. That is the band that `gb10docs fit` prints as *expected*.

# %%
rows = []
for row in published():
    if not (row.bound and row.share):  # a draft guesses ahead: nothing bounds it
        continue
    two = ", two GB10s" if row.machine == "gb10-x2" else ""
    speed = f"{row.low}–{row.tok_s}" if row.low else f"{row.tok_s}"
    rows.append(
        [
            f"{row.model}, {row.title}{two}",
            speed,
            f"{row.bound.ceiling_tok_s:,.1f}",
            f"{100 * row.share:.0f} %",
            f"{row.batch}",
            f"{row.context:,}",
            Link(f"{row.engine}, {row.by}, {row.date}", row.source),
        ]
    )
table(["Model and format", "tok/s", "Ceiling", "Share", "Batch", "Context", "Engine, who, when"], rows)

# %% [markdown]
# A *vendor* sells the machine, a *project* writes the engine, and a *user* has bought one. A context of 0 means
# that it was short, or that nobody said. Three things to see:
#
# - Two GB10s reach 29 and 38 % of what two memories could do with Qwen3-235B-A22B, and 70 % with gpt-oss-120b. The
#   ceiling takes the network between them for free, and it is not.
# - 32 users of Llama-3.1-8B reach a third. At that batch the context counts for more than the weights: with
#   2,048 tokens each, the ceiling would be half as high.
# - Two speeds of one model are above its ceiling.
#
# NVIDIA's figures of [August and September 2026](https://github.com/NVIDIA/local-ai-inference-recipes) are not among
# them. All were made with something that guesses ahead, so several tokens come of one reading, and no ceiling of this
# kind bounds them. They are on the [engines' page](../engines/index.md#published-for-the-gb10).
#
# ## Exercise: a speed above its ceiling
#
# An owner served gpt-oss-120b with vLLM on one DGX Spark and got [33 to 34 tokens per
# second](https://github.com/NVIDIA/dgx-spark-playbooks/issues/79). Spark Arena, a leaderboard, has the same
# model on vLLM at [58.82](https://github.com/spark-arena/recipe-registry/issues/17), and another owner
# reproduced it at 59.5. The ceiling is 54.6. A ceiling cannot be passed, so something is counted wrong. What? (12 June
# 2026; the slower figure is of 25 April 2026.)
#
# A lucky measurement would not be reproduced. *Speculative decoding* writes several tokens for one reading of
# the weights and passes every ceiling of this kind, but the leaderboard's recipe has none. So look at the byte
# count:

# %%
made = estimate(oss, FORMATS["mxfp4-experts"], gb10)
for part in ("attention", "experts", "head"):
    share = made.experts_touched / oss.experts if part == "experts" else 1
    print(f"{part:9}  {FORMATS['mxfp4-experts'].bytes_of(part, oss.values[part]) * share / 1e9:5.2f} GB")
print(f"needed for 58.82 tok/s: at most {gb10.bytes_s / 58.82 / 1e9:.2f} GB a token")

# %% [markdown]
# In the checkpoint [everything but the experts is
# BF16](https://github.com/openai/gpt-oss/blob/main/README.md#precision-format). More than half of what a token
# reads is attention and output layer. If the runtime had narrowed those, it would read less than the checkpoint
# holds. Before you read on, open the [recipe behind the faster
# run](https://github.com/spark-arena/recipe-registry/blob/5a19453f99c7654a7e4c81787f7eb43f334ca3d2/experimental-recipes/eugr-vllm/openai-gpt-oss-120b-vllm.yaml)
# and look for a flag that does so.
#
# It is there: `--mxfp4-layers moe,qkv,o,lm_head`, an option of a fork of vLLM, converts attention and output
# layer to MXFP4 while the model is loaded. So count again:

# %%
for name, speed in (("mxfp4-experts", 34), ("mxfp4-lm-head", 58.82)):
    made = estimate(oss, FORMATS[name], gb10)
    print(f"{FORMATS[name].title:30}  {made.bytes_per_token / 1e9:.2f} GB a token")
    print(
        f"    at most {made.ceiling_tok_s:.1f} tok/s; {speed} is {100 * speed / made.ceiling_tok_s:.0f} % of it"
    )

# %% [markdown]
# Both speeds are ordinary: each is about 60 % of its own ceiling. The faster run reads fewer bytes, and
# computes with coarser numbers than the checkpoint has. Whether its answers are as good is a question that a
# speed does not answer. So keep the rule: **above 100 %, look for speculation, or count the bytes again.**
#
# One case stays open, and you may be the one to close it. A third owner has [57 to 60
# tok/s](https://conselara.dev/notes/dgx-spark-benchmarks/) (2 May 2026) on NVIDIA's own vLLM 0.19, without that option
# and without a draft that the page names. By our count that is 110 %. Either the engine narrows the layers by itself,
# or tokens are counted that were not written one by one, or we are wrong.
#
# ## Where bytes no longer rule
#
# We measured one machine ourselves, and it is no GB10: an H200, whose memory is [4.8
# TB/s](https://www.nvidia.com/en-us/data-center/h200/) fast. We ran vLLM 0.23.0 on 22 November 2026, on a
# checkpoint of Qwen3-8B's shape with random weights, 128 tokens in, medians of five. [The step and its
# record](measure-decode-speed.md) are on a page of their own. The time of a token, by bytes and by the clock:

# %%
ours, h200 = read("batches")["h200"], MACHINES["h200"]
rows = []
for name, speeds in ours["tok_s"].items():
    stored = FORMATS[name.split()[1]]
    made = estimate(qwen, stored, h200, context=ours["context"])
    here = estimate(qwen, stored, gb10, context=ours["context"])
    times = 1000 / made.ceiling_tok_s, 1000 / speeds[0], 1000 / speeds[0] - 1000 / made.ceiling_tok_s
    rows.append([stored.title, *(f"{time:.2f} ms" for time in times), f"{1000 / here.ceiling_tok_s:.1f} ms"])
table(["Batch 1", "H200, by bytes", "H200, measured", "The rest", "GB10, by bytes"], rows)

# %% [markdown]
# On the H200 about two milliseconds of each token are not bytes: starting kernels, small operations between the
# large ones, choosing the token. NVFP4 reads 63 % of FP8's bytes and is slower all the same: Hopper has no
# 4-bit arithmetic, so vLLM's Marlin kernel unpacks each weight first.
#
# On a GB10 the same token takes 19 ms of reading, and two milliseconds more would be a tenth. So the order of
# formats on an H200 says nothing of their order on a GB10. A fast card proves that a checkpoint loads and that
# a flag exists. It cannot tell you this machine's speed.
#
# ## Try it yourself
#
# Every model that comes with `gb10docs`, as it would be on one GB10, one user and 4,096 tokens of context:

# %%
rows = []
for name in MODELS:
    model = bundled(name)
    made = estimate(model, FORMATS[model.format], gb10, context=4096)
    low, high = made.expected_tok_s
    rows.append(
        [
            Link(name, model.source),
            made.format.title,
            f"{made.needed_bytes / 1e9:.1f} GB",
            made.verdict,
            f"{made.ceiling_tok_s:,.1f}",
            f"{low:,.0f}–{high:,.0f}",
        ]
    )
table(["Model", "Format", "Memory needed", "On a GB10", "Ceiling, tok/s", "Expected, tok/s"], rows)

# %% [markdown]
# The calculator does the same for any choice. Memory is an estimate. We add 4 GB for the engine, and leave the
# system [9 GB](https://github.com/Syllo/nvtop/issues/449) of the
# [128.5](https://github.com/leptonai/gpud/pull/1170) that an owner sees. For a machine with [64
# GB](https://blogs.nvidia.com/blog/local-ai-dgx-spark-64gb-sync/) take `gb10-64gb`; what such a machine reports is our
# guess.

# %%
calculator.show()
