# /// script
# [tool.gb10docs]
# needs = ["command:python3"]
# makes = ["command:python", "command:pip"]
# timeout = "5m"
# ///
python3 -m venv "$HOME/venv/gb10-training"
source "$HOME/venv/gb10-training/bin/activate"
python -m pip install -U pip
