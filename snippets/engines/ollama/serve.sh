# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "memory:16GB"]
# serves = "compose/ollama:ollama"
# timeout = "20m"
# ///
(cd compose/ollama && docker compose up -d --wait)
