# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs", "command:jq"]
# expect.contains = ["hello/system", "uname --kernel-name"]
# ///
gb10docs site prepare --root .
jq '.steps[] | {id, command, says}' docs/hello.json
cat docs/hello.txt
