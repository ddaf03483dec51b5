# /// script
# [tool.gb10docs]
# needs = ["server:ollama", "command:curl", "command:jq"]
# expect.contains = ["Ollama is running"]
# expect.matches = ["\\d+\\.\\d+\\.\\d+"]
# ///
curl -fsS http://127.0.0.1:11434/
echo
curl -fsS http://127.0.0.1:11434/api/version | jq -er .version
