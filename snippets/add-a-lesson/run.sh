# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["passed"]
# ///
gb10docs run lesson-99 --root . --record --recorded-by "Ada"
