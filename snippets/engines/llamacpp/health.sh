# /// script
# [tool.gb10docs]
# needs = ["server:llamacpp", "command:curl", "command:jq"]
# expect.contains = ["ok"]
# ///
curl -fsS http://127.0.0.1:8080/health | jq -er .status
