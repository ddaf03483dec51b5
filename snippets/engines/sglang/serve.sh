# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:34GB", "model:nvidia/Qwen3-8B-NVFP4"]
# serves = "compose/sglang:sglang"
# timeout = "20m"
# ///
(cd compose/sglang && docker compose up -d --wait)
