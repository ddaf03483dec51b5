"""Who answers: engine, version, image and flags of a server, as far as it and its container say."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gb10docs.bench.client import Server

_SOCKET = Path("/var/run/docker.sock")
_OWNERS = {
    "vllm": "vllm",
    "llamacpp": "llamacpp",
    "sglang": "sglang",
    "library": "ollama",
    "tensorrt_llm": "trtllm",
}
"""What `owned_by` in `/v1/models` says, by engine; an image's name is asked first."""

_IMAGES = {"tensorrt-llm": "trtllm", "/nim/": "nim", "vllm": "vllm", "sglang": "sglang", "ollama": "ollama"}
"""Parts of an image's name, by engine."""


@dataclass(frozen=True)
class Identity:
    """One server. What nobody says is empty."""

    url: str
    model: str
    """The served model's name."""

    engine: str = ""
    """`trtllm`, `vllm`, `sglang`, `ollama`, `nim` or `llamacpp`."""

    version: str = ""
    """The engine's."""

    root: str = ""
    """Where the server says the model comes from: a repository or a folder."""

    max_model_len: int | None = None
    """Tokens of prompt and answer together."""

    image: str = ""
    """The container's image, by its tag."""

    digest: str = ""
    """The image's digest; its id where it was built here."""

    flags: tuple[str, ...] = ()
    """The command line of the container."""

    stand_in: str | None = None
    """What answered in the place of the model, as its response header says."""


async def identify(server: Server, *, engine: str = "", model: str = "") -> Identity:
    """Ask the server, and the Docker engine for the container that publishes its port.

    Args:
        server: An open connection.
        engine: What the user says it is; believed.
        model: What the user calls the model; else the first that the server lists.
    """
    listed = await server.models()
    entry = next((each for each in listed if each["id"] == model), listed[0] if listed else {})
    container = published(server.port)
    image = str(container.get("image", ""))
    engine = engine or _first(_IMAGES, image) or _OWNERS.get(str(entry.get("owned_by")), "")
    return Identity(
        url=server.url,
        model=model or str(entry.get("id", "")),
        engine=engine,
        version=await _version(server),
        root=str(entry.get("root") or ""),
        max_model_len=entry.get("max_model_len"),
        **container,
    )


def published(port: int) -> dict[str, Any]:
    """Image, digest and flags of the running container that publishes a port of this machine, if one does."""
    if "DOCKER_HOST" not in os.environ and not _SOCKET.exists():
        return {}
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        return {}
    try:
        with closing(docker.from_env(timeout=5)) as engine:
            return next((_described(each) for each in engine.containers.list() if _publishes(each, port)), {})
    except DockerException:
        return {}


def _publishes(container: Any, port: int) -> bool:
    bound = [each for ports in (container.ports or {}).values() for each in ports or []]
    return any(each["HostPort"] == str(port) for each in bound)


def _described(container: Any) -> dict[str, Any]:
    return {
        "image": container.attrs["Config"]["Image"],
        "digest": _digest(container.image),
        "flags": tuple(container.attrs["Config"].get("Cmd") or ()),
    }


def _digest(image: Any) -> str:
    digests = image.attrs.get("RepoDigests") or []
    return str(digests[0].rpartition("@")[2] if digests else image.id)


async def _version(server: Server) -> str:
    """`/version` of vLLM, TensorRT-LLM and SGLang, `/api/version` of Ollama, `/props` of llama.cpp."""
    for path, key in (("/version", "version"), ("/api/version", "version"), ("/props", "build_info")):
        said = await server.get(path)
        if isinstance(said, dict) and isinstance(said.get(key), str):
            return str(said[key])
    return ""


def _first(names: dict[str, str], image: str) -> str:
    return next((engine for part, engine in names.items() if part in image), "")
