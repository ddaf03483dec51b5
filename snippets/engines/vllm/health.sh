# /// script
# [tool.gb10docs]
# needs = ["server:vllm", "command:curl"]
# expect.contains = ["200"]
# ///
curl -fsS -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8002/health
