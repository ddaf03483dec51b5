# /// script
# [tool.gb10docs]
# ///
cat > snippets/lesson-99/free-memory.sh <<'SNIPPET'
# /// script
# [tool.gb10docs]
# needs = ["command:free"]
# expect.contains = ["Mem:"]
# ///
free --giga
SNIPPET
