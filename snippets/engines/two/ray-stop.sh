# /// script
# [tool.gb10docs]
# needs = ["docker"]
# optional = true
# ///
docker rm --force ray-head ray-worker
