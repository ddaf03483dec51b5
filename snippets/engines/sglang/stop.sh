# /// script
# [tool.gb10docs]
# needs = ["server:sglang"]
# stops = ["sglang"]
# ///
(cd compose/sglang && docker compose down)
