# /// script
# [tool.gb10docs]
# needs = ["command:jq"]
# expect.contains = ["hello/system"]
# ///
jq '.steps' docs/evidence/hello/*.json
