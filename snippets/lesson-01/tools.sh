# /// script
# [tool.gb10docs]
# needs = ["privileged", "command:sudo", "command:apt-get", "network:ports.ubuntu.com"]
# makes = ["command:jq", "command:tree", "command:curl", "command:git"]
# optional = true
# timeout = "10m"
# ///
sudo apt-get update
sudo apt-get install --yes curl git jq python3-venv tree
