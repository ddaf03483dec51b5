# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:28GB", "model:nvidia/Qwen3-8B-NVFP4"]
# serves = "compose/nim:nim"
# timeout = "20m"
# ///
(cd compose/nim && docker compose up -d --wait)
