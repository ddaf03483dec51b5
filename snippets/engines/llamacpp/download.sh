# /// script
# [tool.gb10docs]
# needs = ["command:hf", "network:huggingface.co", "disk:10GB"]
# makes = ["model:Qwen/Qwen3-8B-GGUF"]
# timeout = "60m"
# ///
mkdir -p "$HOME/gb10/models"
hf download Qwen/Qwen3-8B-GGUF Qwen3-8B-Q4_K_M.gguf --local-dir "$HOME/gb10/models/Qwen3-8B-GGUF"
