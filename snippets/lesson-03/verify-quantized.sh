# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs", "model:Qwen3-14B-NVFP4"]
# expect.contains = ["declared as NVFP4", "16 values", "not quantized"]
# expect.real.contains = ["lm_head"]
# ///
gb10docs inspect "$HOME/gb10/models/Qwen3-14B-NVFP4" --expect nvfp4
