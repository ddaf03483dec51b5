# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:26GB", "model:nvidia/Qwen3-8B-NVFP4"]
# serves = "compose/vllm:vllm"
# timeout = "20m"
# ///
(cd compose/vllm && docker compose up -d --wait)
