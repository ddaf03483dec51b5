# /// script
# [tool.gb10docs]
# ///
cd "$(mktemp -d)"
mkdir -p docs snippets/hello tmp
export TMPDIR="$PWD/tmp"
