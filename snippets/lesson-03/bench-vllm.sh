# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:gb10docs"]
# makes = ["result:bench-vllm"]
# timeout = "5m"
# ///
gb10docs bench --engine vllm --model Qwen3-8B-NVFP4 \
  --requests 4 --warmup 1 --prompt-tokens 64 --output-tokens 64
