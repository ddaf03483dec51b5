"""How a server of this machine was started: its container's image and command line, or its process's."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from gb10docs.machine import ports
from gb10docs.privacy.secrets import redactor

_SOCKET = Path("/var/run/docker.sock")
_PROXY = "docker-proxy"
"""Listens in the place of a container that we could not ask Docker about."""

_SECRET = re.compile(r"^--?\S*(?:key|token|secret|password)$", re.IGNORECASE)


@dataclass(frozen=True)
class Launch:
    """What is known of it; what nobody says is empty."""

    image: str = ""
    digest: str = ""
    flags: tuple[str, ...] = ()


def find(port: int) -> Launch:
    """The container that publishes a port of this machine, else the process that listens on it."""
    return _container(port) or Launch(flags=_process(port))


def shown(words: Sequence[str]) -> tuple[str, ...]:
    """A command line without secrets, and without what names this machine and its user."""
    mask = redactor(os.environ).text
    return tuple(mask(_kept(before, word)) for before, word in pairwise(("", *words)))


def _kept(before: str, word: str) -> str:
    name, given, _ = word.partition("=")
    if given and _SECRET.match(name):
        return f"{name}=[secret]"
    return "[secret]" if _SECRET.match(before) else word


def _process(port: int) -> tuple[str, ...]:
    words: list[str] = []
    if pid := ports.listener(port):
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    return () if not words or Path(words[0]).name == _PROXY else shown(words)


def _container(port: int) -> Launch | None:
    if "DOCKER_HOST" not in os.environ and not _SOCKET.exists():
        return None
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        return None
    try:
        with closing(docker.from_env(timeout=5)) as engine:
            return next((_launch(each) for each in engine.containers.list() if _publishes(each, port)), None)
    except DockerException:
        return None


def _publishes(container: Any, port: int) -> bool:
    bound = [each for published in (container.ports or {}).values() for each in published or []]
    return any(each["HostPort"] == str(port) for each in bound)


def _launch(container: Any) -> Launch:
    config = container.attrs["Config"]
    words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    return Launch(config["Image"], _digest(container.image), shown(words))


def _digest(image: Any) -> str:
    digests = image.attrs.get("RepoDigests") or []
    return str(digests[0].rpartition("@")[2] if digests else image.id)
