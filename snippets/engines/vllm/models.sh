# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:curl", "command:jq"]
# expect.contains = ["Qwen3-8B-NVFP4"]
# ///
curl -fsS http://127.0.0.1:8002/v1/models | jq -er '.data[].id'
