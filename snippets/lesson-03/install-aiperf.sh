# /// script
# [tool.gb10docs]
# needs = ["command:python"]
# makes = ["command:aiperf"]
# optional = true
# timeout = "15m"
# ///
python -m venv "$HOME/venv/aiperf"
"$HOME/venv/aiperf/bin/pip" install aiperf==0.13.0
export PATH="$PATH:$HOME/venv/aiperf/bin"
