# /// script
# [tool.gb10docs]
# needs = ["result:vllm-streams", "command:gb10docs"]
# expect.contains = ["bench.html"]
# ///
gb10docs bench report vllm-streams --html > "$HOME/gb10/bench/bench.html"
ls "$HOME/gb10/bench/bench.html"
