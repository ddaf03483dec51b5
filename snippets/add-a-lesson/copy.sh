# /// script
# [tool.gb10docs]
# ///
course="$PWD"
cd "$(mktemp -d)"
cp -R "$course/compose" "$course/docs" "$course/snippets" "$course/mkdocs.yml" .
mkdir snippets/lesson-99
