# /// script
# [tool.gb10docs]
# needs = ["server:ollama"]
# stops = ["ollama"]
# ///
(cd compose/ollama && docker compose down)
