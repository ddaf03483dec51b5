# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["lesson-99/free-memory"]
# ///
gb10docs list --root .
gb10docs run lesson-99 --root . --dry-run
