"""The baseline: a fresh process for every snippet of a page, its output captured and asserted.

Usage: baseline.py PAGE.json PYTHON
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main(page: str, python: str) -> None:
    """Run each snippet with `bash -c` or `PYTHON -c`, and print how many there were."""
    program = {"bash": "bash", "python": python}
    ran = 0
    for language, code, output in json.loads(Path(page).read_text()):
        done = subprocess.run([program[language], "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == output + "\n", (code, done.stdout)
        ran += 1
    print(f"{ran} ran")


if __name__ == "__main__":
    main(*sys.argv[1:])
