# /// script
# [tool.gb10docs]
# needs = ["command:gb10docs"]
# expect.contains = ["hello/system", "Linux"]
# ///
gb10docs site prepare --root .
jq '.steps[] | .id, .says' docs/hello.json
cat docs/hello.txt
