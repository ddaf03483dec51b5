# /// script
# [tool.gb10docs]
# makes = ["command:python", "command:pip", "command:hf"]
# ///
source "$HOME/venv/gb10-training/bin/activate"
python --version
