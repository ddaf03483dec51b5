# /// script
# [tool.gb10docs]
# needs = ["docker"]
# optional = true
# ///
docker rm --force vllm-moe
