# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "network:registry-1.docker.io", "disk:60GB"]
# timeout = "60m"
# ///
(cd compose/sglang && docker compose pull)
