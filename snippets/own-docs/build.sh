# /// script
# [tool.gb10docs]
# needs = ["command:mkdocs"]
# expect.contains = ["gb-evidence"]
# ///
cat > mkdocs.yml <<'SITE'
site_name: My docs
theme: material
markdown_extensions:
  - pymdownx.superfences
  - gb10docs.markdown
SITE
mkdocs build --quiet
grep --only-matching --max-count 1 'class="gb-evidence"' site/hello/index.html
