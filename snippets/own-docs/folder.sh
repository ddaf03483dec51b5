# /// script
# [tool.gb10docs]
# ///
cd "$(mktemp -d)"
mkdir -p docs snippets/hello
