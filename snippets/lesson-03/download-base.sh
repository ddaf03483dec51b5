# /// script
# [tool.gb10docs]
# needs = ["command:hf", "network:huggingface.co", "disk:32GB"]
# makes = ["model:Qwen/Qwen3-14B"]
# timeout = "2h"
# ///
hf download Qwen/Qwen3-14B --local-dir "$HOME/gb10/models/Qwen3-14B"
