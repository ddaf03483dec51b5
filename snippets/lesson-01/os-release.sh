# /// script
# [tool.gb10docs]
# expect.matches = ["(x86_64|aarch64)"]
# ///
. /etc/os-release
echo "$PRETTY_NAME, kernel $(uname -r), $(uname -m)"
