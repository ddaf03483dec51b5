# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["trtllm", "vllm"]
# ///
gb10docs bench report
