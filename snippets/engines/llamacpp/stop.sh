# /// script
# [tool.gb10docs]
# needs = ["server:llamacpp"]
# stops = ["llamacpp"]
# ///
(cd compose/llamacpp && docker compose down)
