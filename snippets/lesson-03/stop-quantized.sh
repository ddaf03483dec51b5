# /// script
# [tool.gb10docs]
# needs = ["server:trtllm-quantized"]
# stops = ["trtllm-quantized"]
# ///
(cd compose/trtllm && docker compose --profile quantized down)
