# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:gb10docs"]
# makes = ["result:vllm"]
# timeout = "5m"
# expect.contains = ["vllm: ", "TTFT ms", "5/5"]
# ///
gb10docs bench --engine vllm --model Qwen3-8B-NVFP4 --label vllm \
  --prompt-tokens 128 --output-tokens 64 --json "$HOME/gb10/bench/one.json"
