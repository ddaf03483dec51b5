# /// script
# [tool.gb10docs]
# needs = ["command:hf", "network:huggingface.co"]
# optional = true
# ///
hf auth whoami
