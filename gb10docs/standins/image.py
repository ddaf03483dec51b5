"""The stand-in as a container image, built by the Docker engine out of what this program itself runs on.

Nothing is fetched for it but the base image. The image is kept, like the model is: building it takes seconds
and 200 MB. One that is of no use any more is removed when the next is built.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from gb10docs.engines import containers
from gb10docs.standins import NoStandIn

DOCKERFILE = Path("compose") / "standin" / "Dockerfile"
BASE = "GB10DOCS_BASE_IMAGE"
"""Environment variable that names another base image."""
LABEL = "gb10docs.standin"
"""On every image that is built here, since the Dockerfile says so."""
NAME = "gb10docs-standin"
_BUILD = 600
"""Seconds without a word in which the base image may be fetched."""
_DISTRIBUTIONS = ("httpx", "starlette", "uvicorn", "xllamacpp")
_OURS = ("__init__.py", "engines", "errors.py", "machine", "pages", "standins")
"""What of this package the container runs."""
_ROOT = Path(__file__).parents[1]


def obtain(root: Path, gguf: Path, scratch: Path) -> str:
    """The reference of the image, which is built unless the engine has it.

    Args:
        root: The tree whose Dockerfile describes it.
        gguf: The weights that answer in it.
        scratch: A folder for the build context.

    Raises:
        NoStandIn: There is no Dockerfile, no engine, no base image, or the build fails.
    """
    from docker.errors import DockerException, ImageNotFound

    dockerfile = root / DOCKERFILE
    if not dockerfile.is_file():
        raise NoStandIn(f"{dockerfile}: there is none: --stand-in docker builds its image from it")
    base = os.environ.get(BASE) or f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
    files = {"Dockerfile": dockerfile, "model.gguf": gguf, "lib/libgomp.so.1": _openmp(), **_packages()}
    reference = f"{NAME}:{_fingerprint(base, files)}"
    try:
        with containers.engine(_BUILD) as client:
            try:
                client.images.get(reference)
            except ImageNotFound:
                _build(client, reference, base, _pack(files, scratch / "context.tar"))
    except DockerException as error:
        raise NoStandIn(
            f"{DOCKERFILE}: cannot be built on {base}: {_why(error)}: "
            f"start Docker and let it fetch {base}, or name an image that it has, with Python, in {BASE}"
        ) from error
    return reference


def _build(client: Any, reference: str, base: str, context: Path) -> None:
    """Build the image, then remove those that no run will use again, and what a failed build has left."""
    from docker.errors import APIError

    try:
        with context.open("rb") as tar:
            client.images.build(
                fileobj=tar,
                custom_context=True,
                tag=reference,
                buildargs={"BASE": base},
                network_mode="none",
                rm=True,
                forcerm=True,
            )
    finally:
        context.unlink()
        images = client.images.list(filters={"label": LABEL})
        for name in (name for image in images for name in image.tags or [image.id] if name != reference):
            with contextlib.suppress(APIError):
                client.images.remove(name)


def _openmp() -> Path:
    """GNU's OpenMP library, which llama.cpp needs and slim images lack; as it is loaded here."""
    ctypes.CDLL("libgomp.so.1")
    loaded = re.search(r"/\S*libgomp\.so\S*", Path("/proc/self/maps").read_text())
    assert loaded
    return Path(loaded[0])


def _packages() -> dict[str, Path]:
    """Name in the build context to file, of what the container imports."""
    found = {}
    for name in _with_dependencies(_DISTRIBUTIONS):
        distribution = metadata.distribution(name)
        for file in distribution.files or []:
            path = Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and path.is_file() and path.suffix != ".pyc":
                found[f"packages/{file.as_posix()}"] = path
    for part in _OURS:
        for path in sorted(_files(_ROOT / part)):
            found[f"packages/{path.relative_to(_ROOT.parent).as_posix()}"] = path
    return found


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    return (one for one in path.rglob("*") if one.is_file() and one.suffix != ".pyc")


def _with_dependencies(names: Iterable[str]) -> Iterator[str]:
    """These distributions, and those which they require and which are installed."""
    todo, seen = list(names), set()
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        yield name
        needed = (one for one in requires if "extra ==" not in one)
        todo += [match[0] for one in needed if (match := re.match(r"[\w.-]+", one))]


def _fingerprint(base: str, files: dict[str, Path]) -> str:
    """A hash of the base image's name, and of every file by name, size and time."""
    seen = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in sorted(files.items())]
    return hashlib.sha256(repr((base, seen)).encode()).hexdigest()[:12]


def _pack(files: dict[str, Path], archive: Path) -> Path:
    with tarfile.open(archive, "w") as tar:
        for name, path in files.items():
            tar.add(path.resolve(), name, filter=_anonymous)
    return archive


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _why(error: Exception) -> str:
    """What the engine says, and the last line that the build has printed, in one line."""
    told = str(getattr(error, "explanation", None) or getattr(error, "msg", None) or error)
    printed = "".join(str(entry.get("stream", "")) for entry in getattr(error, "build_log", ()))
    lines = [line for line in printed.splitlines() if line.strip() and "intermediate container" not in line]
    last = lines[-1] if lines else ""
    return ": ".join(" ".join(part.split()) for part in (told, last) if part).rstrip(".")
