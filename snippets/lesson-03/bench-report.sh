# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs", "result:bench-trtllm", "result:bench-vllm"]
# expect.contains = ["trtllm: ", "vllm: ", "over trtllm"]
# ///
gb10docs bench report
gb10docs bench compare trtllm vllm
