# /// script
# [tool.gb10docs]
# needs = ["server:ollama", "command:curl", "command:jq", "network:registry.ollama.ai", "disk:10GB"]
# timeout = "60m"
# expect.contains = ["success"]
# ///
curl -fsS http://127.0.0.1:11434/api/pull -d '{"model": "qwen3:8b", "stream": false}' | jq -er .status
