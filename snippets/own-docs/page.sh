# /// script
# [tool.gb10docs]
# ///
cat > docs/hello.md <<'PAGE'
# Hello

Which system is this?

```bash title="Ask the kernel"
--8<-- "hello/system.sh"
```
PAGE
