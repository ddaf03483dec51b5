# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["lessons/lesson-99"]
# ///
ls docs/evidence/lessons/lesson-99
gb10docs evidence status --root .
