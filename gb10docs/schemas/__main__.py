"""`python -m gb10docs.schemas` writes the schemas anew."""

from __future__ import annotations

from gb10docs.schemas import FOLDER, generate

for name, text in generate().items():
    (FOLDER / name).write_text(text)
