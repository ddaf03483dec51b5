# /// script
# [tool.gb10docs]
# needs = ["server:trtllm", "command:gb10docs"]
# makes = ["result:bench-trtllm"]
# timeout = "5m"
# ///
gb10docs bench --engine trtllm --model Qwen3-8B-NVFP4 \
  --requests 4 --warmup 1 --prompt-tokens 64 --output-tokens 64
