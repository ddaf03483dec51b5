# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:gb10docs"]
# makes = ["result:vllm-context"]
# timeout = "10m"
# expect.contains = ["vllm-context: ", "1024", "3/3"]
# ///
gb10docs bench --engine vllm --model Qwen3-8B-NVFP4 --label vllm-context \
  --context 0,1k --requests 3 --warmup 1 --prompt-tokens 64 --output-tokens 32
