# /// script
# [tool.gb10docs]
# ///
cat > snippets/hello/system.sh <<'SNIPPET'
# /// script
# [tool.gb10docs]
# needs = ["command:uname"]
# expect.contains = ["Linux"]
# ///
uname --kernel-name
SNIPPET
cat snippets/hello/system.sh
