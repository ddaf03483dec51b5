# /// script
# [tool.gb10docs]
# needs = ["server:sglang", "command:curl", "command:jq"]
# expect.contains = ["200", "\"Qwen3-8B-NVFP4\""]
# ///
curl -fsS -o /dev/null -w '%{http_code}\n' http://127.0.0.1:30000/health_generate
curl -fsS http://127.0.0.1:30000/model_info | jq -e '{served_model_name, model_path}'
