# /// script
# [tool.gb10docs]
# needs = ["result:vllm", "result:vllm-streams", "result:vllm-context", "command:gb10docs"]
# expect.contains = ["vllm-streams", "vllm-context", "System tok/s against TPOT"]
# ///
gb10docs bench report
