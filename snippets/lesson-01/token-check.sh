# /// script
# [tool.gb10docs]
# needs = ["command:hf", "network:huggingface.co", "secret:HF_TOKEN"]
# optional = true
# ///
hf auth whoami
