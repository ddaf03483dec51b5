# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "network:ghcr.io", "disk:10GB"]
# timeout = "60m"
# ///
(cd compose/llamacpp && docker compose pull)
