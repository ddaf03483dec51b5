# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu", "network:nvcr.io", "disk:60GB"]
# timeout = "60m"
# ///
(cd compose/trtllm && docker compose pull)
