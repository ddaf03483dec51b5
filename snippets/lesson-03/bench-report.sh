# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs", "result:bench-trtllm", "result:bench-vllm"]
# expect.contains = ["trtllm", "vllm"]
# ///
gb10docs bench report
