# /// script
# [tool.gb10docs]
# ///
printf '%s\n' \
  '# /// script' \
  '# [tool.gb10docs]' \
  '# needs = ["command:uname"]' \
  '# expect.contains = ["Linux"]' \
  '# ///' \
  'uname --kernel-name' > snippets/hello/system.sh
cat snippets/hello/system.sh
