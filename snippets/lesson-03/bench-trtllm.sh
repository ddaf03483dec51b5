# /// script
# [tool.gb10docs]
# needs = ["server:trtllm", "command:gb10docs"]
# makes = ["result:bench-trtllm"]
# timeout = "5m"
# ///
gb10docs bench run --url http://127.0.0.1:8001 --model Qwen3-8B-NVFP4 --label trtllm \
  --requests 3 --warmup 1 --max-tokens 64
