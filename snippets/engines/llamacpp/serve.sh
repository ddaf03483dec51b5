# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:16GB", "model:Qwen/Qwen3-8B-GGUF"]
# serves = "compose/llamacpp:llamacpp"
# timeout = "20m"
# ///
(cd compose/llamacpp && docker compose up -d --wait)
