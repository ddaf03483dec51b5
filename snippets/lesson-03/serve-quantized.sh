# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:26GB", "model:Qwen3-14B-NVFP4"]
# serves = "compose/trtllm:trtllm-quantized"
# timeout = "20m"
# ///
(cd compose/trtllm && docker compose up -d --wait trtllm-quantized)
