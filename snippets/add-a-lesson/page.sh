# /// script
# [tool.gb10docs]
# ///
cat > docs/lessons/lesson-99.md <<'PAGE'
---
title: "Lesson 99: How much memory is free"
description: Look at the memory that the CPU and the GPU share.
---

# Lesson 99: How much memory is free

The CPU and the GPU of a GB10 share one memory, so `free` shows what both can have:

```bash title="Free memory, in GB"
--8<-- "lesson-99/free-memory.sh"
```
PAGE
sed -i '/lessons\/lesson-03.md/a\      - "99: Free memory": lessons/lesson-99.md' mkdocs.yml
grep 'lessons/' mkdocs.yml
