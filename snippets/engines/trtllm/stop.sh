# /// script
# [tool.gb10docs]
# needs = ["server:trtllm"]
# stops = ["trtllm"]
# ///
(cd compose/trtllm && docker compose down)
