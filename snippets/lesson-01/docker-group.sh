# /// script
# [tool.gb10docs]
# needs = ["privileged", "docker", "command:sudo"]
# optional = true
# ///
sudo usermod -aG docker "$USER"
