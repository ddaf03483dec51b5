# /// script
# requires-python = ">=3.11"
# dependencies = ["gb10docs[stand-ins]"]
#
# [tool.gb10docs]
# makes = ["result:smollm2-135m"]
# timeout = "10m"
# expect.contains = ["model.safetensors"]
# ///
from pathlib import Path

from gb10docs.standins import checkpoint, weights

store = weights.default_store()
folder = checkpoint.smollm2(weights.smollm2(store), store)
link = Path.home() / "gb10/models/SmolLM2-135M-Instruct"
link.parent.mkdir(parents=True, exist_ok=True)
if not link.exists():
    link.symlink_to(folder)
for file in sorted(link.iterdir()):
    print(f"{file.stat().st_size:>11,}  {file.name}")
print(f"dequantized from {weights.SMOLLM2.file.name}, SHA-256 {weights.SMOLLM2.file.sha256}")
