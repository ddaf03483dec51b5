# /// script
# [tool.gb10docs]
# needs = ["server:ollama", "command:curl", "command:jq"]
# expect.contains = ["qwen3:8b"]
# ///
curl -fsS http://127.0.0.1:11434/v1/models | jq -er '.data[].id'
