# /// script
# [tool.gb10docs]
# needs = ["server:llamacpp", "command:curl", "command:jq"]
# expect.contains = ["Qwen3-8B-Q4_K_M"]
# ///
curl -fsS http://127.0.0.1:8080/v1/models | jq -er '.data[].id'
