# /// script
# [tool.gb10docs]
# needs = ["docker", "gpu"]
# optional = true
# expect.real.contains = ["2.0 GPU"]
# ///
docker exec ray-head ray status
