# /// script
# [tool.gb10docs]
# needs = ["command:pip"]
# makes = ["command:gb10docs", "command:hf"]
# timeout = "15m"
# ///
pip install -r requirements/run.txt
pip install --no-deps -e .
