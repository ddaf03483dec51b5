# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "network:registry-1.docker.io", "disk:10GB"]
# timeout = "60m"
# ///
(cd compose/ollama && docker compose pull)
