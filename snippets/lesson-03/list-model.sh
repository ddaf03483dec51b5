# /// script
# [tool.gb10docs]
# needs = ["model:nvidia/Qwen3-8B-NVFP4", "command:tree"]
# expect.contains = ["config.json"]
# expect.real.contains = ["hf_quant_config.json", ".safetensors"]
# ///
tree -h "$HOME/gb10/models/Qwen3-8B-NVFP4"
