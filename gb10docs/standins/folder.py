"""A folder that stands in for the hub on a machine with an NVIDIA GPU and no network.

`python -m gb10docs.standins.folder DIR` makes it out of the stand-in model alone. In the place of
`nvidia/Qwen3-8B-NVFP4` lies that model in NVFP4, weight-only, in a shape that Marlin takes.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from gb10docs.standins import checkpoint, nvfp4, weights, widened
from gb10docs.standins.catalog import MARK, MODEL

SERVED, BASE = "nvidia/Qwen3-8B-NVFP4", "Qwen/Qwen3-14B"


def make(folder: Path) -> None:
    """Fill the folder with what lesson 3 downloads; raises NoStandIn or NoStandIn."""
    store = weights.default_store()
    plain = checkpoint.smollm2(weights.smollm2(store), store)
    shutil.copytree(plain, folder / BASE)
    with tempfile.TemporaryDirectory() as scratch:
        wide = Path(scratch) / "wide"
        widened.write(plain, wide)
        (folder / SERVED).parent.mkdir(parents=True, exist_ok=True)
        nvfp4.quantize(wide, folder / SERVED, nvfp4.WEIGHT_ONLY)
    for name, told in {BASE: MODEL, SERVED: f"{MODEL}, {widened.WIDTH} wide, in NVFP4"}.items():
        (folder / name / MARK).write_text(json.dumps({"name": told}) + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
