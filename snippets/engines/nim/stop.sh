# /// script
# [tool.gb10docs]
# needs = ["server:nim"]
# stops = ["nim"]
# ///
(cd compose/nim && docker compose down)
