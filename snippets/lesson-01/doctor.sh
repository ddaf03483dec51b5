# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["lesson-03"]
# ///
gb10docs doctor
