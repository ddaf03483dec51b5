# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:20GB", "model:nvidia/Qwen3-8B-NVFP4"]
# serves = "compose/trtllm:trtllm"
# timeout = "20m"
# ///
(cd compose/trtllm && docker compose up -d --wait)
