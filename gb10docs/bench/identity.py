"""Who answers: engine, version, image and flags of a server, as far as it and its container say."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gb10docs.bench import launch, words
from gb10docs.bench.address import NoServer
from gb10docs.bench.client import NoModel, Server
from gb10docs.bench.launch import Launch
from gb10docs.engines import ENGINES


@dataclass(frozen=True)
class Identity:
    """One server. What nobody says is empty."""

    url: str
    model: str
    """The served model's name."""

    engine: str = ""
    """What the command line calls it: `vllm`."""

    version: str = ""
    """The engine's."""

    root: str = ""
    """Where the server says the model comes from: a repository or a folder."""

    local: bool = True
    """Whether it is on the machine that measured; only then is that machine's bandwidth its ceiling."""

    max_model_len: int | None = None
    """Tokens of prompt and answer together."""

    image: str = ""
    """The container's image, by its tag."""

    digest: str = ""
    """The image's digest; its id where it was built here."""

    flags: tuple[str, ...] = ()
    """The command line of the container or process, secrets masked."""

    stand_in: str | None = None
    """What answered in the place of the model, as a response header or the folder that is served says."""


async def identify(server: Server, *, engine: str = "", model: str = "") -> Identity:
    """Ask the server and, if it is on this machine, how it was started.

    Args:
        server: An open connection.
        engine: What the user says it is; believed.
        model: What the user calls the model; else the first that the server lists.

    Raises:
        NoServer: It is not there, or does not say which models it has.
        NoModel: The user names no model, and the server lists none.
    """
    listed = await _listed(server, model)
    entry = next((each for each in listed if each["id"] == model), listed[0] if listed else {})
    started = launch.find(server.port) if server.local else Launch()
    engine = engine or _by_image(started.image) or _by_owner(str(entry.get("owned_by", "")))
    longest = entry.get("max_model_len")
    return Identity(
        url=server.url,
        model=model or str(entry.get("id", "")),
        engine=engine,
        version=await _version(server),
        root=words.shown(str(entry.get("root") or ""), 1000),
        local=server.local,
        max_model_len=longest if type(longest) is int else None,
        image=started.image,
        digest=started.digest,
        flags=started.flags,
    )


async def _listed(server: Server, model: str) -> list[dict[str, Any]]:
    """The models of the server; of one that does not say, only where the user does not say either, an error."""
    try:
        return await server.models()
    except (NoServer, NoModel):
        if not model:
            raise
        return []


async def _version(server: Server) -> str:
    for path, key in dict.fromkeys(one.version for one in ENGINES.values()):
        said = None
        with suppress(NoServer):
            said = await server.get(path)
        if isinstance(said, dict) and isinstance(said.get(key), str):
            return words.shown(said[key], 80)
    return ""


def _by_image(image: str) -> str:
    """The engine whose images are called so; empty for any other's."""
    return next((one.name for one in ENGINES.values() if one.image and one.image in image), "")


def _by_owner(owner: str) -> str:
    """The engine that says so in `owned_by`; empty where none does."""
    return next((one.name for one in ENGINES.values() if one.owner and one.owner == owner), "")
