# /// script
# [tool.gb10docs]
# needs = ["server:sglang", "command:curl", "command:jq"]
# expect.contains = ["Qwen3-8B-NVFP4"]
# ///
curl -fsS http://127.0.0.1:30000/v1/models | jq -er '.data[].id'
