# /// script
# [tool.gb10docs]
# needs = ["server:nim", "command:curl"]
# expect.contains = ["live 200", "ready 200"]
# ///
curl -fsS -o /dev/null -w 'live %{http_code}\n' http://127.0.0.1:8000/v1/health/live
curl -fsS -o /dev/null -w 'ready %{http_code}\n' http://127.0.0.1:8000/v1/health/ready
