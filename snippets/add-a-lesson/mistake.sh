# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["free-memory.sh"]
# ///
sed -i 's/expect/expects/' snippets/lesson-99/free-memory.sh
gb10docs run lesson-99 --root . --dry-run 2>&1 || true
sed -i 's/expects/expect/' snippets/lesson-99/free-memory.sh
