# /// script
# [tool.gb10docs]
# needs = ["server:vllm"]
# stops = ["vllm"]
# ///
(cd compose/vllm && docker compose down)
