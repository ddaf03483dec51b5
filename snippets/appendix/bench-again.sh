# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:gb10docs"]
# makes = ["result:vllm-again"]
# timeout = "5m"
# expect.contains = ["vllm-again: ", "5/5"]
# ///
gb10docs bench --engine vllm --model Qwen3-8B-NVFP4 --label vllm-again \
  --prompt-tokens 128 --output-tokens 64
