# /// script
# [tool.gb10docs]
# needs = ["docker", "network:nvcr.io", "command:jq", "secret:NGC_API_KEY"]
# expect.contains = ["arm64"]
# ///
image=nvcr.io/nim/meta/llama-3.1-8b-instruct-dgx-spark:latest
printf '%s' "$NGC_API_KEY" | docker login nvcr.io --username '$oauthtoken' --password-stdin
docker manifest inspect --verbose "$image" |
  jq -ec '[.. | .architecture? // empty] | unique | if index("arm64") then . else error("no arm64 image") end'
