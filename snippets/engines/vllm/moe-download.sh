# /// script
# [tool.gb10docs]
# needs = ["command:hf", "network:huggingface.co", "disk:30GB"]
# makes = ["model:nvidia/Qwen3.6-35B-A3B-NVFP4"]
# optional = true
# timeout = "3h"
# ///
mkdir -p "$HOME/gb10/models"
hf download nvidia/Qwen3.6-35B-A3B-NVFP4 \
  --revision 1355db6a052410cfd62085d94b58866fd0f2c3c5 \
  --local-dir "$HOME/gb10/models/Qwen3.6-35B-A3B-NVFP4"
