# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:gb10docs"]
# makes = ["result:bench-vllm"]
# timeout = "5m"
# ///
gb10docs bench run --url http://127.0.0.1:8002 --model Qwen3-8B-NVFP4 --label vllm \
  --requests 3 --warmup 1 --max-tokens 64
