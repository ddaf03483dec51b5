# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:gb10docs"]
# makes = ["result:vllm-streams"]
# timeout = "10m"
# expect.contains = ["vllm-streams: ", "8/8"]
# ///
gb10docs bench --engine vllm --model Qwen3-8B-NVFP4 --label vllm-streams \
  --concurrency 1,2,4 --requests 4 --prompt-tokens 64 --output-tokens 32
