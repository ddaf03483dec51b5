# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["hello/system"]
# ///
gb10docs run hello --root . --target cpu --dry-run
