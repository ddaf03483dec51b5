"""The stand-in model in NVFP4, made once by Model Optimizer: by the very file that the lesson shows."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from gb10docs.machine import environments
from gb10docs.standins import NoStandIn

LESSON = Path(__file__).parents[2] / "snippets" / "lesson-03"
FILES = ("quantize.py", "calibration.txt")
PACKAGE = "nvidia-modelopt"
WEIGHT_ONLY = "W4A16_NVFP4_CFG"


def weight_only(source: Path, store: Path) -> Path:
    """Folder of a checkpoint with 4-bit weights and 16-bit activations, which is what a GB10 gains most from.

    Args:
        source: The 16-bit checkpoint.
        store: The folder that keeps it; a second process that wants it waits for the first.

    Raises:
        NoStandIn: It cannot be made.
    """
    from filelock import FileLock

    folder = store / f"{source.name}-{WEIGHT_ONLY.removesuffix('_CFG')}-{_maker()}"
    with FileLock(store / f"{folder.name}.lock"):
        if not folder.is_dir():
            made = store / f"{folder.name}.part"
            shutil.rmtree(made, ignore_errors=True)
            quantize(source, made, WEIGHT_ONLY)
            made.rename(folder)
    return folder


def quantize(source: Path, target: Path, recipe: str) -> None:
    """Run the lesson's file on a checkpoint, in an environment that holds Model Optimizer."""
    variables = {"SOURCE": str(source), "TARGET": str(target), "RECIPE": recipe}
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [environments.insist((PACKAGE,)), str(LESSON / FILES[0])],
            cwd=LESSON.parents[1],
            env={**os.environ, **variables, "TMPDIR": scratch},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-5:])
        raise NoStandIn(f"{LESSON / FILES[0]}: {source.name} was not quantized:\n{tail}")


def _maker() -> str:
    """Changes when what makes it does."""
    told = b"".join((LESSON / name).read_bytes() for name in FILES)
    return hashlib.sha256(told + environments.version(PACKAGE).encode()).hexdigest()[:8]
