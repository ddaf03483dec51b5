# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu"]
# optional = true
# timeout = "30m"
# expect.real.contains = ["Application startup complete"]
# ///
grep -m 1 'Application startup complete' < <(docker logs --follow vllm-moe 2>&1)
docker logs vllm-moe 2>&1 | grep -E 'Using .* backend|KV cache size'
