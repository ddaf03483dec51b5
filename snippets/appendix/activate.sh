# /// script
# [tool.gb10docs]
# makes = ["command:python", "command:pip", "command:hf", "command:gb10docs"]
# ///
source "$HOME/venv/gb10-training/bin/activate"
python --version
