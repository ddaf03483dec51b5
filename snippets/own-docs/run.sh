# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["passed"]
# ///
gb10docs run hello --root . --target cpu --record --recorded-by "Ada"
