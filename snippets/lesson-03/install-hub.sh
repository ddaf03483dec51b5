# /// script
# [tool.gb10docs]
# needs = ["command:pip"]
# timeout = "5m"
# expect.matches = ['\d+\.\d+\.\d+']
# ///
pip install -U huggingface_hub
hf version
