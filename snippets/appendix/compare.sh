# /// script
# [tool.gb10docs]
# needs = ["result:vllm", "result:vllm-again", "command:gb10docs"]
# expect.contains = ["TTFT", "TPOT"]
# ///
gb10docs bench compare vllm vllm-again
