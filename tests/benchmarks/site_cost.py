"""What our Markdown extension costs a site: the same 100 pages built with it and in plain Material, in turn."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 1.15
CONFIG = """site_name: bench
theme: {{name: material, font: false}}
markdown_extensions:
  - pymdownx.superfences
  - pymdownx.highlight
{extension}  - pymdownx.snippets: {{base_path: [{snippets}], check_paths: true}}
"""
PROSE = "A sentence of prose with a [link](p0.md), some `code`, and **weight**, as pages have them. " * 6


def main() -> int:
    """Print the ratio; 1 if it is above the limit."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pages", type=int, default=100)
    options.add_argument("--snippets", type=int, default=5, help="a page")
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, chosen.pages, chosen.snippets)
        build(root, "ours"), build(root, "plain")
        pairs = [(build(root, "ours"), build(root, "plain")) for _ in range(chosen.rounds)]
    ratio = statistics.median(ours / plain for ours, plain in pairs)
    spread = [ours / plain for ours, plain in pairs]
    print(f"{chosen.pages} pages of {chosen.snippets} snippets, {chosen.rounds} pairs")
    print(f"plain Material {statistics.median(plain for _, plain in pairs):.2f} s, median")
    print(f"ours           {ratio:.3f} × that (min–max {min(spread):.3f}–{max(spread):.3f}), at most {LIMIT}")
    return int(ratio > LIMIT)


def write(root: Path, pages: int, snippets: int) -> None:
    """The tree, and a configuration with our extension and one without."""
    (root / "docs").mkdir()
    for page in range(pages):
        text = [f"# Page {page}\n"]
        for number in range(snippets):
            name = f"p{page}/s{number}.sh"
            path = root / "snippets" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                f'# /// script\n# [tool.gb10docs]\n# needs = ["command:jq"]\n# ///\necho {page} | jq .\n'
            )
            text += [f"\n## Step {number}\n", PROSE, f'\n```bash title="Step"\n--8<-- "{name}"\n```\n', PROSE]
        (root / "docs" / f"p{page}.md").write_text("\n".join(text))
    for kind, extension in (("ours", f"  - gb10docs.markdown: {{root: {root}}}\n"), ("plain", "")):
        (root / f"{kind}.yml").write_text(CONFIG.format(extension=extension, snippets=root / "snippets"))


def build(root: Path, kind: str) -> float:
    """Seconds of one whole build."""
    begun = time.perf_counter()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "-q",
            "-f",
            f"{root}/{kind}.yml",
            "-d",
            f"{root}/site-{kind}",
        ],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
