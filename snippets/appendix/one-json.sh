# /// script
# [tool.gb10docs]
# needs = ["result:vllm", "command:jq"]
# expect.json = { type = "object", required = ["engine", "version", "decode_tok_s"] }
# ///
jq '{engine: .server.engine, version: .server.version, digest: .server.digest,
  gpu: .machine.gpu, before: .before, decode_tok_s: .runs[0].decode_tok_s}' "$HOME/gb10/bench/one.json"
