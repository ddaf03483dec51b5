"""The package index as this machine's pip is set up to reach it: where a wheel is, or the wheel itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from gb10docs.errors import GB10DocsError

QUIET = ("--quiet", "--no-input", "--no-color", "--no-cache-dir", "--disable-pip-version-check")


class IndexUnreachableError(GB10DocsError):
    """pip cannot find or bring a package."""


def locate(requirement: str) -> str:
    """The address of the wheel that pip would install; raises IndexUnreachableError."""
    with tempfile.TemporaryDirectory() as folder:
        # In a file, since what pip prints is coloured wherever FORCE_COLOR is set.
        report = Path(folder) / "report.json"
        _pip("install", requirement, "--dry-run", "--ignore-installed", "--report", str(report))
        address: str = json.loads(report.read_text(encoding="utf-8"))["install"][0]["download_info"]["url"]
    return address


def bring(requirement: str, folder: Path) -> Path:
    """The wheel, downloaded by pip into an empty folder; raises IndexUnreachableError."""
    _pip("download", requirement, "--dest", str(folder))
    return next(folder.iterdir())


def _pip(command: str, requirement: str, *options: str) -> None:
    line = [
        sys.executable,
        "-m",
        "pip",
        command,
        requirement,
        *QUIET,
        "--no-deps",
        "--only-binary=:all:",
        *options,
    ]
    result = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if result.returncode:
        told = result.stderr.splitlines() or ["no message"]
        why = [line for line in told if line.startswith("ERROR")] or told
        raise IndexUnreachableError(f"pip cannot get {requirement}: {why[-1].removeprefix('ERROR: ')}")
