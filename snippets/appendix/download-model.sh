# /// script
# [tool.gb10docs]
# needs = ["command:hf", "network:huggingface.co", "disk:10GB"]
# makes = ["model:nvidia/Qwen3-8B-NVFP4"]
# timeout = "60m"
# ///
mkdir -p "$HOME/gb10/models"
hf download nvidia/Qwen3-8B-NVFP4 \
  --revision ccd10a893cbca613259517c3efe08e151ddf2b8e \
  --local-dir "$HOME/gb10/models/Qwen3-8B-NVFP4"
